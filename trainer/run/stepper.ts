/**
 * Does the steps of a run: as one graph where the backend takes one, else operation by operation. A graph is used once it has
 * given, bit for bit, what the operations gave, so a run's weights do not depend on which it was.
 */
import * as tf from '@tensorflow/tfjs';
import {
  applyStep,
  disposeDraws,
  drawShift,
  drawStep,
  trainStep,
  type StepAmounts,
  type StepDraws,
  type StepLosses,
  type StepSource,
} from '../gan/seeded-step.ts';
import type { Gan, Probe } from '../gan/steps.ts';
import {
  createDeviceTranslation,
  gatherDeviceImages,
  uploadImages,
  uploadShift,
  type DeviceShift,
} from '../tensorflow/graph/device-images.ts';
import { canRecordGraphs, recordGraph, type Graph } from '../tensorflow/graph/graph.ts';

/**
 * Steps that are done both ways before a graph is trusted. The first is the one that it was recorded from; had one of the draws
 * or amounts become a constant of it, the second would show that.
 */
const PROOFS = 2;

/** Does steps. */
export interface Stepper {
  /** As {@link trainStep}. With a probe operation by operation: few steps have one. */
  step(indices: Uint32Array, step: number, probe?: Probe): StepLosses;
  /** Whether steps without a probe are done as a graph by now. */
  usesGraph(): boolean;
  /** Frees the graph; the networks stay. */
  release(): void;
}

export interface StepperOptions {
  /** False: operation by operation, whatever the backend. */
  readonly graphs?: boolean;
  /** Is told why a graph was given up. */
  readonly onFault?: (fault: string) => void;
}

/** @param gan  Both networks, which the steps change. */
export function createStepper(
  gan: Gan,
  source: StepSource,
  { graphs = true, onFault }: StepperOptions = {},
): Stepper {
  const state: GraphState = { gan, source, images: undefined, graph: undefined, proofs: 0 };
  let tries = graphs && canRecordGraphs();

  const release = (): void => {
    state.graph?.release();
    state.images?.dispose();
    state.graph = undefined;
    state.images = undefined;
    tries = false;
  };

  return {
    step(indices, step, probe) {
      if (!tries || probe !== undefined) {
        return trainStep(gan, source, indices, step, probe);
      }
      const draws = drawForGraph(state, indices, step);
      try {
        if (state.graph !== undefined && state.proofs >= PROOFS) {
          return runStep(state, state.graph, draws);
        }
        const { losses, fault } = proveStep(state, draws, () =>
          trainStep(gan, source, indices, step),
        );
        if (fault !== undefined) {
          release();
          onFault?.(fault);
        }
        return losses;
      } finally {
        disposeDraws(draws);
        tf.dispose([draws.indices, ...listShift(draws), ...listAmounts(draws)]);
      }
    },
    usesGraph: () => state.graph !== undefined && state.proofs >= PROOFS,
    release,
  };
}

/** What is there of a graph, and for it. */
interface GraphState {
  readonly gan: Gan;
  readonly source: StepSource;
  /** The whole data set. */
  images: tf.Tensor4D | undefined;
  graph: Graph | undefined;
  /** Steps that it has given the right results of. */
  proofs: number;
}

/** What a graph is told of a step. */
interface GraphDraws extends StepDraws<tf.Scalar> {
  /** Of the real images, [batch], int32. */
  readonly indices: tf.Tensor1D;
  readonly shift: DeviceShift | null;
}

function drawForGraph({ gan, source }: GraphState, indices: Uint32Array, step: number): GraphDraws {
  const { amounts, ...drawn } = drawStep(gan, source, indices, step);
  const shift = drawShift(source, step);
  return {
    ...drawn,
    indices: tf.tensor1d(Int32Array.from(indices), 'int32'),
    shift: shift && uploadShift(shift, source.config.translatePixels),
    amounts: putOnBackend(amounts),
  };
}

