/**
 * `npm run trainer -- train-encoder`: trains the encoder of a model with classes, and writes it
 * beside the model. It learns from written digits and from digits that the model draws.
 */
import { mkdir } from 'node:fs/promises';
import { version } from '@tensorflow/tfjs';
import { Command, Option } from 'commander';
import { ExpectedError } from '../../shared/expected-error.ts';
import { DIGIT_SIDE } from '../../shared/hand/written-digit.ts';
import { decodeWeights, hashBytes } from '../../shared/model/artifact.ts';
import {
  decodeEncoderWeights,
  encodeEncoder,
  ENCODER_FILE,
  ENCODER_SCHEMA,
  ENCODER_WEIGHTS_FILE,
  parseEncoder,
  planEncoder,
  type EncoderDescription,
  type EncoderPlan,
} from '../../shared/model/encoder.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { drawSubset, hashDataset, type Dataset } from '../data/dataset.ts';
import { configureEncoder } from './network.ts';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { trainCertainties } from './certainties.ts';
import { loadOtherPictures, makeOtherPictures, rewritePictures } from './other-pictures.ts';
import { ENCODER_TRAINING, PURPOSES, trainEncoder } from './training.ts';
import { loadClassifier } from '../evaluation/classifier/classifier-file.ts';
import { pickDigits } from '../evaluation/digits.ts';
import { readFiles, writeModelFolder } from '../export/artifact-writer.ts';
import { measurePaper } from '../export/presentation.ts';
import { encodeWeights } from '../export/weight-encoder.ts';
import {
  readArtifactFolder,
  readSameModel,
  type ArtifactFolder,
} from '../publish/artifact-folder.ts';
import { describeSeconds } from '../run/log/reporter.ts';
import { loadAndReport } from '../data/data-folder.ts';
import { buildBackendOption, selectBackend, type BackendChoice } from '../tensorflow/backend.ts';
import { parseSeed, parseShare, parseWhole } from '../cli/arguments.ts';

/** Another number of threads adds in another order, and gives other weights. */
const THREADS = 1;
const STEPS_PER_CHECKPOINT = 1000;
/** The pictures beside `--others` from which an encoder learns to refuse pictures of no class. */
const PICTURES = { written: 10_000, rewritten: 6000, made: 4000 } as const;

export function buildTrainEncoderCommand(): Command {
  return new Command('train-encoder')
    .description(
      'Trains the encoder that finds the latent vector of a written digit, in about ten minutes.',
    )
    .requiredOption('--model <folder>', 'the model, which gets the encoder beside its other files')
    .option(
      '--data <folder>',
      "written pictures of the model's classes, in any layout; default: 10,000 digits of MNIST",
    )
    .addOption(
      new Option(
        '--others <folder>',
        "pictures that show no class of the model, in any layout: teaches the model's own encoder only to refuse them, in minutes",
      ).conflicts(['run', 'steps', 'featureWeight']),
    )
    .option(
      '--run <folder>',
      'folder of the checkpoint, from which the same command continues',
      'runs/encoder',
    )
    .option('--seed <text>', 'all of its randomness comes from it', parseSeed, '1')
    .option('--steps <count>', 'optimizer steps', parseWhole(1, 10_000_000), ENCODER_TRAINING.steps)
    .option(
      '--feature-weight <number>',
      "share of the classifier's features in the loss; they take half of the time",
      parseShare,
      ENCODER_TRAINING.featureWeight,
    )
    .addOption(buildBackendOption('the backend that computes'))
    .action(train);
}

async function train(flags: {
  readonly model: string;
  readonly data?: string;
  readonly others?: string;
  readonly run: string;
  readonly seed: string;
  readonly steps: number;
  readonly featureWeight: number;
  readonly backend: BackendChoice;
}) {
  const { model: folder, run, seed, steps, featureWeight } = flags;
  const model = await readArtifactFolder(folder);
  const { manifest, plan: generator } = model;
  const [height, width, channels] = generator.outputShape;
  if (generator.config.classes === 0) {
    throw new ExpectedError(`--model ${folder}: has no classes, which an encoder needs`);
  }
  if (height !== DIGIT_SIDE || width !== DIGIT_SIDE || channels !== 1) {
    throw new ExpectedError(
      `--model ${folder}: draws ${height} x ${width} x ${channels}, expected ${DIGIT_SIDE} x ${DIGIT_SIDE} x 1, the form of written pictures`,
    );
  }
  if (manifest.image.paper !== undefined) {
    throw new ExpectedError(
      `--model ${folder}: its paper is not black, expected light ink on black, the form of written pictures: train the model with --invert`,
    );
  }
  const dataset = await loadWritten(flags.data, manifest.classes);
  if (flags.others !== undefined) {
    await teachOthers(model, dataset, { ...flags, others: flags.others });
    return;
  }
  const plan = planEncoder(configureEncoder(generator), generator);
  const training = { ...ENCODER_TRAINING, steps, featureWeight };
  const settings = JSON.stringify({
    model: { name: manifest.name, version: manifest.version },
    seed,
    training,
    layers: plan.config.layers,
    data: hashDataset(dataset),
  });
  await mkdir(run, { recursive: true });
  const from = await loadCheckpoint(run, settings, plan.parameters);
  const classifier = featureWeight > 0 ? (await loadClassifier()).weights : undefined;
  const backend = await selectBackend(flags.backend, { threads: THREADS, convolutions: true });
  try {
    console.log(
      `${dataset.count} pictures of ${dataset.name}; ${plan.macs.toLocaleString('en')} multiply-accumulates; ${backend.description}`,
    );
    if (from !== undefined) {
      console.log(`goes on from step ${from.step}`);
    }
    const startedAt = performance.now();
    const teacher = {
      generator,
      range: manifest.image.range,
      weights: decodeWeights(model, model.weightsFile),
      classifier,
    };
    const key = deriveKey('encoder', seed);
    let average = from?.average ?? new Float32Array(plan.parameters);
    const states = trainEncoder(plan, teacher, dataset, training, key, STEPS_PER_CHECKPOINT, from);
    for await (const { losses, state } of states) {
      await saveCheckpoint(run, settings, state);
      average = new Float32Array(state.average);
      const seconds = (performance.now() - startedAt) / 1000;
      const left = (seconds / (state.step - (from?.step ?? 0))) * (steps - state.step);
      const parts = Object.entries(losses).map(([name, loss]) => `${name} ${loss.toFixed(4)}`);
      console.log(
        `step ${String(state.step).padStart(6)}   ${parts.join('   ')}   ${describeSeconds(left)} left`,
      );
    }
    await saveEncoder(model, plan, average, {
      schema: ENCODER_SCHEMA,
      model: { name: manifest.name, version: manifest.version },
      training: {
        steps,
        batchSize: training.written + training.drawn,
        seed,
        dataset: { name: dataset.name, images: dataset.count, sha256: hashDataset(dataset) },
        backend: backend.description,
        libraries: { '@tensorflow/tfjs': version.tfjs, node: process.versions.node },
      },
      figures: {},
    });
  } finally {
    await backend.release();
  }
}

