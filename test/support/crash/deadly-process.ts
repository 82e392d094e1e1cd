/**
 * Runs the project's command line in its own process and kills it with SIGKILL after a given time.
 */
import { spawn } from 'node:child_process';
import type { Dice } from '../dice.ts';
import { TRAINER } from '../trainer-program.ts';

/** Runs a program that it kills several times. */
export interface Killer {
  readonly name: string;
  kill(dice: Dice): Promise<KillReport>;
  close(): Promise<void>;
}

/** The outcome of one run or publication that was killed several times. */
export interface KillReport {
  readonly kills: number;
  /** Describes each loss; empty when nothing was lost. */
  readonly faults: readonly string[];
  /** The point of each kill. */
  readonly where: readonly string[];
}

export interface Ended {
  /** False when the process ended by itself before the kill. */
  readonly killed: boolean;
  readonly code: number | null;
  readonly output: string;
  /** Time from the first output that `begins` accepts to the end. */
  readonly workMs: number;
}

export interface Deadly {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Recognises the output of a completed start. The time to the kill counts from this output. */
  readonly begins: RegExp;
  /** Milliseconds from the start's output to the kill; absent: the process is not killed. */
  readonly killAfterMs?: number | undefined;
}

export function runDeadly({ args, env = {}, begins, killAfterMs }: Deadly): Promise<Ended> {
  const child = spawn(process.execPath, [TRAINER, ...args], {
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let begunAt: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  const listen = (chunk: Buffer): void => {
    output += chunk.toString();
    if (begunAt === undefined && begins.test(output)) {
      begunAt = performance.now();
      if (killAfterMs !== undefined) {
        timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
      }
    }
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        killed: signal === 'SIGKILL',
        code,
        output,
        workMs: performance.now() - (begunAt ?? performance.now()),
      });
    });
  });
}
