import { describe, expect, it } from 'vitest';
import { nameColumns, type FoundModel } from '../../../trainer/evaluation/samples.ts';

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
