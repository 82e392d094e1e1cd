/**
 * Does the steps of a run: as one graph where the backend takes one, else operation by operation. A graph is used once it has
 * given, bit for bit, what the operations gave, so a run's weights do not depend on which it was.
 */
import * as tf from '@tensorflow/tfjs';
import {
  applyStep,
  disposeDraws,
  drawStep,
  keepInPlace,
  trainStep,
  type StepAmounts,
  type StepDraws,
  type StepLosses,
  type StepSource,
} from './seeded-step.ts';
import type { Gan, Probe } from './steps.ts';
import { canRecordGraphs, recordGraph, type Graph } from './tensorflow/graph.ts';

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
export function createStepper(gan: Gan, source: StepSource, { graphs = true, onFault }: StepperOptions = {}): Stepper {
  // The numbers that a batch is moved by would become constants.
  let tries = graphs && canRecordGraphs() && source.config.translatePixels === 0;
  let graph: Graph | undefined;
  let proofs = 0;

  const release = (): void => {
    graph?.release();
    graph = undefined;
    tries = false;
  };

  return {
    step(indices, step, probe) {
      if (!tries || probe !== undefined) {
        return trainStep(gan, source, indices, step, probe);
      }
      const { amounts, ...drawn } = drawStep(gan, source, indices, step);
      const draws = { ...drawn, amounts: putOnBackend(amounts) };
      try {
        if (graph !== undefined && proofs >= PROOFS) {
          return runStep(gan, graph, draws);
        }
        const proof = proveStep(gan, source, draws, graph);
        graph = proof.graph;
        proofs++;
        if (proof.fault !== undefined) {
          release();
          onFault?.(proof.fault);
        }
        return proof.losses;
      } finally {
        disposeDraws(draws);
        tf.dispose(listAmounts(draws));
      }
    },
    usesGraph: () => graph !== undefined && proofs >= PROOFS,
    release,
  };
}

type DrawsOnBackend = StepDraws<tf.Scalar>;

function putOnBackend({ discriminator, generator, average }: StepAmounts): StepAmounts<tf.Scalar> {
  const convert = <K extends string>(amounts: Readonly<Record<K, number>>): Record<K, tf.Scalar> =>
    Object.fromEntries(Object.entries<number>(amounts).map(([name, amount]) => [name, tf.scalar(amount)])) as Record<
      K,
      tf.Scalar
    >;
  return { discriminator: convert({ ...discriminator }), generator: convert({ ...generator }), average: convert({ ...average }) };
}

function listAmounts({ amounts }: DrawsOnBackend): tf.Scalar[] {
  return Object.values(amounts).flatMap((part: Readonly<Record<string, tf.Scalar>>) => Object.values(part));
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
function listInputs(variables: readonly tf.Tensor[], draws: DrawsOnBackend): tf.Tensor[] {
  const { real, labels, discriminatorInput, generatorInput } = draws;
  const tensors = [real, discriminatorInput, generatorInput, ...(labels === null ? [] : [labels])];
  return [...variables, ...tensors, ...listAmounts(draws)];
}

/** Does a step as a graph. */
function runStep(gan: Gan, graph: Graph, draws: DrawsOnBackend): StepLosses {
  const variables = listVariables(gan);
  const outputs = graph.run(listInputs(variables, draws));
  variables.forEach((variable, i) => variable.assign(outputs[i] as tf.Tensor));
  const [discriminator, generator] = outputs.splice(variables.length) as [tf.Scalar, tf.Scalar];
  tf.dispose(outputs);
  return { discriminator, generator };
}

/**
 * Does a step operation by operation, and then as a graph with the same inputs, whose results are compared and dropped.
 *
 * @param graph  Undefined: it is made from this step.
 */
function proveStep(
  gan: Gan,
  source: StepSource,
  draws: DrawsOnBackend,
  graph: Graph | undefined,
): { losses: StepLosses; graph: Graph | undefined; fault: string | undefined } {
  const before = listVariables(gan).map((variable) => tf.clone(variable));
  try {
    const inputs = listInputs(before, draws);
    const apply = (): tf.Tensor[] => {
      const { discriminator, generator } = applyStep(gan, source.config, draws, { augment: keepInPlace });
      return [...listVariables(gan), discriminator, generator];
    };
    const recording = graph === undefined ? recordGraph(inputs, apply) : { outputs: apply(), build: () => graph };
    const [discriminator, generator] = recording.outputs.slice(before.length) as [tf.Scalar, tf.Scalar];
    const losses = { discriminator, generator };
    let built: Graph | undefined = graph;
    try {
      built = recording.build();
      const outputs = built.run(inputs);
      const same = outputs.every((output, i) => haveSameBits(output, recording.outputs[i] as tf.Tensor));
      tf.dispose(outputs);
      return { losses, graph: built, fault: same ? undefined : 'as one graph it has other results' };
    } catch (error) {
      return { losses, graph: built, fault: (error as Error).message };
    }
  } finally {
    tf.dispose(before);
  }
}

function haveSameBits(a: tf.Tensor, b: tf.Tensor): boolean {
  const [x, y] = [a, b].map((tensor) => {
    const { buffer, byteOffset, byteLength } = tensor.dataSync();
    return Buffer.from(buffer, byteOffset, byteLength);
  }) as [Buffer, Buffer];
  return x.equals(y);
}