function putOnBackend({ discriminator, generator, average }: StepAmounts): StepAmounts<tf.Scalar> {
  const convert = <K extends string>(amounts: Readonly<Record<K, number>>): Record<K, tf.Scalar> =>
    Object.fromEntries(
      Object.entries<number>(amounts).map(([name, amount]) => [name, tf.scalar(amount)]),
    ) as Record<K, tf.Scalar>;
  return {
    discriminator: convert({ ...discriminator }),
    generator: convert({ ...generator }),
    average: convert({ ...average }),
  };
}

function listShift({ shift }: GraphDraws): tf.Tensor[] {
  return shift === null ? [] : [shift.there, shift.back];
}

function listAmounts({ amounts }: GraphDraws): tf.Scalar[] {
  return Object.values(amounts).flatMap((part: Readonly<Record<string, tf.Scalar>>) =>
    Object.values(part),
  );
}

/** What a step changes. */
function listVariables({ discriminator, generator, average }: Gan): tf.Variable[] {
  const states = [discriminator, generator].flatMap(({ weights, firstMoment, secondMoment }) => [
    weights,
    firstMoment,
    secondMoment,
  ]);
  return average === null ? states : [...states, average];
}

/** What a step takes, in the order in which a graph is given it. */
function listInputs(
  { images }: GraphState,
  variables: readonly tf.Tensor[],
  draws: GraphDraws,
): tf.Tensor[] {
  const { indices, labels, discriminatorInput, generatorInput } = draws;
  const tensors = [
    images as tf.Tensor,
    indices,
    discriminatorInput,
    generatorInput,
    ...(labels === null ? [] : [labels]),
  ];
  return [...variables, ...tensors, ...listShift(draws), ...listAmounts(draws)];
}

/** Does a step as a graph. */
function runStep(state: GraphState, graph: Graph, draws: GraphDraws): StepLosses {
  const variables = listVariables(state.gan);
  const outputs = graph.run(listInputs(state, variables, draws));
  variables.forEach((variable, i) => variable.assign(outputs[i] as tf.Tensor));
  const [discriminator, generator] = outputs.splice(variables.length) as [tf.Scalar, tf.Scalar];
  tf.dispose(outputs);
  return { discriminator, generator };
}

/**
 * Does a step operation by operation, and then as a graph with the same inputs, whose results are compared and dropped. The first
 * step makes the graph.
 *
 * @param train  Does the step.
 * @returns      Why the graph cannot be used, if it cannot.
 */
function proveStep(
  state: GraphState,
  draws: GraphDraws,
  train: () => StepLosses,
): { readonly losses: StepLosses; readonly fault: string | undefined } {
  const variables = listVariables(state.gan);
  const before = variables.map((variable) => tf.clone(variable));
  try {
    state.images ??= uploadImages(state.source.dataset);
    const inputs = listInputs(state, before, draws);
    const build = state.graph === undefined ? recordStep(state, inputs, draws) : undefined;
    variables.forEach((variable, i) => variable.assign(before[i] as tf.Tensor)); // recording was a step, too
    const losses = train();
    const expected = [...variables, losses.discriminator, losses.generator];
    try {
      state.graph ??= build?.();
      const outputs = state.graph?.run(inputs) ?? [];
      const same = expected.every((tensor, i) => haveSameBits(tensor, outputs[i] as tf.Tensor));
      tf.dispose(outputs);
      state.proofs++;
      return { losses, fault: same ? undefined : 'as one graph it has other results' };
    } catch (error) {
      return { losses, fault: (error as Error).message };
    }
  } finally {
    tf.dispose(before);
  }
}

/** Records a step, which changes the networks. @returns  Makes it a graph. */
function recordStep(
  { gan, source, images }: GraphState,
  inputs: readonly tf.Tensor[],
  draws: GraphDraws,
): () => Graph {
  const { config } = source;
  let losses: tf.Tensor[] = [];
  const build = recordGraph(inputs, () => {
    losses = tf.tidy(() => {
      const real = gatherDeviceImages(images as tf.Tensor4D, draws.indices, config.pixelRange);
      const augment =
        draws.shift === null
          ? (batch: tf.Tensor4D) => batch
          : createDeviceTranslation(config, draws.shift);
      const { discriminator, generator } = applyStep(gan, config, real, draws, { augment });
      return [discriminator, generator];
    });
    return [...listVariables(gan), ...losses];
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
