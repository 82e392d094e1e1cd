/**
 * The page's side of the worker that draws.
 */
import type { Answer, TaskName, Tasks } from './protocol.ts';

export interface PainterLink {
  /** Rejects with the worker's error. */
  ask<K extends TaskName>(task: K, ask: Tasks[K]['ask']): Promise<Tasks[K]['answer']>;
}

/**
 * Starts the worker.
 * @param url  Of its script.
 * @returns    Once the worker is ready; rejects when its script or its wasm does not load.
 */
export async function startPainter(url: string): Promise<PainterLink> {
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
  };
}
