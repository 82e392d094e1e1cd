/**
 * What `npm run bench -- quality` makes of figures and times; the times themselves are a
 * benchmark's, and not tested.
 */
import { parseXml, type XmlElement } from '@rgrove/parse-xml';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RequestTimes } from '../../bench/quality/request-times.ts';
import { summariseRequests } from '../../bench/quality/request-times.ts';
import { joinReports, QualityError, type QualityFigures } from '../../bench/quality/figures.ts';
import { renderPlot } from '../../bench/quality/plot.ts';
import type { QualityPoint, QualityReport } from '../../bench/quality/points.ts';
import { renderPage } from '../../bench/quality/table.ts';

const FIGURES: QualityFigures = {
  frechetDistance: 4,
  kernelDistance: { mean: 0.005, standardError: 0.0005 },
  precision: 0.8,
  recall: 0.7,
  density: 0.8,
  coverage: 0.8,
  classAccuracy: { accuracy: 0.98, worst: { label: 8, accuracy: 0.95 } },
  classBalance: 0.001,
  classificationAccuracyScore: null,
  diversity: 1,
  memorisation: 1,
  sharpness: 1,
};

const TERMS = {
  protocol: { version: 1, quick: false },
  seed: '1',
  n: 10_000,
  reference: { split: 'test', source: "MNIST's 10,000 test digits", count: 10_000, sha256: 'a' },
  floor: { trainingDigits: 60_000, sha256: 'b' },
  classifier: { sha256: 'c' },
};

function makeReport(versions: readonly string[], changes: object = {}): unknown {
  const columns = versions.map((version) => ({
    samples: { kind: 'model', name: 'digits', version },
    figures: { ...FIGURES, recall: Number(`0.${version}`) },
  }));
  return {
    schema: 2,
    ...TERMS,
    floorFigures: { ...FIGURES, recall: 0.9 },
    columns,
    notes: [],
    ...changes,
  };
}

