/**
 * The look of everything that the project shows: pages, reports and charts. Style sheets use the
 * tokens as CSS variables. Text has a contrast of at least 4.5 to 1 on paper, card and well.
 */

/** Colours by name, in light and in dark. */
export const COLOURS = {
  paper: ['#fbfaf6', '#14171b'],
  card: ['#ffffff', '#1b1f25'],
  well: ['#f2f0e9', '#101317'],
  ink: ['#1d2430', '#e8eaee'],
  soft: ['#59616e', '#a0a8b5'],
  line: ['#e2dfd5', '#2e343d'],
  edge: ['#8b8f98', '#6c7582'],
  mint: ['#0b7a5b', '#54d6ae'],
  'mint-wash': ['#e2f4ec', '#16302a'],
  'on-mint': ['#ffffff', '#0c2019'],
  fault: ['#b3261e', '#ff9d94'],
  'fault-wash': ['#fdf1ef', '#2c1d1c'],
  caution: ['#6a5300', '#e5c558'],
  // Series of charts, which differ for the colour-blind.
  red: ['#c02626', '#ff8078'],
  blue: ['#1f5fbf', '#79aefc'],
  orange: ['#b8470b', '#ff9a5c'],
  green: ['#0b7353', '#4cc9a0'],
  pink: ['#a8437c', '#e79fc9'],
  gold: ['#8a6400', '#e5c558'],
  violet: ['#4b4f9c', '#aeb2ff'],
} as const satisfies Readonly<Record<string, readonly [light: string, dark: string]>>;

/** Corners and type, the same in both schemes. */
const MEASURES = {
  radius: '0.6rem',
  sans: "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif",
  mono: "ui-monospace, 'SF Mono', Menlo, Consolas, monospace",
};

/**
 * Writes tokens as CSS. Dark ones follow the viewer's scheme; paper prints in light.
 * @param text  Only colours that this text uses are written; all tokens without it.
 */
export function writeTokens(text?: string): string {
  const isUsed = (name: string) => text?.includes(`var(--${name})`) !== false;
  const colours = Object.entries(COLOURS).filter(([name]) => isUsed(name));
  const measures = Object.entries(text === undefined ? MEASURES : {});
  const write = (scheme: 0 | 1) =>
    colours.map(([name, pair]) => `--${name}:${pair[scheme]}`).join(';');
  const own = measures.map(([name, value]) => `;--${name}:${value}`).join('');
  return `:root{${write(0)}${own}}@media screen and (prefers-color-scheme:dark){:root{${write(1)}}}`;
}
