/** The charts of the pages are what their data give, and look as the tokens say. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { drawFigures } from '../../dev/build/figures.ts';
import { renderFilm } from '../../dev/build/film.ts';
import { COLOURS } from '../../shared/design/tokens.ts';

test('the charts in docs/figures are drawn from the record of the run and the model’s card', async () => {
  const figures = await drawFigures();
  expect(figures.size).toBe(4);
  for (const [name, text] of figures) {
    const file = new URL(`../../docs/figures/${name}`, import.meta.url);
    expect([name, readFileSync(file, 'utf8') === text]).toEqual([name, true]);
    expect(text).toContain(`--soft:${COLOURS.soft[0]}`);
  }
});

test('the guide describes the distance as its chart does', async () => {
  const chart = (await drawFigures()).get('distance.svg');
  const [, description = ''] = /<desc[^>]*>Falls (.+)\.</.exec(chart ?? '') ?? [];
  const guide = readFileSync(new URL('../../docs/learn.md', import.meta.url), 'utf8');
  expect(description).toMatch(/^from \d\.\d\d after /);
  expect(guide).toContain(`falls ${description}](figures/distance.svg)`);
});

test('the player of a film has the words that a translation gives, and no unknown ones', () => {
  const film = renderFilm('seed', '一步一步\nplay: 播放\nstep: 第 {n} 步\nalt: {n} 步之後: 數字');
  expect(film.html).toContain('data-play="播放" data-pause="Pause" data-step="第 {n} 步"');
  expect(film.html).toContain('alt="2,000 步之後: 數字"');
  expect(film.html).toContain('<figcaption>一步一步</figcaption>');
  expect(() => renderFilm('seed', 'x\nplya: 播放')).toThrow('got plya: 播放');
});

/** WCAG's relative luminance of a colour as six hex digits. */
function measureLuminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

test.each([0, 1] as const)('text has enough contrast on every ground, in scheme %i', (scheme) => {
  const { paper, card, well, line, edge, 'mint-wash': _, 'on-mint': onMint, ...texts } = COLOURS;
  const contrast = (a: string, b: string) => {
    const [dark = 0, light = 0] = [a, b].map(measureLuminance).sort((x, y) => x - y);
    return (light + 0.05) / (dark + 0.05);
  };
  for (const [name, text] of Object.entries(texts).filter(([each]) => !each.endsWith('wash'))) {
    for (const ground of [paper, card, well]) {
      expect([name, ground, contrast(text[scheme], ground[scheme]) >= 4.5]).toEqual([
        name,
        ground,
        true,
      ]);
    }
  }
  expect(contrast(onMint[scheme], COLOURS.mint[scheme])).toBeGreaterThan(4.5);
  expect(contrast(edge[scheme], paper[scheme])).toBeGreaterThan(3);
  expect(line[scheme]).toMatch(/^#/);
});
