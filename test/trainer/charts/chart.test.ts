import { parseXml } from '@rgrove/parse-xml';
import type { TopLevelSpec } from 'vega-lite';
import { describe, expect, it } from 'vitest';
import {
  createLogScale,
  pickLogTicks,
  renderChartFile,
  spreadLabels,
} from '../../../trainer/charts/chart.ts';
import { planLineChart, type LineChart } from '../../../trainer/charts/line-chart.ts';

const CHART: LineChart = {
  size: { width: 300, height: 200 },
  margin: { top: 10, right: 60, bottom: 30, left: 40 },
  scale: 'log',
  lines: [
    {
      label: 'D <1>',
      colour: 'var(--blue)',
      points: [
        [0, 1],
        [1, 0],
        [2, NaN],
        [3, 10],
        [4, 100],
      ],
      pale: [],
    },
  ],
  tooltips: [{ x: 0, text: 'step 0: "D" <1>' }],
};

describe('the ticks of a logarithmic axis', () => {
  it.each([
    [[0.001, 1000], 4],
    [[1, 100], 6],
    [[470, 610], 6],
    [[3, 3], 6],
    [[1e-9, 1e12], 7],
  ] as const)('from %j number between 1 and %i, and lie inside', ([low, high], most) => {
    const scale = createLogScale([low, high], [0, 100]);
    const ticks = pickLogTicks(scale, most);
    expect(ticks.length).toBeGreaterThan(0);
    expect(ticks.length).toBeLessThanOrEqual(most);
    expect(ticks.every((tick) => scale(tick) >= 0 && scale(tick) <= 100)).toBe(true);
  });
});

describe('labels', () => {
  it('do not overlap, stay inside, and keep their order', () => {
    const places = spreadLabels([50, 52, 95, 99, 10], 15, [0, 100]);
    const sorted = places.toSorted((a, b) => a - b);
    expect(sorted.slice(1).every((at, i) => at - (sorted[i] as number) >= 15)).toBe(true);
    expect(places[4]).toBe(10);
    expect(places[0]).toBeLessThan(places[1] as number);
    expect(Math.max(...places)).toBeLessThanOrEqual(100);
  });
});

describe('a chart', () => {
  const render = (chart: LineChart): Promise<string> =>
    renderChartFile(planLineChart(chart) as TopLevelSpec, { title: 'a & b', description: 'c' });

  it('is well-formed SVG with escaped texts, and the same for the same data', async () => {
    const svg = await render(CHART);
    expect(parseXml(svg).root?.name).toBe('svg');
    expect(svg).toContain('<title id="chart-title">a &amp; b</title>');
    expect(svg).toContain('D &lt;1&gt;</text>');
    expect(svg).toContain('<title>step 0: &quot;D&quot; &lt;1&gt;</title></path>');
    expect(await render(CHART)).toBe(svg);
  });

  it('has a gap where its scale cannot show a value', async () => {
    const svg = await render(CHART);
    const [, path] = / line_marks".*? d="([^"]*)"/.exec(svg) ?? [];
    expect(path?.match(/L/g)).toHaveLength(1);
    expect(svg).not.toContain('NaN');
  });

  it('is not drawn when its scale can show no value', () => {
    const [line] = CHART.lines as [LineChart['lines'][number]];
    expect(planLineChart({ ...CHART, lines: [{ ...line, points: [[0, -1]] }] })).toBeNull();
  });

  it('takes more points than a call takes arguments', () => {
    const points = Array.from({ length: 200_000 }, (_, i) => [i, 1] as const);
    const lines = CHART.lines.slice(0, 1).map((line) => ({ ...line, points }));
    expect(planLineChart({ ...CHART, lines })).not.toBeNull();
  });
});
