/**
 * The figures that pages show are those of the bundled models' cards.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readQualityCard } from '../../dev/build/page.ts';

const MODELS = join(import.meta.dirname, '..', '..', 'models');

test.each(['digits', 'digits-small'])(
  'the card of %s has its figures and its version',
  (folder) => {
    const card = readQualityCard(readFileSync(join(MODELS, folder, 'README.md'), 'utf8'));
    const { name, version } = JSON.parse(
      readFileSync(join(MODELS, folder, 'manifest.json'), 'utf8'),
    ) as Record<string, string>;
    expect(card.model).toBe(`${name}@${version}`);
    expect(card.figures.length).toBeGreaterThan(5);
    for (const begin of ['class accuracy', 'Fréchet', 'precision', 'diversity', 'memorisation']) {
      expect(card.figures.filter((figure) => figure.name.startsWith(begin))).toHaveLength(1);
    }
  },
);

test('a card reads as its table says, and one without a table is refused', () => {
  const table =
    '| | **seed 1, as it ships** | seed 2 | real digits |\n|---|--:|--:|--:|\n| a · b | .1 · .2 | .3 | .4 |\n| weights | uint8 | | |\n\n| other | 1 |';
  expect(readQualityCard(`\`digits@0123456789abcdef\`\n\n${table}`)).toEqual({
    model: 'digits@0123456789abcdef',
    figures: [{ name: 'a · b', value: '.1 · .2', real: '.4' }],
  });
  expect(() => readQualityCard('nothing')).toThrow('as it ships');
});
