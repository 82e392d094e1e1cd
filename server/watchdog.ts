/** The signals that stop the server, and its end by force. */
import { Worker } from 'node:worker_threads';

/** A closed terminal sends SIGHUP. */
export const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** A supervisor may signal all processes. Then copies come from npm and launch.mjs, too. */
const COPIES_MS = 2000;

/** Calls `stop` at the first signal, and `force` at a later one that is no copy of it. */
export function onStopSignals(stop: (signal: NodeJS.Signals) => void, force: () => void): void {
  let beganMs: number | undefined;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (beganMs === undefined) {
        beganMs = performance.now();
        stop(signal);
      } else if (performance.now() - beganMs > COPIES_MS) {
        force();
      }
    });
  }
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
