/**
 * Does the steps of a run: as one graph where the backend allows it, otherwise operation by
 * operation. A graph is used only after it has given the same bits as the operations, so a run's
 * weights do not depend on it.
 */
import * as tf from '@tensorflow/tfjs';
import {
  applyStep,
  drawStep,
  prepareStep,
  trainStep,
  type StepDraws,
  type StepLosses,
  type StepSource,
} from '../gan/step.ts';
import type { Gan, Probe, StepAmounts } from '../gan/update.ts';
import {
  gatherDeviceImages,
  uploadImages as uploadToNode,
} from '../tensorflow/graph/device-images.ts';
import { canRecordGraphs, recordGraph, type Graph } from '../tensorflow/graph/graph.ts';
import { createStepQueue, findWebgpu, uploadImages } from '../tensorflow/webgpu/device.ts';

/**
 * Steps that are done both ways before a graph is trusted. The graph is recorded from the first.
 * The second shows whether a draw or an amount of the first became a constant of the graph.
 */
const PROOFS = 2;

export interface Stepper {
  /** Does a step as {@link trainStep}. With a probe, which few steps have, never as a graph. */
  step(indices: Uint32Array, step: number, probe?: Probe): StepLosses;
  /** True once steps without a probe run as a graph. */
  usesGraph(): boolean;
  /** Call it after each step. It waits while too many steps wait for a GPU; absent without one. */
  readonly settle?: () => Promise<void>;
  /** Frees the graph; the networks stay. */
  release(): void;
}

/**
 * Steps change `gan`. On a GPU they find their images on it, if it has room for the data set.
 * Without `graphs` they are done operation by operation on every backend.
 * `onFault` receives the reason why a graph was given up.
 */
export function createStepper(gan: Gan, source: StepSource, options: Options = {}): Stepper {
  const stepper = chooseStepper(gan, source, options);
  if (gan.matching === null) {
    return stepper;
  }
  return {
    ...stepper,
    step(indices, step, probe) {
      prepareStep(gan, source, step);
      return stepper.step(indices, step, probe);
    },
  };
}

type Options = { readonly graphs?: boolean; readonly onFault?: (fault: string) => void };

function chooseStepper(gan: Gan, source: StepSource, { graphs = true, onFault }: Options): Stepper {
  if (findWebgpu() !== undefined) {
    const images = uploadImages(source.dataset, source.config.pixelRange);
    return {
      step: (indices, step, probe) => trainStep(gan, source, indices, step, probe, images?.pick),
      usesGraph: () => false,
      settle: createStepQueue(),
      release: () => images?.release(),
    };
  }
  const train = trainStep.bind(null, gan, source);
  if (!graphs || !canRecordGraphs()) {
    return { step: train, usesGraph: () => false, release: () => {} };
  }
  const states = [gan.discriminator, gan.generator].flatMap(
    ({ weights, firstMoment, secondMoment }) => [weights, firstMoment, secondMoment],
  );
  let recording: Recording | null = {
    gan,
    source,
    images: uploadToNode(source.dataset),
    variables: gan.average === null ? states : [...states, gan.average],
    constants: gan.matching === null ? [] : Object.values(gan.matching.tensors),
    proofs: 0,
  };
  const release = (): void => {
    recording?.graph?.release();
    recording?.images.dispose();
    recording = null;
  };
  return {
    step(indices, step, probe) {
      if (recording === null || probe !== undefined) {
        return train(indices, step, probe);
      }
      const draws = drawForGraph(gan, source, indices, step);
      try {
        if (recording.proofs >= PROOFS) {
          return runStep(recording, draws);
        }
        const { losses, fault } = proveStep(recording, draws, () => train(indices, step));
        if (fault !== undefined) {
          release();
          onFault?.(fault);
        }
        return losses;
      } finally {
        tf.dispose(listTensors(draws));
      }
    },
    usesGraph: () => recording !== null && recording.proofs >= PROOFS,
    release,
  };
}

/** A step on its way to a trusted graph. */
interface Recording {
  readonly gan: Gan;
  readonly source: StepSource;
  /** The whole data set on the backend. */
  readonly images: tf.Tensor4D;
  /** All that a step changes, in the order of the graph's first outputs. */
  readonly variables: readonly tf.Variable[];
  /** Tensors that it reads and does not change, in any fixed order. */
  readonly constants: readonly tf.Tensor[];
  graph?: Graph;
  /** Steps whose results the graph gave exactly. */
  proofs: number;
}

