/**
 * The project's command line in a process of its own that is killed, as `kill -9` does it, some
 * time after it has begun.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../trainer/main.ts', import.meta.url));

export interface Ended {
  /** False when it ended by itself before its time. */
  readonly killed: boolean;
  readonly code: number | null;
  readonly output: string;
  /** From the first output that `begins` knows to the end. */
  readonly workMs: number;
}

export interface Deadly {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it writes when it has started up: the time is counted from then on. */
  readonly begins: RegExp;
  /** Milliseconds after that; absent: it is let live. */
  readonly killAfterMs?: number | undefined;
}

export function runDeadly({ args, env = {}, begins, killAfterMs }: Deadly): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], {
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
