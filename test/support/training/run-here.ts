/** Runs a command of the trainer in the process of a test, which saves the start of another. */
import { vi } from 'vitest';
import { TRAINER } from '../trainer-program.ts';

export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

class Exit extends Error {}

const SOURCE = new URL('../../../trainer/main.ts', import.meta.url).href;
let runs = 0;

/** Only for commands that no signal ends. A file that uses it needs a process of its own. */
export async function runHere(...args: string[]): Promise<Ended> {
  let output = '';
  const write = (text: unknown): boolean => {
    output += text instanceof Exit ? '' : `${String(text)}\n`;
    return true;
  };
  const { argv, exitCode } = process;
  vi.spyOn(process.stdout, 'write').mockImplementation(write);
  vi.spyOn(process.stderr, 'write').mockImplementation(write);
  vi.spyOn(console, 'log').mockImplementation(write);
  vi.spyOn(console, 'error').mockImplementation(write);
  vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Exit();
  });
  try {
    process.argv = [process.execPath, TRAINER, ...args];
    process.exitCode = 0;
    runs += 1;
    // Importing the program runs it. Each name is a module of its own; what it imports is not.
    await import(`${SOURCE}?${runs}`);
    return { code: process.exitCode, output };
  } finally {
    vi.restoreAllMocks();
    Object.assign(process, { argv, exitCode });
  }
}
