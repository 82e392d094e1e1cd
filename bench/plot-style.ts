/**
 * What pictures of benchmarks have in common. Pure.
 */

/** A stylesheet for an SVG that stands alone, in light and dark: the colours of a run's report. */
export const PLOT_STYLE =
  ':root{--paper:#fff;--ink:#1c1d1f;--soft:#5d6167;--rule:#e3e3df;--point:#1f5fbf;--floor:#b8470b}' +
  '@media (prefers-color-scheme:dark){:root{--paper:#1d1f22;--ink:#eceae6;--soft:#a5a8ad;--rule:#303338;--point:#79aefc;--floor:#ff9a5c}}' +
  'text{font:12px system-ui,sans-serif;fill:var(--ink)}.title{font-size:15px;font-weight:600}.soft,.cost{fill:var(--soft)}' +
  '.label{font-weight:600}.label,.cost{paint-order:stroke;stroke:var(--paper);stroke-width:3px}.leader{stroke:var(--soft);stroke-width:.75}.paper{fill:var(--paper)}.rule{stroke:var(--rule)}.point{fill:var(--point)}' +
  '.peer{fill:var(--soft)}.floor{stroke:var(--floor);stroke-width:1.5;stroke-dasharray:6 4}.front{fill:none;stroke:var(--point);stroke-width:1.5;opacity:.5}';

/** Coordinates to a tenth. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
