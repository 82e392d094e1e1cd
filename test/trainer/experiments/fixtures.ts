/** Made-up records of runs, with the figures that a test needs. */
import { CLASSES } from '../../../trainer/evaluation/digits.ts';
import type { ArmName } from '../../../trainer/experiments/arms.ts';
import type { ExperimentPoint, ExperimentResult } from '../../../trainer/experiments/records.ts';

/** The properties of a record. */
export interface Wanted {
  /** Fréchet distance at steps 0, 500 and 1,000, or fewer. */
  readonly frechet: readonly number[];
  /** Number of the ten classes that the run draws, all equally often. */
  readonly classes?: number;
  /** A hundredth of the Fréchet distance by default. */
  readonly coarse?: number;
  /** A tenth of the classes by default. */
  readonly diversity?: number;
  readonly discriminatorLoss?: number;
  readonly failure?: string;
}

function makeQuality(
  frechet: number,
  classes: number,
  coarse = frechet / 100,
  diversity = classes / 10,
): ExperimentPoint['quality'] {
  return {
    frechet,
    coarse,
    diversity,
    precision: 0.5,
    recall: 0.25,
    density: 0.4,
    coverage: 0.3,
    sharpness: 1.1,
    classes: Array.from({ length: CLASSES }, (_, label) => (label < classes ? 100 : 0)),
  };
}

/** Makes a record. A step takes 10 ms of processor time and 20 ms by the clock. */
export function makeResult(arm: ArmName, seed: number, wanted: Wanted): ExperimentResult {
  const {
    frechet,
    classes = 10,
    coarse,
    diversity,
    discriminatorLoss = 0.5,
    failure = null,
  } = wanted;
  return {
    schema: 1,
    arm,
    seed: String(seed),
    sha256: 'cd'.repeat(32),
    steps: 500 * (frechet.length - 1),
    data: { name: 'MNIST', images: 60_000, sha256: 'ab'.repeat(32) },
    failure,
    points: frechet.map((distance, i) => ({
      step: 500 * i,
      seconds: 10 * i,
      cpuSeconds: 5 * i,
      ...(i === 0 ? {} : { discriminatorLoss, generatorLoss: 2 }),
      quality: makeQuality(distance, classes, coarse, diversity),
    })),
    floor: makeQuality(2.5, 10),
    environment: {
      backend: 'plain',
      node: '22.0.0',
      tfjs: '4.22.0',
      processor: 'a processor',
      system: 'a system',
    },
  };
}

/** Makes three seeds of an arm around the given distances: 4% below, equal, and 4% above. */
export function makeArm(arm: ArmName, wanted: Wanted): ExperimentResult[] {
  return [0.96, 1, 1.04].map((factor, i) =>
    makeResult(arm, i + 1, { ...wanted, frechet: wanted.frechet.map((value) => value * factor) }),
  );
}
