/**
 * The page's end of the worker that draws.
 */
import type { Message, TaskName, Tasks } from './protocol.ts';

export interface PainterLink {
  /** Rejects with the worker's own words. */
  ask<K extends TaskName>(task: K, ask: Tasks[K]['ask']): Promise<Tasks[K]['answer']>;
}

/**
 * Starts the worker.
 * @param url  Of its script.
 * @returns    When it can be asked; rejects when its script or its wasm did not load.
 */
export function startPainter(url: string): Promise<PainterLink> {
  const worker = new Worker(url, { type: 'module' });
  const waiting = new Map<
    number,
    { resolve: (answer: never) => void; reject: (cause: Error) => void }
  >();
  let next = 0;
  const link: PainterLink = {
    ask: (task, ask) =>
      new Promise((resolve, reject) => {
        const id = next++;
        waiting.set(id, { resolve, reject });
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker's has none
        worker.postMessage({ id, task, ask });
      }),
  };
  return new Promise((resolve, reject) => {
    worker.addEventListener('error', (event) => {
      worker.terminate();
      reject(new Error(event.message || 'the script that draws did not load'));
    });
    worker.addEventListener('message', ({ data }: MessageEvent<Message>) => {
      switch (data.kind) {
        case 'ready':
          resolve(link);
          break;
        case 'answer':
          waiting.get(data.id)?.resolve(data.answer as never);
          waiting.delete(data.id);
          break;
        case 'failure':
          waiting.get(data.id)?.reject(new Error(data.message));
          waiting.delete(data.id);
          break;
      }
    });
  });
}
