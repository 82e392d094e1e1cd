/**
 * A side of the training benchmark, as a process: the trainer on some backend, or Keras. It takes
 * requests and answers them in lines of JSON, so that each side keeps its own libraries, threads
 * and cores, and waits without computing while another one is timed.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type Request =
  /** Does the problem's first CHECK_STEPS steps and writes their outcome. Must come first. */
  | { readonly do: 'check'; readonly out: string }
  /** Does steps, for at most `maxMs`. Answers {@link Times}. */
  | { readonly do: 'train'; readonly steps: number; readonly maxMs?: number }
  /** Answers {@link Limit}. The trainer's sides only. */
  | { readonly do: 'limit' };

/** Milliseconds of each step. */
export interface Times {
  readonly ms: readonly number[];
}

export interface Limit {
  /** Multiply-accumulates of a step: products and convolutions, with gradients and padding. */
  readonly macs: number;
  /** Multiply-accumulates a millisecond in TensorFlow's product of two large matrices. */
  readonly macsPerMs: number;
}

export interface Side {
  /** By name, as the process says. */
  readonly versions: Readonly<Record<string, string>>;
  readonly ask: (request: Request) => Promise<unknown>;
  /** Ends the process. */
  readonly close: () => Promise<void>;
}

/**
 * Starts a side and waits until it is ready.
 *
 * @param command  A program and its arguments.
 * @throws Error   When the process ends before it answers, with the end of its stderr; `ask` too.
 */
export async function startSide(
  [program = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Side> {
  const child = spawn(program, args, { env: { ...process.env, ...env } });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (status, signal) => resolve(`ended with ${signal ?? `status ${status}`}`));
  });
  // A process that has ended is noticed when no answer comes.
  child.stdin.on('error', () => {});
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const receive = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) {
      throw new Error(`${[program, ...args].join(' ')}: ${await ended}\n${errors.slice(-2000)}`);
    }
    return JSON.parse(value);
  };
  const { versions } = (await receive()) as Pick<Side, 'versions'>;
  return {
    versions,
    ask: (request) => {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      return receive();
    },
    close: async () => {
      child.stdin.end();
      await ended;
    },
  };
}
