/**
 * `npm run trainer -- evaluate-encoder`: measures the encoder of a model on MNIST's test digits,
 * and prints the tables of its card.
 */
import { Command, Option } from 'commander';
import { ExpectedError } from '../../shared/expected-error.ts';
import { decodeWeights } from '../../shared/model/artifact.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { createVerifiedSampler } from '../../shared/model/sampler.ts';
import { createHandReader } from '../../shared/hand/reader.ts';
import { prepareFile, requireFree, writeAtomically } from '../../storage/files.ts';
import { parseWhole } from '../cli/arguments.ts';
import { loadClassifier } from '../evaluation/classifier/classifier-file.ts';
import { loadTestDigits } from '../evaluation/digits.ts';
import { drawsOtherThings } from '../evaluation/own-set.ts';
import { instantiateKernels } from '../node-kernels.ts';
import { readArtifactFolder } from '../publish/artifact-folder.ts';
import { buildBackendOption, selectBackend, type BackendChoice } from '../tensorflow/backend.ts';
import { measurePersons, VARIATIONS } from './persons.ts';
import { loadOtherPictures, makeOtherPictures } from './other-pictures.ts';
import { drawHands, measureEncoder, measureTaken } from './quality.ts';
import { openEncoder } from './train-encoder.ts';
import { PURPOSES } from './training.ts';

/** Rows of the sheet. */
const SHEET_DIGITS = 16;

export function buildEvaluateEncoderCommand(): Command {
  return new Command('evaluate-encoder')
    .description(
      "Measures a model's encoder on MNIST's test digits: errors, and the style that carries over.",
    )
    .requiredOption('--model <folder>', 'the model with its encoder')
    .option('--n <count>', 'test digits, and other pictures', parseWhole(50, 10_000), 1000)
    .addOption(
      new Option(
        '--others <folder>',
        'measures instead how many pictures are taken for digits: of this folder as train-encoder reads it, of made pictures, and of the test digits',
      ).conflicts(['backend']),
    )
    .addOption(
      new Option(
        '--persons <count>',
        'measures several digits of this many simulated persons instead',
      )
        .argParser(parseWhole(1, 1000))
        .conflicts(['others', 'sheet', 'n', 'backend']),
    )
    .addOption(
      new Option(
        '--sheet <file>',
        'draws a PNG instead: written digits, and all classes in their hands',
      ).conflicts(['others', 'n', 'backend']),
    )
    .addOption(buildBackendOption('the backend of the gradient search'))
    .action(evaluate);
}

async function evaluate(flags: {
  readonly model: string;
  readonly n: number;
  readonly persons?: number;
  readonly others?: string;
  readonly sheet?: string;
  readonly backend: BackendChoice;
}) {
  if (flags.sheet !== undefined) {
    requireFree(flags.sheet, '--sheet');
    await prepareFile(flags.sheet, '--sheet');
  }
  const model = await readArtifactFolder(flags.model);
  if (drawsOtherThings(model)) {
    throw new ExpectedError(
      `--model ${flags.model}: draws other things than MNIST's ten digits, with which its encoder would be measured`,
    );
  }
  const { encoder, weights: encoderWeights } = openEncoder(model);
  const weights = decodeWeights(model, model.weightsFile);
  const subject = {
    parsed: model,
    weights,
    encoder,
    sampler: createVerifiedSampler(model, weights, instantiateKernels),
    reader: createHandReader(encoder.plan, encoderWeights, instantiateKernels()),
    classifier: (await loadClassifier()).weights,
  };
  if (flags.persons !== undefined) {
    console.log(`| digits | ${VARIATIONS.map((vary) => `vary ${vary}`).join(' | ')} |`);
    console.log(`| --- |${' ---: |'.repeat(VARIATIONS.length)}`);
    for (const { name, errors } of measurePersons(subject, flags.persons)) {
      console.log(`| ${name} | ${errors.map((each) => each.toFixed(1)).join(' | ')} |`);
    }
    return;
  }
  const { dataset } = await loadTestDigits();
  if (flags.sheet !== undefined) {
    await writeAtomically(flags.sheet, drawHands(subject, dataset, SHEET_DIGITS));
    return;
  }
  if (flags.others !== undefined) {
    const key = deriveKey('encoder', 'evaluation');
    const { classes } = model.manifest;
    const { others, madeOthers } = PURPOSES;
    const given = await loadOtherPictures(flags.others, classes, 'test', key, others);
    const made = makeOtherPictures(dataset, key, madeOthers, flags.n);
    console.log('| | pictures | taken |');
    console.log('| --- | ---: | ---: |');
    const sets = [{ ...dataset, name: "MNIST's test digits" }, given, made];
    for (const { name, pictures, taken } of sets.flatMap((set) =>
      measureTaken(subject, set, flags.n),
    )) {
      if (pictures > 0) {
        console.log(`| ${name} | ${pictures} | ${((100 * taken) / pictures).toFixed(1)}% |`);
      }
    }
    return;
  }
  const backend = await selectBackend(flags.backend, { threads: 1, convolutions: true });
  try {
    const { rows, accuracy, transfer } = measureEncoder(subject, dataset, flags.n);
    console.log('| | digits | median error | 90% below | feature distance |');
    console.log('| --- | ---: | ---: | ---: | ---: |');
    for (const { name, digits, median, p90, features } of rows) {
      const figures = [median, p90, features].map((each) => each.toFixed(1));
      console.log(`| ${name} | ${digits} | ${figures.join(' | ')} |`);
    }
    console.log('\n| | its own hand | another hand |');
    console.log('| --- | ---: | ---: |');
    for (const { name, own, random } of transfer) {
      console.log(`| ${name} | ${own.toFixed(2)} | ${random.toFixed(2)} |`);
    }
    console.log(
      `\nThe likeliest class is right for ${(100 * accuracy).toFixed(1)}% of the digits.`,
    );
  } finally {
    await backend.release();
  }
}
