/**
 * The cost model that decides which answers are large (`COST_NS` in `worker/http/admission.ts` and
 * `EFFORT` in `shared/model/generator.ts`): each figure of the code beside a measured one. Node
 * runs what the worker runs; time is the processor time of this process.
 */
import { gzipSync } from 'node:zlib';
import { Matrix, solve } from 'ml-matrix';
import { createEngine, ENGINE_BATCH } from '../../shared/model/engine/engine.ts';
import { EFFORT, planGenerator, sizeOf, type LayerConfig } from '../../shared/model/generator.ts';
import { decodeWeights, hashBytes } from '../../shared/model/artifact.ts';
import { fillDefaults } from '../../shared/contract/query.ts';
import { deriveSeedKey, drawLabels } from '../../shared/model/random.ts';
import { createVerifiedSampler, type Samples } from '../../shared/model/sampler.ts';
import { parseColour, type Colour } from '../../shared/picture/colour.ts';
import { buildSheet, encodePng } from '../../shared/picture/sheet.ts';
import { instantiateKernels, pngEncoder } from '../../trainer/node-kernels.ts';
import { encodeGif, MAX_PALETTE_PIXELS } from '../../shared/animation/gif.ts';
import { encodeApng } from '../../worker/formats/apng.ts';
import { encodeLines, planLatents } from '../../worker/formats/digits.ts';
import { renderSvg } from '../../worker/formats/svg.ts';
import { COST_NS } from '../../worker/http/admission.ts';
import { makeRow, makeTable, readShippedModel, type Suite } from '../harness.ts';

const COUNT = 100;
const SCALE = 4;
const COLOURS = { bg: parseColour('fedcba98') as Colour, fg: parseColour('12345678') as Colour };

export const measure: Suite = async (quick) => {
  const time = (work: () => unknown) => timeCpu(work, quick ? 1 : 200);
  const model = await readShippedModel();
  const sampler = createVerifiedSampler(model, model.weights, instantiateKernels);
  const digits = sampler.draw({ seed: 'cost', start: 0, count: COUNT });
  const noise = {
    ...digits,
    pixels: digits.pixels.map((_, i) => Math.imul(i + 7, 2654435761) >>> 24),
  };
  const values = digits.pixels.length;
  const enlarged = values * SCALE ** 2;
  const { mac, value, curve } = fitEngine(time);
  const drawNs = time(() => sampler.draw({ seed: 'cost', start: 0, count: COUNT })) / COUNT;

  /**
   * Encodings of the same samples, in nanoseconds for one of each unit.
   * @param walk  As many frames of a loop.
   */
  const encode = (samples: Samples, walk: Samples) => {
    const sheet = (smooth: boolean) => buildSheet(samples, { cols: 10, scale: SCALE, smooth });
    const png = time(() => encodePng(pngEncoder, sheet(false), COLOURS)) / enlarged;
    const items = { classes: model.manifest.classes, pixels: 'array', writeUrl: String } as const;
    const pinned = { ...fillDefaults('digit', { n: COUNT }), number: undefined };
    const identity = { format: 'svg', model: model.manifest, seed: 'cost' } as const;
    const picture = sheet(false);
    const text = encodeLines(items, samples, 0);
    const textNs = time(() => encodeLines(items, samples, 0)) / values;
    const gif = time(() => encodeGif([picture], COLOURS)) / enlarged;
    const latentSize = model.plan.config.latentSize;
    const drawLatents = planLatents({ ...pinned, seed: 'cost', latent: true }, latentSize);
    const latentNs = time(() => encodeLines({ ...items, drawLatents }, samples, 0));
    const size = values / COUNT;
    const frames = Array.from({ length: COUNT }, (_, i) => {
      const pixels = walk.pixels.subarray(i * size, (i + 1) * size);
      return buildSheet({ ...walk, count: 1, pixels }, { cols: 1, scale: 1 });
    });
    const delays = frames.map(() => 50);
    // Red, green and blue are three samples.
    const coloured = frames.map((frame, i) => {
      const pick = (_: unknown, at: number) =>
        frames[(i + (at % 3)) % COUNT]?.pixels[Math.floor(at / 3)] as number;
      return { ...frame, channels: 3, pixels: Uint8Array.from({ length: 3 * size }, pick) };
    });
    const colouredNs = time(() => encodeGif(coloured, COLOURS));
    return {
      png,
      smooth: time(() => encodePng(pngEncoder, sheet(true), COLOURS)) / enlarged - png,
      gif,
      frame: time(() => encodeApng(pngEncoder, frames, COLOURS, delays)) / COUNT - png * size,
      palette: (colouredNs - gif * values * 3) / MAX_PALETTE_PIXELS,
      text: textNs,
      latent: (latentNs - textNs * values) / (COUNT * latentSize),
      gzip: time(() => gzipSync(text)) / values,
      outlined: time(() => renderSvg({ ...pinned, ...identity }, samples, [])) / values,
    };
  };
  const load = () =>
    createVerifiedSampler(
      model,
      decodeWeights(model, model.bytes),
      instantiateKernels,
    ).checkOutput();
  const key = deriveSeedKey('cost');
  const walk = sampler.drawMorph({ seed: 'cost', start: 0, count: 5, frames: COUNT / 5 });
  const [plain, noisy] = [encode(digits, walk), encode(noise, noise)];
  const rows = [
    ['effort', COST_NS.effort, mac],
    ['EFFORT.value, in efforts', EFFORT.value, value / mac],
    ['EFFORT.curve, in efforts', EFFORT.curve, curve / mac],
    ['sample', COST_NS.sample, drawNs - model.plan.effort * mac],
    ['label', COST_NS.label, time(() => drawLabels(key, 0, 1000, 10)) / 1000],
    ['hashed', COST_NS.hashed, time(() => hashBytes(model.bytes)) / model.bytes.length],
    ['weight', COST_NS.weight, time(load) / model.plan.parameters],
    ...(
      ['png', 'smooth', 'gif', 'frame', 'palette', 'text', 'latent', 'gzip', 'outlined'] as const
    ).map((name) => [name, COST_NS[name], plain[name], noisy[name]] as const),
  ] as const;
  const title = 'The cost model';
  const cases = ['in the code', 'measured', 'with noise instead of digits'];
  const table = rows.map(([name, ...figures]) => makeRow(name, [...figures, null].slice(0, 3)));
  const notes = ['`answer`, `item` and cold code are estimates: `limits` measures whole answers.'];
  return {
    versions: { node: process.versions.node },
    tables: [makeTable({ id: 'cost', title, unit: 'ns', cases, rows: table, notes })],
  };
};

