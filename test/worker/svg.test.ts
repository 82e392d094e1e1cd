/** Tests SVG pictures as a program without a browser renders them: resvg. */
import { join } from 'node:path';
import { Resvg } from '@resvg/resvg-wasm';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  measureShape,
  openRenderer,
  pickSample,
  renderOutlines,
} from '../../bench/checks/outlines.ts';
import { fillDefaults, type PinnedDigits } from '../../shared/contract/query.ts';
import { WEIGHTS_FILE } from '../../shared/model/artifact.ts';
import { createSampler, type Sampler, type Samples } from '../../shared/model/sampler.ts';
import { parseColour, type Colour } from '../../shared/picture/colour.ts';
import { writeNumber } from '../../shared/picture/number.ts';
import { instantiateKernels } from '../../trainer/node-kernels.ts';
import { readArtifactFolder } from '../../trainer/publish/artifact-folder.ts';
import { renderErrorSvg } from '../../worker/formats/error-picture.ts';
import { renderSvg } from '../../worker/formats/svg.ts';
import { renderText } from '../../worker/formats/text.ts';

let sampler: Sampler;
beforeAll(async () => {
  await openRenderer();
  const artifact = await readArtifactFolder(join(import.meta.dirname, '../../models/digits'));
  sampler = createSampler(artifact, artifact.files.get(WEIGHTS_FILE)!, instantiateKernels);
});

/** Two of its digits have strokes that are fainter than half of full ink. */
const CLOSED_SIX = { seed: 'Ada', start: 0, count: 1 };
const ONE_PIECE = { seed: 'topo', start: 33, count: 1 };

function cutText(sample: Samples) {
  const lines = renderText(sample, 1).split('\n');
  const { width, height } = sample;
  const isInk = Uint8Array.from({ length: width * height }, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return (y % 2 === 0 ? '▀█' : '▄█').includes(lines[y >> 1]?.[x] ?? ' ') ? 1 : 0;
  });
  return { width, height, isInk };
}

describe.each([
  ['straight lines', (sample: Samples) => renderOutlines(sample, false)],
  ['curves', (sample: Samples) => renderOutlines(sample, true)],
  ['text', cutText],
])('outlines in %s', (_, render) => {
  it('close a loop with a faint stroke, and keep a digit in one piece', () => {
    expect(measureShape(render(sampler.draw(CLOSED_SIX)))).toMatchObject({ pieces: 1, loops: 1 });
    expect(measureShape(render(sampler.draw(ONE_PIECE)))).toMatchObject({ pieces: 1, loops: 0 });
  });

  it('have as much ink as the pixels, and fall apart less often', () => {
    const samples = sampler.draw({ seed: 'outlines', start: 0, count: 250 });
    let [area, ink, apart, apartAtHalf] = [0, 0, 0, 0];
    for (let i = 0; i < samples.count; i++) {
      const sample = pickSample(samples, i);
      const picture = render(sample);
      const shape = measureShape(picture);
      area += shape.area * (sample.width / picture.width) ** 2;
      ink += sample.pixels.reduce((sum, value) => sum + value, 0) / 255;
      apart += shape.pieces > 1 ? 1 : 0;
      const isInk = sample.pixels.map((value) => (value > 127 ? 1 : 0));
      apartAtHalf += measureShape({ ...sample, isInk }).pieces > 1 ? 1 : 0;
    }
    expect(Math.abs(area / ink - 1)).toBeLessThan(0.05);
    expect(apart).toBeLessThan(0.7 * apartAtHalf);
  });
});

it('a digit has the same outline in a number as alone, whatever stands beside it', () => {
  const [six] = sampler.draw(CLOSED_SIX).labels!;
  const hand = { seed: 'Ada', start: 0 };
  const alone = sampler.drawHand({ ...hand, labels: Uint8Array.of(six!) });
  const pair = sampler.drawHand({ ...hand, labels: Uint8Array.of(six!, 1) });
  const loops = (samples: Samples) => measureShape(renderOutlines(samples, true)).loops;
  expect([loops(writeNumber('6', alone, hand)), loops(writeNumber('6-1', pair, hand))]).toEqual([
    1, 1,
  ]);
});

function draw(look: Partial<PinnedDigits>): string {
  const pinned: PinnedDigits = {
    ...fillDefaults('digit', {}),
    format: 'svg',
    model: { name: 'digits', version: '' },
    seed: 'Ada',
    number: undefined,
    ...look,
  };
  return renderSvg(pinned, sampler.draw(CLOSED_SIX), []);
}

const colour = (text: string) => parseColour(text) as Colour;

describe('colours with transparency', () => {
  it('are drawn by programs that do not know #rrggbbaa', () => {
    const svg = draw({ fg: colour('ff000080'), bg: colour('0000ff40'), scale: 4 });
    expect(svg).not.toMatch(/#[0-9a-f]{8}/);
    const { pixels, width } = new Resvg(svg).render();
    const read = (x: number, y: number) => [...pixels.subarray(4 * (y * width + x)).subarray(0, 4)];
    // Not premultiplied: paper, then red over it.
    expect(read(0, 0)[3]).toBe(0x40);
    expect(read(11.5 * 4, 19.5 * 4)[3]).toBe(
      Math.round(255 * (1 - (1 - 0x40 / 255) * (1 - 0x80 / 255))),
    );
  });

  it('stand apart in the dark scheme too', () => {
    const svg = draw({
      fg: colour('f008'),
      bg: colour('fff'),
      dark_fg: colour('0f0'),
      dark_bg: colour('0008'),
    });
    expect(svg).toMatch(/\.p\w{8}\{fill:#000000;fill-opacity:0\.533\}/);
    expect(svg).toMatch(/\.i\w{8}\{fill:#00ff00;fill-opacity:1\}/);
    expect(svg).not.toMatch(/#[0-9a-f]{8}/);
  });
});

describe('the classes of a dark scheme', () => {
  const findClass = (look: Partial<PinnedDigits>) => / class="(i\w+)"/.exec(draw(look))?.[1];

  it('are the picture’s own, and always the same', () => {
    const names = ['0f0', '00f'].map((text) => findClass({ dark_fg: colour(text) }));
    expect(names).toEqual([expect.any(String), expect.any(String)]);
    expect(new Set([...names, findClass({ dark_fg: colour('0f0'), seed: 'Bob' })]).size).toBe(3);
    expect(findClass({ dark_fg: colour('0f0') })).toBe(names[0]);
  });

  it('are absent where the dark scheme changes nothing', () => {
    expect(draw({})).not.toContain('class=');
    expect(draw({ fg: colour('0f0'), dark_fg: colour('0f0') })).toBe(draw({ fg: colour('0f0') }));
  });
});

it('the picture of an error cuts no character in two', () => {
  const svg = renderErrorSvg('Not found', '😀'.repeat(99));
  expect([svg.isWellFormed(), svg.match(/😀+/gu)?.map((line) => [...line].length)]).toEqual([
    true,
    [40, 40, 19],
  ]);
});
