/** Ends the process by force, from its own thread: a main thread that hangs runs no timer. */
import { Worker } from 'node:worker_threads';

/** Runs in the thread. A signal, because `process.exit` would end the thread only. */
const KILL_LATER = `
  const { workerData } = require('node:worker_threads');
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData);
`;

/** Kills this process after `ms`, unless it has ended by then. Does not keep it alive. */
export function killProcessAfter(ms: number): void {
  new Worker(KILL_LATER, { eval: true, execArgv: [], workerData: ms }).unref();
}
