/** The signals that stop the server, and its end by force. */
import { Worker } from 'node:worker_threads';

/** A closed terminal sends SIGHUP. */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** A supervisor may signal all processes. Then copies come from npm and launch.mjs, too. */
const COPIES_MS = 2000;

/** Calls `stop` at the first signal, and `force` at a later one that is no copy of it. */
export function onStopSignals(stop: (signal: NodeJS.Signals) => void, force: () => void): void {
  let act: (signal: NodeJS.Signals) => void = (first) => {
    act = () => undefined;
    // A copy that came during long work is read after the timers and before the immediates.
    setTimeout(() => setImmediate(() => (act = force)), COPIES_MS).unref();
    stop(first);
  };
  STOP_SIGNALS.forEach((signal) => process.on(signal, () => act(signal)));
}

/** Runs in the thread. A signal, because `process.exit` would end the thread only. */
const KILL_LATER = `
  const { workerData } = require('node:worker_threads');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData);
`;

/**
 * Kills this process after `ms`, unless it has ended by then. Does not keep it alive. Has its own
 * thread, because a main thread that hangs runs no timer.
 */
export function killProcessAfter(ms: number): void {
  new Worker(KILL_LATER, { eval: true, execArgv: [], workerData: ms }).unref();
}
