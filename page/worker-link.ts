/** Questions to a web worker, each with a port for its answer. */

/** The requests that a worker answers, by name. */
export type Tasks = Readonly<Record<string, (ask: never) => unknown>>;

/** Comes with a port for the answer. The worker sends an empty message first, once it is ready. */
export interface Question {
  readonly task: string;
  readonly ask: unknown;
}

export type Answer =
  | { readonly ok: true; readonly answer: unknown }
  | { readonly ok: false; readonly message: string };

export interface WorkerLink<T extends Tasks> {
  /** Rejects with the worker's error. */
  ask<K extends keyof T>(task: K, ask: Parameters<T[K]>[0]): Promise<Awaited<ReturnType<T[K]>>>;
  /** Ends the worker. */
  end(): void;
}

/**
 * Starts a worker.
 * @param url  The URL of its script, which sends a message once it is ready.
 * @returns    Once it is ready; rejects when its script or its wasm does not load.
 */
export async function startWorker<T extends Tasks>(url: string): Promise<WorkerLink<T>> {
  const worker = new Worker(url, { type: 'module' });
  await new Promise((resolve, reject) => {
    worker.addEventListener('message', resolve, { once: true });
    worker.addEventListener('error', (event) => {
      worker.terminate();
      reject(new Error(event.message || 'the script that draws did not load'));
    });
  });
  return {
    ask: (task, ask) =>
      new Promise((resolve, reject) => {
        const { port1, port2 } = new MessageChannel();
        port1.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
          port1.close();
          if (data.ok) {
            resolve(data.answer as never);
          } else {
            reject(new Error(data.message));
          }
        });
        port1.start();
        worker.postMessage({ task, ask }, [port2]);
      }),
    end: () => worker.terminate(),
  };
}