describe('reports of evaluations', () => {
  it('are joined', () => {
    const { terms, models, floorFigures } = joinReports([
      { source: 'one', report: makeReport(['1', '2']) },
      { source: 'two', report: makeReport(['3'], { floor: { ...TERMS.floor, kept: true } }) },
    ]);
    expect(terms).toEqual(TERMS);
    expect([...models].map(([model, { recall }]) => [model, recall])).toEqual([
      ['digits@1', 0.1],
      ['digits@2', 0.2],
      ['digits@3', 0.3],
    ]);
    expect(floorFigures.recall).toBe(0.9);
  });

  it.each([
    [{ seed: '2', n: 200 }, /two: its seed, n differs from that of one/],
    [{ protocol: { version: 1, quick: true } }, /two: its protocol differs/],
    [{ reference: { ...TERMS.reference, split: 'validation' } }, /two: its reference differs/],
    [{ schema: 1 }, /two: expected what `npm run --silent evaluate .* prints, schema 2; schema: /],
  ])('are refused with %j', (changes, message) => {
    const join = () =>
      joinReports([
        { source: 'one', report: makeReport(['1']) },
        { source: 'two', report: makeReport(['2'], changes) },
      ]);
    expect(join).toThrow(QualityError);
    expect(join).toThrow(message);
  });
});

describe('times of requests', () => {
  const samples = [9, 1, 2].map((totalMs) => ({
    totalMs,
    stagesMs: { generate: totalMs, encode: 1 },
    bytes: 7,
  }));

  it('are least, median and largest in all, and means by stage', () => {
    expect(summariseRequests(samples)).toEqual({
      minMs: 1,
      medianMs: 2,
      maxMs: 9,
      stagesMs: { load: 0, generate: 4, encode: 1 },
      bytes: 7,
    });
  });

  it('leave slow ones out of the means when asked to', () => {
    expect(summariseRequests(samples, 0.5)).toMatchObject({
      medianMs: 2,
      stagesMs: { generate: 1.5 },
    });
  });
});

function makePoint(
  label: string,
  generate: number,
  changes: Partial<QualityFigures>,
): QualityPoint {
  const times: RequestTimes = {
    minMs: 1,
    medianMs: generate + 4,
    maxMs: 9,
    stagesMs: { load: 0, generate, encode: 1 },
    bytes: 1,
  };
  return {
    label,
    name: 'digits',
    version: 'aade1731ff587816',
    weightsType: 'float16',
    weightsBytes: 266_432,
    parameters: 133_216,
    multiplyAccumulates: 1_132_096,
    figures: { ...FIGURES, ...changes },
    times: { 1: times, 16: times, 256: times },
  };
}

const REPORT: QualityReport = {
  schema: 1,
  terms: TERMS,
  floorFigures: { ...FIGURES, frechetDistance: 0.77, recall: 0.884 },
  machine: { processor: 'a processor', cores: 2, node: '22.0.0', platform: 'linux-x64' },
  repeats: 40,
  points: [
    makePoint('seed <1>', 0.5, { frechetDistance: 187, recall: 0.146, classAccuracy: null }),
    makePoint('small', 2, { frechetDistance: 8, recall: 0.6 }),
    makePoint('worse', 2.1, { frechetDistance: 9, recall: 0.5 }),
    makePoint('large', 6, { frechetDistance: 3, recall: 0.75 }),
  ],
};

function findAll(
  { children }: XmlElement,
  matches: (element: XmlElement) => boolean,
): XmlElement[] {
  const elements = children.filter((child) => child.type === 'element') as XmlElement[];
  return elements.flatMap((element) => [
    ...(matches(element) ? [element] : []),
    ...findAll(element, matches),
  ]);
}

describe('the plot', () => {
  let svg: XmlElement;
  beforeAll(async () => {
    svg = parseXml(await renderPlot(REPORT)).root as XmlElement;
  });
  /** The elements of the marks with a name, panel by panel. */
  const findMarks = (name: string): XmlElement[] =>
    findAll(svg, ({ attributes }) => attributes['class']?.includes(` ${name}_`) === true).flatMap(
      (group) => findAll(group, (element) => element.name === 'path'),
    );

  it('is a picture by itself, that tells its values to those who do not see it', () => {
    expect(svg.attributes).toMatchObject({ xmlns: 'http://www.w3.org/2000/svg', role: 'img' });
    const [told] = findAll(svg, ({ name }) => name === 'desc');
    expect(told?.text).toMatch(
      /seed <1>: 1\.5 ms, Fréchet distance 187, Recall 0\.146; small: 3 ms/,
    );
  });

  it('has a point a model in both panels, inside of them, better ones in their places', () => {
    const points = findMarks('point').map(({ attributes }) => {
      const [x, y] = /translate\((.*),(.*)\)/.exec(attributes['transform'] ?? '')?.slice(1) ?? [];
      return { x: Number(x), y: Number(y) };
    });
    expect(points).toHaveLength(8);
    expect(points.every(({ x, y }) => x > 0 && x < 400 && y > 0 && y < 284)).toBe(true);
    const [seed, , , large, seedRecall, , , largeRecall] = points;
    expect(large?.x).toBeGreaterThan(seed?.x ?? Infinity);
    expect(large?.y).toBeGreaterThan(seed?.y ?? Infinity); // A lower distance stands lower.
    expect(largeRecall?.y).toBeLessThan(seedRecall?.y ?? 0);
  });

  it('joins those that no other beats', () => {
    const paths = findMarks('front').map(({ attributes }) => attributes['d'] ?? '');
    // Three of the four: a move, then a step for each further one and for the edge.
    expect(paths.map((path) => path.match(/[ML]/g)?.length)).toEqual([7, 7]);
  });

  it('stands with one model alone', async () => {
    const alone = await renderPlot({ ...REPORT, points: REPORT.points.slice(0, 1) });
    expect(parseXml(alone).root?.type).toBe('element');
  });
});

describe('the page', () => {
  it('has a row a model, real digits last, and says what the numbers are', () => {
    const page = renderPage(REPORT, 'quality.svg');
    const rows = page.split('\n').filter((line) => line.startsWith('| '));
    expect(rows).toHaveLength(7);
    expect(new Set(rows.map((row) => row.split(' | ').length)).size).toBe(1);
    expect(rows[2]).toBe(
      '| seed <1> `@aade1731` | float16 | 266 | 1.13 M | 187.00 | .800 | .146 | .800 | – | 1.5 (4.5) | 1.5 (4.5) | 1.5 (4.5) |',
    );
    expect(rows.at(-1)).toMatch(/^\| real digits \| +\| +\| +\| 0\.77 \|/);
    expect(page).toContain('](quality.svg)');
    expect(page).toMatch(
      /of 40 requests in the local edge runtime, on 2 cores of a processor, Node 22\.0\.0\. Quality: 10,000 samples/,
    );
  });
});
