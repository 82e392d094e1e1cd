/**
 * Several processes that serve on one port (`--workers`), by Node's cluster module. The first
 * process accepts connections, hands them out by turns, and counts rate limits for all.
 */
import cluster, { type Worker } from 'node:cluster';
import type { RateKind } from '../worker/context.ts';
import type { RateLimiter } from '../worker/http/admission.ts';
import type { Log } from '../worker/http/log.ts';
import { killProcessAfter, onStopSignals, STOP_SIGNALS } from './watchdog.ts';

/** A worker that ends is replaced after this time, so that one that cannot start burns no core. */
const REPLACE_AFTER_MS = 1000;

/** A message from a worker to the first process. */
type Told =
  | { readonly started: Readonly<Record<string, unknown>> }
  | { readonly ask: number; readonly kind: RateKind; readonly key: string };

/** A message from the first process to a worker. */
type Said =
  | { readonly stop: NodeJS.Signals }
  | { readonly answer: number; readonly success: boolean };

interface ClusterOptions {
  /** The script that every worker runs. */
  readonly script: string;
  readonly workers: number;
  readonly limiters: Readonly<Record<RateKind, RateLimiter>>;
  /** How long workers may take to stop. */
  readonly stopMs: number;
  readonly log: Log;
}

/** Runs workers until a signal stops them. The others wait for the first one's start. */
export function runCluster({ script, workers, limiters, stopMs, log }: ClusterOptions): void {
  cluster.setupPrimary({ exec: script, args: process.argv.slice(2) });
  let isStopping = false;
  let started = 0;

  const fork = (): void => {
    const worker = cluster.fork();
    closeLostConnections(worker);
    let hasStarted = false;
    const end = (status: number | null, signal: string | null, cause?: Error): void => {
      if (isStopping) {
        return;
      }
      const isFirst = !hasStarted && started === 0;
      if (isFirst && status !== null) {
        process.exit(status); // It has said why.
      }
      log({ level: 'error', event: 'worker_ended', status, signal, cause });
      if (isFirst) {
        process.exit(1);
      }
      setTimeout(() => isStopping || fork(), REPLACE_AFTER_MS);
    };
    worker.on('message', (told: Told) => {
      if ('ask' in told) {
        const { ask, kind, key } = told;
        void limiters[kind].limit({ key }).then(({ success }) => say(worker, ask, success));
        return;
      }
      hasStarted = true;
      started++;
      if (isStopping) {
        return;
      }
      if (started === 1) {
        for (let i = 1; i < workers; i++) {
          fork();
        }
      }
      if (started === workers) {
        log({ level: 'info', event: 'started', ...told.started, workers });
      }
    });
    worker.on('error', (cause: Error) => {
      // A process that could not be started never exits, and has no number. A message to a worker
      // that is dying fails, too, but that worker exits.
      if (worker.process.pid === undefined) {
        end(null, null, cause);
      }
    });
    worker.once('exit', (status, signal) => end(status, signal));
  };
  fork();

  const listWorkers = () => Object.values(cluster.workers ?? {}) as Worker[];
  onStopSignals(
    (signal) => {
      isStopping = true;
      killProcessAfter(stopMs);
      log({ level: 'info', event: 'stopping', signal });
      const left = listWorkers().filter(
        (worker) => worker.process.pid !== undefined && !worker.isDead(),
      );
      const ends = left.map((worker) => {
        worker.send({ stop: signal } satisfies Said);
        return new Promise((resolve) => worker.once('exit', resolve));
      });
      void Promise.all(ends).then(() => {
        log({ level: 'info', event: 'stopped' });
        process.exit(0);
      });
    },
    () => {
      listWorkers().forEach((worker) => worker.process.kill('SIGKILL'));
      process.exit(1);
    },
  );
}

/**
 * Closes the connections that a killed worker had not taken yet. Node (22.23) forgets them, and
 * their clients would wait until they give up.
 */
function closeLostConnections({ process: child }: Worker): void {
  const untaken = new Map<number, { close(): void }>();
  const send = child.send.bind(child) as (...args: readonly unknown[]) => boolean;
  child.send = (message: { act?: string; seq: number }, handle?: unknown, ...rest: unknown[]) => {
    if (message.act === 'newconn') {
      untaken.set(message.seq, handle as { close(): void });
    }
    return send(message, handle, ...rest);
  };
  child.on('internalMessage', ({ ack }: { ack: number }) => untaken.delete(ack));
  child.once('close', () => untaken.forEach((handle) => handle.close()));
}

function say(worker: Worker, answer: number, success: boolean): void {
  if (worker.isConnected()) {
    worker.send({ answer, success } satisfies Said);
  }
}

/** Connects a worker with the first process. */
export function joinCluster() {
  const waiting = new Map<number, (success: boolean) => void>();
  let asked = 0;
  let stop: (() => void) | undefined;
  process.on('message', (said: Said) => {
    if ('stop' in said) {
      if (stop === undefined) {
        process.exit(0); // It does not serve yet.
      }
      stop();
    } else {
      waiting.get(said.answer)?.(said.success);
      waiting.delete(said.answer);
    }
  });
  // A terminal sends its signal to all processes; the first one decides.
  STOP_SIGNALS.forEach((signal) => process.on(signal, () => undefined));
  const tell = (told: Told) => process.send?.(told);
  return {
    tellStarted: (started: Readonly<Record<string, unknown>>) => tell({ started }),
    onStop: (run: () => void) => (stop = run),
    createLimiter: (kind: RateKind): RateLimiter => ({
      limit: ({ key }) =>
        new Promise((resolve) => {
          asked++;
          waiting.set(asked, (success) => resolve({ success }));
          tell({ ask: asked, kind, key });
        }),
    }),
  };
}