/** All inputs of a step that change from step to step, on the backend. */
interface GraphDraws extends StepDraws<tf.Scalar> {
  /** Places of the real images, [batch], int32. */
  readonly indices: tf.Tensor1D;
}

function drawForGraph(
  gan: Gan,
  source: StepSource,
  indices: Uint32Array,
  step: number,
): GraphDraws {
  const { amounts, ...drawn } = drawStep(gan, source, indices, step);
  const scalars = Object.entries(amounts).map(([name, amount]) => [name, tf.scalar(amount)]);
  return {
    ...drawn,
    indices: tf.tensor1d(Int32Array.from(indices), 'int32'),
    amounts: Object.fromEntries(scalars) as StepAmounts<tf.Scalar>,
  };
}

/** The tensors of draws, in the order of the graph's inputs. */
function listTensors(draws: GraphDraws): tf.Tensor[] {
  const { indices, discriminatorInput, generatorInput, labels, augmentation, amounts } = draws;
  return [
    indices,
    discriminatorInput,
    generatorInput,
    ...(labels === null ? [] : [labels]),
    ...Object.values(augmentation ?? {}),
    ...Object.values(amounts),
  ];
}

function runStep(
  { graph, images, variables, constants }: Recording,
  draws: GraphDraws,
): StepLosses {
  const inputs = [images, ...variables, ...constants, ...listTensors(draws)];
  const outputs = (graph as Graph).run(inputs);
  variables.forEach((variable, i) => variable.assign(outputs[i] as tf.Tensor));
  const [discriminator, generator] = outputs.splice(variables.length) as [tf.Scalar, tf.Scalar];
  tf.dispose(outputs);
  return { discriminator, generator };
}

/**
 * Does a step operation by operation, then as a graph, which the first call records, and compares.
 * The graph's results are dropped. A `fault` is the reason why the graph cannot be used.
 */
function proveStep(
  recording: Recording,
  draws: GraphDraws,
  train: () => StepLosses,
): { losses: StepLosses; fault: string | undefined } {
  const { images, variables, constants } = recording;
  const before = variables.map((variable) => tf.clone(variable));
  try {
    const inputs = [images, ...before, ...constants, ...listTensors(draws)];
    const build = recording.graph === undefined ? recordStep(recording, inputs, draws) : undefined;
    // Recording has changed the networks, because it did a step too.
    variables.forEach((variable, i) => variable.assign(before[i] as tf.Tensor));
    const losses = train();
    const expected = [...variables, losses.discriminator, losses.generator];
    try {
      const graph = (recording.graph ??= build?.() as Graph);
      const outputs = graph.run(inputs);
      const isSame = expected.every((tensor, i) => haveSameBits(tensor, outputs[i] as tf.Tensor));
      tf.dispose(outputs);
      recording.proofs++;
      return { losses, fault: isSame ? undefined : 'as one graph it has other results' };
    } catch (error) {
      return { losses, fault: (error as Error).message };
    }
  } finally {
    tf.dispose(before);
  }
}

/** Records a step, which changes the networks. @returns  Builds the graph. */
function recordStep(
  { gan, source: { config }, images, variables }: Recording,
  inputs: readonly tf.Tensor[],
  draws: GraphDraws,
): () => Graph {
  let losses: tf.Tensor[] = [];
  const build = recordGraph(inputs, () => {
    losses = tf.tidy(() => {
      const real = gatherDeviceImages(images, draws.indices, config.pixelRange);
      const { discriminator, generator } = applyStep(gan, real, draws);
      return [discriminator, generator];
    });
    return [...variables, ...losses];
  });
  tf.dispose(losses);
  return build;
}

function haveSameBits(a: tf.Tensor, b: tf.Tensor): boolean {
  const [x, y] = [a, b].map((tensor) => {
    const { buffer, byteOffset, byteLength } = tensor.dataSync();
    return Buffer.from(buffer, byteOffset, byteLength);
  }) as [Buffer, Buffer];
  return x.equals(y);
}
