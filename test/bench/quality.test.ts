/**
 * What `npm run bench -- quality` makes of reports of evaluations.
 */
import { describe, expect, it } from 'vitest';
import { joinReports } from '../../bench/suites/quality.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

const FIGURES = {
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
    expect(join).toThrow(ExpectedError);
    expect(join).toThrow(message);
  });
});
