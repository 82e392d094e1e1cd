/**
 * The sides of `npm run bench:keras`: a process each that takes requests and gives answers in lines of JSON, so that each
 * keeps its own libraries, threads and cores, and waits without computing while another one is timed.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as tf from '@tensorflow/tfjs';
import { readState } from '../trainer/gan/network-state.ts';
import type { PresetName } from '../trainer/gan/preset.ts';
import { createGan, disposeGan, type StepLosses } from '../trainer/gan/step.ts';
import { createStepper } from '../trainer/run/stepper.ts';
import type { Gan } from '../trainer/gan/update.ts';
import { selectBackend } from '../trainer/tensorflow/backend.ts';
import { CHECK_STEPS, makeProblem, saveOutcome, type Outcome } from './keras-problem.ts';

/** What a side is asked for. */
export type Request =
  /** Does the problem's first CHECK_STEPS from its starting weights and writes what came of them. */
  | { readonly do: 'check'; readonly out: string }
  /** Does steps, after the check, and tells the milliseconds of each. */
  | { readonly do: 'train'; readonly steps: number };

/** A side that runs. */
export interface Side {
  /** By name, as it told them. */
  readonly versions: Readonly<Record<string, string>>;
  check(out: string): Promise<void>;
  /** @returns  Milliseconds of each step. */
  train(steps: number): Promise<number[]>;
  /** Ends the process. */
  close(): Promise<void>;
}

/**
 * Starts a side and waits until it is ready.
 *
 * @param command  A program and its arguments.
 * @throws Error   Also from the methods: when the process ends before it has answered; its stderr is passed on.
 */
export async function startSide([program = '', ...args]: readonly string[]): Promise<Side> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status, signal) => resolve(`ended with ${signal ?? `status ${status}`}`));
  });
  // A side that is gone is noticed when it does not answer.
  child.stdin.on('error', () => {});
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const receive = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) {
      throw new Error(`${program}: ${await ended}`);
    }
    return JSON.parse(value);
  };
  const ask = async (request: Request): Promise<unknown> => {
    child.stdin.write(`${JSON.stringify(request)}\n`);
    return receive();
  };
  const { versions } = (await receive()) as Pick<Side, 'versions'>;
  return {
    versions,
    check: async (out) => void (await ask({ do: 'check', out })),
    train: async (steps) => ((await ask({ do: 'train', steps })) as { ms: number[] }).ms,
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}

/**
 * The trainer's own side, in the process that it is called in: answers requests on stdin until stdin ends.
 *
 * @param graphs  False: a step is done operation by operation.
 */
export async function serveTrainer(
  preset: PresetName,
  threads: number,
  graphs: boolean,
): Promise<void> {
  const { source, batcher } = makeProblem(preset);
  const convolutions = source.config.discriminator.type === 'convolutional';
  const { description } = await selectBackend('tensorflow', { threads, convolutions });
  say({ versions: { node: process.versions.node, tfjs: tf.version_core, backend: description } });
  const gan = createGan(source, null);
  const stepper = createStepper(gan, source, {
    graphs,
    onFault(fault) {
      throw new Error(fault);
    },
  });
  let step = 0;
  const doStep = (): StepLosses => {
    const losses = stepper.step(batcher.drawIndices(step), step);
    step++;
    return losses;
  };
  for await (const line of createInterface(process.stdin)) {
    const request = JSON.parse(line) as Request;
    switch (request.do) {
      case 'check': {
        const losses: number[] = [];
        let moments: Outcome = {};
        for (let i = 0; i < CHECK_STEPS; i++) {
          const { discriminator, generator } = doStep();
          losses.push(...(await discriminator.data()), ...(await generator.data()));
          tf.dispose([discriminator, generator]);
          moments = i === 0 ? await readMoments(gan) : moments;
        }
        const average = await gan.average?.data<'float32'>();
        await saveOutcome(request.out, {
          losses: Float32Array.from(losses),
          ...moments,
          'generator.weights': (await readState(gan.generator)).weights,
          'discriminator.weights': (await readState(gan.discriminator)).weights,
          ...(average === undefined ? {} : { average }),
        });
        say({});
        break;
      }
      case 'train': {
        const ms: number[] = [];
        for (let i = 0; i < request.steps; i++) {
          const before = performance.now();
          const losses = doStep();
          await losses.generator.data(); // waits for the device, as Keras's side does
          tf.dispose([losses.discriminator, losses.generator]);
          ms.push(performance.now() - before);
        }
        say({ ms });
      }
    }
  }
  stepper.release();
  disposeGan(gan);
}

async function readMoments(gan: Gan): Promise<Outcome> {
  const [generator, discriminator] = [
    await readState(gan.generator),
    await readState(gan.discriminator),
  ];
  return {
    'generator.firstMoment': generator.firstMoment,
    'generator.secondMoment': generator.secondMoment,
    'discriminator.firstMoment': discriminator.firstMoment,
    'discriminator.secondMoment': discriminator.secondMoment,
  };
}

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
