/**
 * The stylesheet and the script of the report, inlined into its page.
 */
import { CHART_COLOURS } from '../../charts/chart.ts';

/** Text has a contrast of at least 4.5 to 1, in light and dark. */
export const STYLE = `
:root {
  ${CHART_COLOURS.light};
  --page: #f6f6f4; --edge: #d9d9d4; --good: #1a7040; --open: #6a5300;
  --bad-paper: #fdf1ef; --bad-edge: #e7b7b0;
}
@media (prefers-color-scheme: dark) {
  :root {
    ${CHART_COLOURS.dark};
    --page: #141517; --edge: #34373c; --good: #6fd39a; --open: #e5c558;
    --bad-paper: #2c1d1c; --bad-edge: #6b3935;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0; display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 40px 0 8px; }
h3 { font-size: 1rem; margin: 0; }
p { margin: 4px 0; }
code { font: .9em ui-monospace, monospace; color: var(--soft); }
.kind, .facts-line, .note, .quiet { color: var(--soft); }
.kind { margin: 0; font-size: .875rem; }
.note { font-size: .875rem; max-width: 70ch; }
.quiet { margin-top: 16px; font-size: .875rem; }
.status { font-size: .8125rem; font-weight: 600; padding: 2px 10px; border: 1px solid currentColor; border-radius: 99px; }
.status.good { color: var(--good); } .status.bad { color: var(--red); } .status.open { color: var(--open); }
.figures { display: flex; flex-wrap: wrap; gap: 1px; margin: 20px 0 0; background: var(--edge); border: 1px solid var(--edge); border-radius: 10px; overflow: hidden; }
.figures div { flex: 1 1 124px; background: var(--paper); padding: 10px 14px; }
.figures dt { color: var(--soft); font-size: .8125rem; }
.figures dd { margin: 0; font-size: 1.125rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.warnings ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 10px; }
.warnings li { background: var(--bad-paper); border: 1px solid var(--bad-edge); border-radius: 10px; padding: 10px 16px; }
.warnings strong { color: var(--red); margin-right: 6px; }
.warnings .advice { color: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; margin-top: 12px; }
.chart { margin: 0; padding: 16px; background: var(--paper); border: 1px solid var(--edge); border-radius: 10px; display: flex; flex-direction: column; min-width: 0; }
.chart figcaption { flex: 1; margin-bottom: 8px; }
.chart svg { width: 100%; height: auto; display: block; overflow: visible; font-variant-numeric: tabular-nums; }
.tooltip_marks path:hover { opacity: .12; }
details { margin-top: 8px; font-size: .875rem; }
summary { cursor: pointer; color: var(--soft); width: fit-content; }
.scroll { overflow: auto; max-height: 320px; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding: 4px 0; }
th, td { text-align: right; padding: 3px 12px 3px 0; font-weight: 400; }
thead th { position: sticky; top: 0; background: var(--paper); border-bottom: 1px solid var(--edge); }
.scroll:has(.facts) { max-height: none; background: var(--paper); border: 1px solid var(--edge); border-radius: 10px; }
.facts { width: 100%; }
.facts th, .facts td { text-align: left; padding: 6px 16px; vertical-align: top; border-top: 1px solid var(--rule); overflow-wrap: break-word; }
.facts td { overflow-wrap: anywhere; }
.facts tr:first-child > * { border-top: 0; }
.facts th { color: var(--soft); width: 17rem; }
.strip { display: flex; gap: 12px; overflow-x: auto; list-style: none; margin: 12px 0 0; padding: 0 0 12px; scroll-snap-type: x proximity; }
.strip li { flex: none; scroll-snap-align: start; }
.strip figure { margin: 0; width: 224px; }
.strip figcaption { font-size: .8125rem; color: var(--soft); padding: 4px 0; font-variant-numeric: tabular-nums; }
.samples img { display: block; width: 100%; border-radius: 6px; background: #000; image-rendering: pixelated; }
#viewer { width: min(100%, 448px); margin-top: 12px; }
.controls { display: grid; grid-template-columns: auto 1fr; gap: 4px 12px; align-items: center; margin: 10px 0; }
.controls output { grid-column: 1 / -1; color: var(--soft); font-size: .875rem; font-variant-numeric: tabular-nums; }
.controls input { width: 100%; min-height: 32px; accent-color: var(--blue); }
button { font: inherit; font-size: .875rem; min-width: 64px; min-height: 36px; color: var(--ink); background: var(--paper); border: 1px solid var(--edge); border-radius: 8px; cursor: pointer; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
.scripted .strip figure { width: 112px; cursor: pointer; }
.scripted .strip [aria-current] img { outline: 2px solid var(--blue); outline-offset: -2px; }
@media (min-width: 860px) {
  .scripted .gallery { display: grid; grid-template-columns: 448px 1fr; gap: 24px; align-items: start; }
  .scripted .gallery:has(#viewer[hidden]) { display: block; }
  .scripted .strip { flex-wrap: wrap; max-height: 530px; overflow: hidden auto; padding: 0 4px; align-content: start; }
}
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 560px) { main { padding: 20px 14px 48px; } .facts th { width: 9rem; } .facts th, .facts td { padding: 6px 10px; } .chart svg text { font-size: 14px; } }
@media print { body { background: #fff; } .controls, details { display: none; } .chart, li { break-inside: avoid; } }
`;

/** Enlarges one picture of the strip: by the slider, by the play button or by a click. */
export const SCRIPT = `
(() => {
  const viewer = document.getElementById('viewer');
  if (!viewer) return;
  const [large, slider, output, button] = ['img', 'input', 'output', 'button'].map((name) => viewer.querySelector(name));
  const items = [...document.querySelectorAll('.strip li')];
  const strip = document.querySelector('.strip');
  let timer;
  const show = (place) => {
    items.forEach((item, i) => (i === place ? item.setAttribute('aria-current', 'true') : item.removeAttribute('aria-current')));
    const picture = items[place].querySelector('img');
    large.src = picture.src;
    large.alt = picture.alt;
    slider.value = place;
    output.value = items[place].querySelector('figcaption').textContent;
    slider.setAttribute('aria-valuetext', output.value);
    strip.scrollLeft = items[place].offsetLeft - strip.offsetLeft - strip.clientWidth / 2 + items[place].clientWidth / 2;
    strip.scrollTop = items[place].offsetTop - strip.offsetTop - strip.clientHeight / 2 + items[place].clientHeight / 2;
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    button.textContent = 'Play';
    button.setAttribute('aria-pressed', 'false');
  };
  const play = () => {
    if (Number(slider.value) === items.length - 1) show(0);
    timer = setInterval(() => (Number(slider.value) < items.length - 1 ? show(Number(slider.value) + 1) : stop()), 500);
    button.textContent = 'Stop';
    button.setAttribute('aria-pressed', 'true');
  };
  slider.addEventListener('input', () => { stop(); show(Number(slider.value)); });
  button.addEventListener('click', () => (timer === undefined ? play() : stop()));
  items.forEach((item, i) => item.addEventListener('click', () => { stop(); show(i); }));
  document.documentElement.classList.add('scripted');
  viewer.hidden = items.length < 2;
  show(items.length - 1);
})();
`;