/** @returns  Nanoseconds of processor time of one repetition. */
function timeCpu(work: () => unknown, atLeastMs: number): number {
  const readMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  for (let i = 0; i < 3; i++) {
    work(); // Until the code is compiled.
  }
  const began = readMs();
  let repetitions = 0;
  do {
    work();
    repetitions++;
  } while (readMs() - began < atLeastMs);
  return ((readMs() - began) * 1e6) / repetitions;
}

const WIDE: readonly LayerConfig[] = [
  { type: 'dense', units: 16_384, activation: 'relu' },
  { type: 'reshape', shape: [128, 128, 1] },
];

/** Networks in which different things take the time. */
const NETWORKS: readonly (readonly LayerConfig[])[] = [
  [
    { type: 'dense', units: 2048, activation: 'relu' },
    { type: 'dense', units: 1024, activation: 'relu' },
    { type: 'reshape', shape: [32, 32, 1] },
  ],
  [
    { type: 'dense', units: 4096, activation: 'relu' },
    { type: 'reshape', shape: [16, 16, 16] },
    { type: 'conv2d', filters: 64, kernelSize: 3, activation: 'relu' },
    { type: 'conv2d', filters: 64, kernelSize: 3, activation: 'relu' },
    { type: 'conv2d', filters: 1, kernelSize: 3, activation: 'linear' },
  ],
  [...WIDE, ...repeatLayer({ type: 'conv2d', filters: 1, kernelSize: 1, activation: 'linear' })],
  [...WIDE, ...repeatLayer({ type: 'conv2d', filters: 1, kernelSize: 5, activation: 'sigmoid' })],
  [...WIDE, ...repeatLayer({ type: 'conv2d', filters: 1, kernelSize: 1, activation: 'tanh' })],
];

function repeatLayer(layer: LayerConfig): LayerConfig[] {
  return Array.from({ length: 6 }, () => layer);
}

/** Fits nanoseconds to networks by the least squares of their relative errors. */
function fitEngine(time: (work: () => unknown) => number) {
  const rows = NETWORKS.map((layers) => {
    const plan = planGenerator({ latentSize: 64, classes: 0, layers: [...layers] });
    const weights = plan.weights.map(({ shape }) =>
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i) / 10),
    );
    const engine = createEngine(instantiateKernels(), plan, weights);
    const inputs = Float32Array.from({ length: ENGINE_BATCH * plan.inputSize }, Math.sin);
    const ns = time(() => engine.run(inputs)) / ENGINE_BATCH;
    const { macs, values, curves } = plan.work;
    return [macs / ns, values / ns, curves / ns];
  });
  const ones = Matrix.ones(rows.length, 1);
  const [mac = 0, value = 0, curve = 0] = solve(new Matrix(rows), ones).to1DArray();
  return { mac, value, curve };
}
