/**
 * Compares steps as one graph with steps operation by operation, on tfjs-node, in their own
 * processes.
 */
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { deriveKey } from '../../../shared/model/random.ts';
import { createGan, disposeGan } from '../../../trainer/gan/step.ts';
import { createStepper } from '../../../trainer/run/stepper.ts';
import { listTrainingBackends, runOnBackend } from '../../support/training/backends.ts';
import { FALSIFIED, type StepsAsGraph } from '../../support/training/steps-as-graph.ts';
import { makeTinyDataset, TINY_CONFIG } from '../../support/training/tensors.ts';

const tensorflow = listTrainingBackends({ convolutions: true }).find(
  ({ name }) => name === 'tensorflow',
);

describe.skipIf(tensorflow?.skip).each([1, 2])('on tfjs-node with %i thread(s)', (threads) => {
  let outcome: StepsAsGraph;
  beforeAll(async () => {
    outcome = await runOnBackend<StepsAsGraph>('steps-as-graph', 'tensorflow', String(threads));
  });

  it.each([
    'digits',
    'seed',
    'R1, a smoothed target and falling rates',
    'digits, moved',
    'digits, matched',
    'another range',
  ])('%s: a graph gives the same bits as the operations', (name) => {
    const { operations, graph } = outcome.runs[name]!;
    expect(operations).toMatchObject({ usedGraph: false, faults: [] });
    expect(graph).toEqual({ ...operations, usedGraph: true });
    expect(graph.figures).toContain('generatorGradientNorm');
    expect(graph.leaked).toBe(0);
  });

  it.each(FALSIFIED)(
    '%s: a graph with one different bit is abandoned and leaves no trace',
    (name) => {
      const { operations } = outcome.runs[name]!;
      expect(outcome.falsified[name]).toEqual({
        ...operations,
        faults: ['as one graph it has other results'],
      });
    },
  );

  it('refuses to record computations that a graph would change', () => {
    const { refusals } = outcome;
    expect(refusals['a tensor from outside']).toMatch(
      /^Error: Add\w* takes a tensor that is no input$/,
    );
    expect(refusals['a read']).toBe('Error: it reads a tensor');
    expect(refusals['no computation']).toBe('Error: an output was not computed');
    expect(refusals['nothing']).toBe('none');
  });

  it('computes with the given inputs', () => {
    expect(outcome.repeated).toEqual([11, 55, 65]);
  });
});

it('other backends take steps operation by operation', async () => {
  await tf.setBackend('cpu');
  const source = {
    config: TINY_CONFIG,
    dataset: makeTinyDataset(),
    key: deriveKey('train', 'tiny'),
  };
  const gan = createGan(source, null);
  const stepper = createStepper(gan, source, { onFault: (fault) => expect.unreachable(fault) });
  for (let step = 0; step < 4; step++) {
    const { discriminator, generator } = stepper.step(Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7), step);
    expect((await discriminator.data())[0]).toBeGreaterThan(0);
    tf.dispose([discriminator, generator]);
  }
  expect(stepper.usesGraph()).toBe(false);
  stepper.release();
  disposeGan(gan);
});
