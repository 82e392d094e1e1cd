/** Tests what a manifest says of a set's paper and subject, and that every version keeps it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  encodeManifest,
  MANIFEST_FILE,
  parseManifest,
  sealManifest,
} from '../../../shared/model/artifact.ts';
import { planGenerator } from '../../../shared/model/generator.ts';
import { parseOpaqueColour, parseSubject } from '../../../trainer/cli/arguments.ts';
import { buildQuantizeCommand } from '../../../trainer/cli/quantize.ts';
import { exportArtifact } from '../../../trainer/export/artifact-writer.ts';
import { describePresentation, planPresentation } from '../../../trainer/export/presentation.ts';
import { readArtifactFolder } from '../../../trainer/publish/artifact-folder.ts';
import { buildFixture } from '../../support/models/fixture-artifact.ts';
import { makeValues, TINY_CONFIG } from '../../support/training/tensors.ts';

let parent: string;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'digitmint-presentation-'));
});
afterAll(() => rm(parent, { recursive: true, force: true }));

const makeSet = (level: number, classes: string[], channels = 1) => {
  const images = new Uint8Array(2 * 16 * channels).fill(level);
  return { channels, classes, count: 2, height: 4, width: 4, images };
};
const DIGITS = [...'0123456789'];

it('measures the paper, and takes classes from 0 to 9 for handwritten digits', () => {
  expect([
    planPresentation(makeSet(0, DIGITS)),
    planPresentation(makeSet(255, ['cat', 'dog'])),
    planPresentation(makeSet(255, []), {
      paper: parseOpaqueColour('black'),
      subject: parseSubject('emoji'),
    }),
    planPresentation(makeSet(0, [], 3), { paper: parseOpaqueColour('#0b7a5b') }).paper,
    planPresentation(makeSet(0, []), { paper: parseOpaqueColour('White') }).paper,
  ]).toEqual([
    { paper: undefined, subject: undefined },
    { paper: [255], subject: { one: 'picture', many: 'pictures' } },
    { paper: undefined, subject: { one: 'emoji', many: 'emoji' } },
    [11, 122, 91],
    [255],
  ]);
  const given = { subject: parseSubject('flag, flags') };
  expect(describePresentation(planPresentation(makeSet(255, []), given), given)).toEqual([
    ['paper', 'ffffff, measured at the borders; --paper gives another'],
    ['subject', 'flag, flags'],
  ]);
});

it('refuses coloured paper for grey pictures, colours that are none, and words that are too many', () => {
  expect(() => planPresentation(makeSet(0, []), { paper: parseOpaqueColour('red') })).toThrow(
    '--paper ff0000: the pictures are grey',
  );
  for (const text of ['transparent', '12345', 'fff8', 'nocolour']) {
    expect(() => parseOpaqueColour(text)).toThrow('Expected a colour of CSS by name');
  }
  for (const text of ['', 'a,b,c', ',', 'x'.repeat(65), 'a\u0007']) {
    expect(() => parseSubject(text)).toThrow('Expected what one picture');
  }
});

it('a model keeps paper and subject when its weights get another form', async () => {
  const plan = planGenerator(TINY_CONFIG.generator);
  const [paper, subject] = [[250], { one: 'stamp', many: 'stamps' }];
  const model = join(parent, 'model');
  await exportArtifact(model, plan, makeValues(plan.parameters), 'float32', {
    name: 'stamps',
    imageRange: [0, 1],
    classes: [],
    paper,
    subject,
    training: {
      preset: 'seed',
      steps: 1,
      batchSize: 1,
      imagesSeen: 1,
      seed: '1',
      dataset: { name: 'none', images: 1, sha256: '0'.repeat(64) },
      backend: 'none',
    },
    figures: {},
  });
  const out = join(parent, 'quantized');
  const command = buildQuantizeCommand();
  await command.parseAsync(['--model', model, '--weights', 'float16', '--out', out], {
    from: 'user',
  });
  const { manifest } = await readArtifactFolder(out);
  expect([manifest.weights.dtype, manifest.image.paper, manifest.subject]).toEqual([
    'float16',
    paper,
    subject,
  ]);
});

it('a manifest with paper of other channels, or with a subject that is no text, is refused', () => {
  const { manifest } = buildFixture();
  const { version: _version, ...content } = manifest;
  const parse = (change: object) =>
    parseManifest(encodeManifest(sealManifest({ ...content, ...change } as typeof content)));
  const image = (paper: number[]) => ({ image: { ...content.image, paper } });
  expect(parse(image([7])).manifest.image.paper).toEqual([7]);
  for (const change of [
    image([]),
    image([1, 2, 3]),
    image([256]),
    image([0.5]),
    { subject: { one: 'x' } },
  ]) {
    expect(() => parse(change)).toThrow(`${MANIFEST_FILE} is malformed`);
  }
});
