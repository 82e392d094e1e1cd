/** Finds a smaller request in place of one that is too expensive for this service. */
import { Refusal } from '../../shared/contract/refusal.ts';
import { chooseCols, type Size } from '../../shared/picture/sheet-layout.ts';
import { estimateMs, type Work } from './admission.ts';

/** Parameters that decide the work, and their least values. */
const LOWERED = { n: 1, frames: 1, scale: 1 } as const;

/** Parameters that decide the size of a picture. */
interface Asked {
  readonly number?: string | undefined;
  readonly digits?: string | undefined;
  readonly labels?: string | undefined;
  readonly frames?: number | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/** Whether `n` decides the number of samples. A number, digits and labels decide it themselves. */
const isCountedByN = ({ number, digits, labels }: Asked): boolean =>
  (number ?? digits ?? labels) === undefined;

/**
 * Refuses a picture or a loop that has too many pixels.
 * @param asked  The caller's parameters, of which the error names those to lower.
 */
export function refuseLargePicture(
  size: Size & { readonly frames?: number },
  maxPixels: number,
  asked: Asked,
): never {
  const parameters = listLowered(asked);
  throw new Refusal({ code: 'picture_too_large', ...size, maxPixels, parameters });
}

/** Names the parameters that make a picture smaller when they are lowered. */
function listLowered(asked: Asked): string[] {
  const { frames, width, height } = asked;
  const sides = Object.entries({ width, height }).filter(([, side]) => side !== undefined);
  return [
    ...(isCountedByN(asked) ? ['n'] : []),
    ...(frames === undefined ? [] : ['frames']),
    ...(sides.length > 0 ? sides.map(([name]) => name) : ['scale']),
    'dpr',
  ];
}

/**
 * Says how far each parameter alone must be lowered for the answer to fit, such as "n=118".
 * @param pinned       The values that the caller asked for.
 * @param measureWork  Measures the work for other values.
 */
export function describeFit<P extends object>(
  pinned: P,
  measureWork: (pinned: P) => Work,
  maxMs: number,
): string {
  const given = pinned as Readonly<Record<string, unknown>>;
  const isSquare = typeof given['n'] === 'number' && given['cols'] === chooseCols(given['n']);
  const fits = (name: string, value: number) => {
    // Without cols= the sheet of fewer digits has fewer columns.
    const cols = name === 'n' && isSquare ? { cols: chooseCols(value) } : {};
    return estimateMs(measureWork({ ...pinned, [name]: value, ...cols })) <= maxMs;
  };
  const found: string[] = [];
  for (const [name, least] of Object.entries(LOWERED)) {
    const asked = name === 'n' && !isCountedByN(pinned) ? undefined : given[name];
    if (typeof asked === 'number' && asked > least && fits(name, least)) {
      let [low, high]: [number, number] = [least, asked];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        [low, high] = fits(name, middle) ? [middle, high] : [low, middle];
      }
      found.push(`${name}=${low}`);
    }
  }
  return found.join(', or ') || 'nothing like it';
}
