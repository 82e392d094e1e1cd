/**
 * `npm run trainer -- quantize`: writes a new version with other weights, and says how pictures
 * change.
 */
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import {
  decodeWeights,
  splitWeights,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import { createSampler } from '../../shared/model/sampler.ts';
import {
  decodeValues,
  WEIGHT_DTYPES,
  type WeightDtype,
} from '../../shared/model/weight-encoding.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { requireFree } from '../../storage/files.ts';
import { calibrateBytes } from '../export/calibration.ts';
import { exportArtifact } from '../export/artifact-writer.ts';
import { instantiateKernels } from '../node-kernels.ts';
import { joinArrays } from '../gan/network-state.ts';
import { readArtifactFolder, type ArtifactFolder } from '../publish/artifact-folder.ts';
import { openCpu } from '../tensorflow/open-backend.ts';
import {
  computePixelDifference,
  DEFAULT_WEIGHT_DTYPE,
  encodeWeights,
} from '../export/weight-encoder.ts';

interface QuantizeFlags {
  readonly model: string;
  readonly weights?: WeightDtype;
  readonly products: '16' | '8';
  readonly out: string;
}

/** Drawn with both versions, to compare them. */
const COMPARED_SAMPLES = 256;

export function buildQuantizeCommand(): Command {
  return new Command('quantize')
    .description("Writes a model's weights in another form: a half or a quarter of the bytes.")
    .requiredOption('--model <folder>', 'a model: the folder of a run, or one with a manifest.json')
    .addOption(
      new Option(
        '--weights <type>',
        `their new type (default: ${DEFAULT_WEIGHT_DTYPE}; with --products 8 unchanged)`,
      ).choices(WEIGHT_DTYPES),
    )
    .addOption(
      new Option(
        '--products <bits>',
        "bits of the engine's products; 8 is faster, and changes pixels by a few levels of 255",
      )
        .choices(['16', '8'])
        .default('16'),
    )
    .requiredOption('--out <folder>', 'a new folder')
    .action(quantize);
}

async function quantize({ model, weights, products, out }: QuantizeFlags): Promise<void> {
  const source = await readArtifactFolder(model);
  const { manifest, plan } = source;
  const kept = products === '8' ? manifest.weights.dtype : DEFAULT_WEIGHT_DTYPE;
  const dtype = weights ?? kept;
  if (products === '16' && manifest.bytes === undefined && manifest.weights.dtype === dtype) {
    throw new ExpectedError(`--weights ${dtype}: ${model} is written so already`);
  }
  const folder = resolve(out);
  requireFree(out, '--out', 'name another folder');
  const values = joinArrays(decodeWeights(source, source.weightsFile));
  const { encoding, bytes } = encodeWeights(plan, values, dtype);
  const served = decodeValues(plan.weights, encoding, bytes);
  // TensorFlow.js writes the topology. Any backend will do.
  await openCpu();
  const narrow =
    products === '8' ? calibrateBytes(plan, splitWeights(plan, served, WEIGHTS_FILE)) : undefined;
  const isSame = Buffer.from(served.buffer).equals(Buffer.from(values.buffer));
  const isKept = isSame && narrow === undefined && manifest.bytes === undefined;
  const figures = isKept ? manifest.figures : {};
  await mkdir(dirname(folder), { recursive: true });
  const written = await exportArtifact(folder, plan, values, dtype, {
    name: manifest.name,
    imageRange: manifest.image.range,
    classes: manifest.classes,
    paper: manifest.image.paper,
    subject: manifest.subject,
    training: manifest.training,
    figures,
    bytes: narrow,
  });
  console.log(
    `${out} is ${written.name}@${written.version}, ${dtype} of ${manifest.weights.dtype} ${manifest.version}: ` +
      `${WEIGHTS_FILE} has ${bytes.length.toLocaleString('en')} bytes, ${source.weightsFile.length.toLocaleString('en')} before`,
  );
  console.log(
    isKept
      ? 'The weights are the same numbers.'
      : describeChange(source, { manifest: written, plan }, bytes),
  );
  const lost = Object.keys(manifest.figures).filter((name) => !Object.hasOwn(figures, name));
  if (lost.length > 0) {
    console.log(`Left out, since they were measured before: ${lost.join(', ')}.`);
  }
  const paths = [...manifest.files.map(({ path }) => path), ...source.encoder.keys()];
  const others = paths.filter((path) => path !== WEIGHTS_FILE && path !== TOPOLOGY_FILE);
  if (others.length > 0) {
    console.log(`Not copied, since they may tell of the other version: ${others.join(', ')}.`);
  }
}

function describeChange(
  source: ArtifactFolder,
  written: ParsedManifest,
  weights: Uint8Array,
): string {
  const before = drawPixels(source, source.weightsFile);
  const { max, mean, visible } = computePixelDifference(before, drawPixels(written, weights));
  return (
    `${COMPARED_SAMPLES} samples, bytes of 0 to 255: at most ${max} apart, ${mean.toFixed(4)} in the mean, ` +
    `${(100 * visible).toFixed(3)}% of the pixels by more than 1`
  );
}

function drawPixels(parsed: ParsedManifest, weights: Uint8Array): Uint8Array {
  const sampler = createSampler(parsed, weights, instantiateKernels);
  try {
    return sampler.draw({ seed: '1', start: 0, count: COMPARED_SAMPLES }).pixels;
  } finally {
    sampler.dispose();
  }
}