/**
 * Reads written pictures, and inverts those on light paper.
 * @param classes  The model's classes; the pictures must have the same.
 */
export async function loadWritten(
  data: string | undefined,
  classes: readonly string[],
): Promise<Dataset> {
  const reading = { grey: true, resolution: DIGIT_SIDE };
  const { dataset } = await loadAndReport(data, { reading });
  if (dataset.classes.join('\n') !== classes.join('\n')) {
    throw new ExpectedError(
      `--data ${data ?? '(absent: MNIST)'}: has the classes ${dataset.classes.join(', ')}, ` +
        `expected those of the model: ${classes.join(', ')}`,
    );
  }
  const [paper = 0] = measurePaper(dataset) ?? [];
  return paper > 127 ? { ...dataset, images: dataset.images.map((level) => 255 - level) } : dataset;
}

type EncoderFacts = Omit<EncoderDescription, 'encoder' | 'weights' | 'file'>;

/** Writes an encoder beside its model. @param weights  The plan's weights, flat. */
async function saveEncoder(
  model: ArtifactFolder,
  plan: EncoderPlan,
  weights: Float32Array,
  facts: EncoderFacts,
): Promise<void> {
  const { encoding, bytes } = encodeWeights(plan, weights, 'uint8');
  const description = encodeEncoder({
    ...facts,
    encoder: plan.config,
    weights: encoding,
    file: { path: ENCODER_WEIGHTS_FILE, bytes: bytes.length, sha256: hashBytes(bytes) },
  });
  parseEncoder(description, model);
  const { folder } = await readSameModel(model.folder, model.manifest.version);
  await writeModelFolder(folder, {
    ...(await readFiles(folder)),
    [ENCODER_WEIGHTS_FILE]: bytes,
    [ENCODER_FILE]: description,
  });
  console.log(`${folder}: ${ENCODER_FILE} and ${ENCODER_WEIGHTS_FILE}, ${bytes.length} bytes`);
}

/** Opens the encoder of a model. @throws ExpectedError  When the model has none. */
export function openEncoder(model: ArtifactFolder) {
  const [file, weights] = [ENCODER_FILE, ENCODER_WEIGHTS_FILE].map((path) =>
    model.encoder.get(path),
  );
  if (file === undefined || weights === undefined) {
    throw new ExpectedError(
      `--model ${model.folder}: has no ${ENCODER_FILE}; train one with train-encoder, without --others`,
    );
  }
  const encoder = parseEncoder(file, model);
  return { encoder, weights: decodeEncoderWeights(encoder, weights) };
}

/** Teaches a model's encoder which pictures are of no class. */
async function teachOthers(
  model: ArtifactFolder,
  dataset: Dataset,
  flags: { readonly others: string; readonly seed: string; readonly backend: BackendChoice },
): Promise<void> {
  const { encoder, weights } = openEncoder(model);
  const { layers } = encoder.description.encoder;
  const last = layers.at(-1);
  const units = encoder.plan.classes * (encoder.plan.latentSize + 1) + 1;
  const config = {
    layers: last?.type === 'dense' ? [...layers.slice(0, -1), { ...last, units }] : layers,
  };
  const plan = planEncoder(config, model.plan);
  const key = deriveKey('encoder', flags.seed);
  const take = (count: number) => Math.min(count, dataset.count);
  const pictures = [
    pickDigits(
      dataset,
      drawSubset(key, PURPOSES.shuffle, 0, dataset.count, take(PICTURES.written)),
    ),
    rewritePictures(dataset, key, PURPOSES.rewritten, take(PICTURES.rewritten)),
    await loadOtherPictures(flags.others, model.manifest.classes, 'train', key, PURPOSES.others),
    makeOtherPictures(dataset, key, PURPOSES.madeOthers, PICTURES.made),
  ];
  const backend = await selectBackend(flags.backend, { threads: THREADS, convolutions: true });
  try {
    const sizes = pictures.map(({ count, name }) => `${count} of ${name}`).join(', ');
    console.log(`Learns from ${sizes}; ${backend.description}`);
    const learned = await trainCertainties(plan, weights, pictures, key);
    await saveEncoder(model, plan, learned, encoder.description);
  } finally {
    await backend.release();
  }
}
