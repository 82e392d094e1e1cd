import { describe, expect, it } from 'vitest';
import {
  checkRequest,
  nameColumns,
  planSamples,
  readModel,
  type FoundModel,
} from '../../../trainer/evaluation/samples.ts';

function find(folder: string, name: string, version: string): FoundModel {
  return { folder, manifest: { name, version: version.repeat(16), weights: { dtype: 'float16' } } };
}

describe('column names', () => {
  it('consist of name, version and weight encoding', () => {
    expect(nameColumns([find('a/model', 'digits', '1'), find('b/model', 'seed', '2')])).toEqual([
      { label: 'digits@1111111111111111, float16', heading: ['digits', '@11111111', 'float16'] },
      { label: 'seed@2222222222222222, float16', heading: ['seed', '@22222222', 'float16'] },
    ]);
  });

  it.each([
    [
      ['runs/0-digits/model', 'runs/1-digits/model/'],
      ['0-digits', '1-digits'],
    ],
    [
      ['models/digits', '/elsewhere/smaller'],
      ['digits', 'smaller'],
    ],
    [
      ['./a/x', 'b/x', 'a/y'],
      ['./a/x', 'b/x', 'a/y'],
    ],
  ])('of models with the same name in %j begin with %j', (folders, places) => {
    const columns = nameColumns([
      ...folders.map((folder) => find(folder, 'digits', '1')),
      find('c', 'seed', '2'),
    ]);
    expect(columns.map(({ heading }) => heading[0])).toEqual([...places, 'seed']);
    expect(columns[0]?.label).toBe(`${places[0]}: digits@1111111111111111, float16`);
    expect(new Set(columns.map(({ label }) => label)).size).toBe(columns.length);
  });
});

describe('columns of one model with several truncations', () => {
  const request = { n: 200, seed: 'a' };

  it('are named by them, and each has samples of its own', async () => {
    const [folder, models] = ['models/digits', [await readModel('models/digits')]];
    const truncated = { ...request, models: [folder], truncation: [0.5, 1] };
    const { columns } = await planSamples(truncated, models);
    expect(columns.map(({ label }) => label.replace(/^.*?, /, ''))).toEqual([
      'uint8, truncation 0.5',
      'uint8, truncation 1',
    ]);
    expect(columns.map(({ heading }) => heading.at(-1))).toEqual(['trunc. 0.5', 'trunc. 1']);
    const [calm, plain] = columns.map(({ open }) => open());
    const [alone] = (await planSamples({ ...request, models: [folder] }, models)).columns;
    expect(calm?.set.images).not.toEqual(plain?.set.images);
    expect(plain?.set.images).toEqual(alone?.open().set.images);
    expect([calm?.facts['truncation'], plain?.facts['truncation']]).toEqual([0.5, undefined]);
  });

  it('need a model', () => {
    expect(() => {
      checkRequest({ ...request, samples: 'digits.npy', truncation: [0.5] });
    }).toThrow('--truncation: only for --model');
  });
});
