/** The side of `worker-link.ts` in a web worker: answers its questions, and loads models. */
import {
  decodeWeights,
  findFile,
  MANIFEST_FILE,
  parseManifest,
  verifyFile,
  WEIGHTS_FILE,
} from '../shared/model/artifact.ts';
import { BASE_PATH } from './base-path.ts';
import type { Answer, Question, Tasks } from './worker-link.ts';

/** Answers every question with its task's result, and says that this worker is ready. */
export function answerTasks(tasks: Tasks): void {
  const run = async ({ task, ask }: Question): Promise<Answer> => {
    try {
      return { ok: true, answer: await tasks[task]?.(ask as never) };
    } catch (cause) {
      return { ok: false, message: cause instanceof Error ? cause.message : String(cause) };
    }
  };
  addEventListener('message', ({ data, ports }: MessageEvent<Question>) => {
    void run(data).then((answer) => ports[0]?.postMessage(answer));
  });
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
  postMessage(null);
}

export interface ModelVersion {
  readonly name: string;
  readonly version: string;
}

/** Fetches a published model and checks it. */
export async function fetchModel(model: ModelVersion) {
  const [manifest, bytes] = await Promise.all([
    fetchFile(model, MANIFEST_FILE),
    fetchFile(model, WEIGHTS_FILE),
  ]);
  const parsed = parseManifest(manifest, model);
  verifyFile(findFile(parsed.manifest, WEIGHTS_FILE), bytes);
  return { parsed, weights: decodeWeights(parsed, bytes) };
}

/** Fetches a file of a published model, unchecked. */
export async function fetchFile({ name, version }: ModelVersion, file: string) {
  const path = `${BASE_PATH}/models/${name}/${version}/${file}`;
  const answer = await fetch(path);
  if (!answer.ok) {
    throw new Error(`${path} answers ${answer.status}`);
  }
  return new Uint8Array(await answer.arrayBuffer());
}
