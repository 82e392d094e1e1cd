/** Runs other programs without a shell, so arguments need no quoting. */
import { spawn, type SpawnSyncReturns } from 'node:child_process';

/** `status` is null when a signal ended the program. */
export type CommandResult = Omit<SpawnSyncReturns<string>, 'pid' | 'output' | 'error'>;

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs a program to its end. A signal that ends this process ends the program, too.
 * @param env         Its PATH also decides which program is found.
 * @param showOutput  Shows the program's standard output instead of collecting it.
 * @returns  undefined when there is no such program.
 */
export function runCommand(
  command: string,
  args: readonly string[],
  { env, cwd, showOutput = false }: { env: NodeJS.ProcessEnv; cwd?: string; showOutput?: boolean },
): Promise<CommandResult | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      env,
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ['ignore', showOutput ? 'inherit' : 'pipe', 'pipe'],
    });
    const output = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    child.on('error', (error: NodeJS.ErrnoException) =>
      ['ENOENT', 'EACCES'].includes(error.code ?? '') ? resolve(undefined) : reject(error),
    );
    const end = (signal: NodeJS.Signals): void => {
      child.kill(signal);
      SIGNALS.forEach((each) => process.off(each, end));
      process.kill(process.pid, signal);
    };
    SIGNALS.forEach((each) => process.on(each, end));
    child.on('close', (status, signal) => {
      SIGNALS.forEach((each) => process.off(each, end));
      resolve({ status, signal, ...output });
    });
  });
}

/** Quotes the last lines of what a program said, indented, for a message. */
export function quoteLastLines({ stdout, stderr }: CommandResult, count = 8): string {
  const text = stderr.trim() === '' ? stdout : stderr;
  const lines = text.trim().split('\n').slice(-count);
  return lines.map((line) => `    ${line}`).join('\n');
}
