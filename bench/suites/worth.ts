/**
 * The worth of a labelled set: networks that learn from n generated digits, from n real ones, or
 * from both, tested on real test digits. Operands: the folder of all of MNIST, then a model's.
 */
import { join } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { deriveKey } from '../../shared/model/random.ts';
import { drawSubset, type Dataset } from '../../trainer/data/dataset.ts';
import { FRESH_NETWORK, learnAndTest } from '../../trainer/evaluation/classifier/training.ts';
import {
  joinSets,
  loadTestDigits,
  loadTrainingDigits,
  pickDigits,
} from '../../trainer/evaluation/digits.ts';
import { recall } from '../../trainer/evaluation/kept.ts';
import { drawSamples, readModel } from '../../trainer/evaluation/samples.ts';
import { selectBackend } from '../../trainer/tensorflow/backend.ts';
import { makeRow, makeTable, ROOT, SHIPPED_MODEL_FOLDER, type Suite } from '../harness.ts';

const COUNTS = [100, 300, 1000, 3000, 10_000, 30_000, 60_000];
/** Each draws other digits, and other first weights. */
const SEEDS = ['1', '2'];
const SOURCES = ['real', 'generated', 'both'] as const;
/** Digits that a network sees in all, at least: small sets would leave it untrained. */
const LEAST_SEEN = 120_000;
/** Keeps finished trainings, so that the same command continues after them. Safe to delete. */
const KEPT_FOLDER = join(ROOT, '.digitmint/bench');

interface Case {
  readonly source: (typeof SOURCES)[number];
  readonly count: number;
  readonly seed: string;
}
type Run = Case & { readonly accuracy: number };

export const measure: Suite = async (quick, operands) => {
  const [data, modelFolder = SHIPPED_MODEL_FOLDER] = operands;
  if (data === undefined) {
    throw new ExpectedError('expected a folder with all of MNIST: npm run bench -- worth DATA');
  }
  const counts = quick ? [100, 200] : COUNTS;
  const least = quick ? 2000 : LEAST_SEEN;
  const training = await loadTrainingDigits(data);
  const most = Math.max(...counts);
  if (training.dataset.count < most) {
    throw new ExpectedError(
      `${data}: holds ${training.dataset.count} digits, expected ${most} or more`,
    );
  }
  const test = await loadTestDigits();
  const model = await readModel(modelFolder);
  const { name, version } = model.manifest;
  const { description } = await selectBackend('auto', { threads: 2, convolutions: true });
  const generate = (seed: string, count: number): Dataset => {
    const { images, labels } = drawSamples(model, `worth/${seed}`, count).set;
    if (labels === null) {
      throw new ExpectedError(`${modelFolder}: draws digits without labels`);
    }
    return { ...test.dataset, count, images, labels };
  };
  const learn = async ({ source, count, seed }: Case): Promise<number> => {
    const key = deriveKey('worth', seed);
    const places = drawSubset(key, 1, count, training.dataset.count, count);
    const real = pickDigits(training.dataset, places);
    const set =
      source === 'real'
        ? real
        : source === 'generated'
          ? generate(seed, count)
          : joinSets([real, generate(seed, count)]);
    const { network, training: usual } = FRESH_NETWORK;
    const epochs = Math.max(usual.epochs, Math.ceil(least / set.count));
    const settings = { network, training: { ...usual, epochs } };
    return (await learnAndTest(settings, set, test.dataset, key)).accuracy;
  };
  const key = [training.sha256, `${name}@${version}`, least, description].join(' ');
  const runs = await workOff(KEPT_FOLDER, key, planCases(counts, quick ? ['1'] : SEEDS), learn);
  return {
    versions: { node: process.versions.node, backend: description, model: `${name}@${version}` },
    tables: [makeWorthTable(counts, runs)],
  };
};

/** All cases of one seed, then of the next: small sets first. */
export function planCases(counts: readonly number[], seeds: readonly string[]): Case[] {
  return seeds.flatMap((seed) =>
    counts.flatMap((count) => SOURCES.map((source) => ({ source, count, seed }))),
  );
}

/**
 * Measures the cases that were not kept, and keeps each as soon as it is known.
 * @param key  Hash of everything else that decides the figures.
 * @returns    A run for each case, in their order.
 */
export async function workOff(
  keptFolder: string,
  key: string,
  cases: readonly Case[],
  learn: (one: Case) => Promise<number>,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const [i, one] of cases.entries()) {
    const { source, count, seed } = one;
    const { result: accuracy } = await recall({ key, ...one }, () => learn(one), { keptFolder });
    const what = `${i + 1} of ${cases.length}: ${count} ${source}, seed ${seed}`;
    console.error(`${what}: ${(100 * accuracy).toFixed(2)}%`);
    runs.push({ ...one, accuracy });
  }
  return runs;
}

export function makeWorthTable(counts: readonly number[], runs: readonly Run[]) {
  const list = (source: Run['source']) =>
    counts.map((count) =>
      runs
        .filter((run) => run.source === source && run.count === count)
        .map(({ accuracy }) => 100 * (1 - accuracy)),
    );
  const [network, { batchSize, epochs }] = ['the fresh network of', FRESH_NETWORK.training];
  return makeTable({
    id: 'worth',
    title: 'What a labelled set is worth',
    unit: '% of the real test digits wrong',
    notes: [
      `Learned by ${network} [the accuracy score](evaluation.md), in batches of ${batchSize}, ` +
        `${epochs} epochs or ${LEAST_SEEN.toLocaleString('en')} digits, whichever is more. ` +
        'The accuracy is 100 less the figure.',
      'Both: n real and n generated digits, so twice as many. Each run draws other digits and ' +
        'other first weights.',
    ],
    cases: counts.map((count) => count.toLocaleString('en')),
    curve: { title: 'n, digits of each kind', values: [...counts] },
    rows: [
      makeRow('n real', list('real'), false),
      makeRow('n generated', list('generated')),
      makeRow('both', list('both')),
    ],
  });
}
