/**
 * The worker that draws, off the page's thread: the generator as the edge runs it, from the files that are published.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  decodeWeights,
  findFile,
  MANIFEST_FILE,
  parseManifest,
  verifyFile,
  WEIGHTS_FILE,
  type ParsedManifest,
} from '../../shared/artifact.ts';
import { runGenerator } from '../../shared/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents } from '../../shared/latent.ts';
import { encodePixels } from '../../shared/pixels.ts';
import { startTensorFlow } from '../../worker/tensorflow/backend.ts';
import { findDirections } from './directions.ts';
import type { Inputs, Message, Opened, Question, TaskName, Tasks } from './protocol.ts';

const DIRECTIONS = 5;

let model: { readonly parsed: ParsedManifest; readonly tensors: readonly tf.Tensor[] } | undefined;

function getModel(): NonNullable<typeof model> {
  if (model === undefined) {
    throw new Error('no model is open');
  }
  return model;
}

const TASKS: { readonly [K in TaskName]: (ask: Tasks[K]['ask']) => Tasks[K]['answer'] | Promise<Tasks[K]['answer']> } = {
  open: async ({ name, version }) => {
    const base = `/models/${name}/${version}`;
    const [manifest, weights] = await Promise.all([`${base}/${MANIFEST_FILE}`, `${base}/${WEIGHTS_FILE}`].map(fetchBytes));
    const parsed = parseManifest(manifest as Uint8Array, { name, version });
    verifyFile(findFile(parsed.manifest, WEIGHTS_FILE), weights as Uint8Array);
    const arrays = decodeWeights(parsed, weights as Uint8Array);
    await startTensorFlow();
    model = { parsed, tensors: arrays.map((values, i) => tf.tensor(values, [...(parsed.plan.weights[i]?.shape ?? [])])) };
    return describe(parsed, arrays[0]);
  },
  derive: ({ seed, count }): Inputs => {
    const { latentSize, classes } = getModel().parsed.plan.config;
    const key = deriveSeedKey(seed);
    const labels = classes === 0 ? null : drawLabels(key, 0, count, classes);
    return { latents: drawLatents(key, 0, count, latentSize), labels };
  },
  draw: ({ input }) => {
    const { parsed, tensors } = getModel();
    const { inputSize } = parsed.plan;
    const output = tf.tidy(() => runGenerator(parsed.plan, tensors, tf.tensor2d(input, [input.length / inputSize, inputSize])));
    const values = output.dataSync<'float32'>();
    output.dispose();
    return encodePixels(values, parsed.manifest.image.range);
  },
};

function describe({ plan }: ParsedManifest, kernel: Float32Array | undefined): Opened {
  const { latentSize, classes, layers } = plan.config;
  const [height, width, channels] = plan.outputShape;
  const [first] = layers;
  const directions =
    first?.type === 'dense' && kernel !== undefined ? findDirections(kernel, latentSize, first.units, DIRECTIONS) : [];
  return { latentSize, classes, width, height, channels, directions };
}

async function fetchBytes(path: string): Promise<Uint8Array> {
  const answer = await fetch(path);
  if (!answer.ok) {
    throw new Error(`${path} answers ${answer.status}`);
  }
  return new Uint8Array(await answer.arrayBuffer());
}

function send(message: Message): void {
  postMessage(message);
}

async function handle<K extends TaskName>({ id, task, ask }: Question<K>): Promise<void> {
  try {
    send({ kind: 'answer', id, answer: await TASKS[task](ask) });
  } catch (cause) {
    send({ kind: 'failure', id, message: cause instanceof Error ? cause.message : String(cause) });
  }
}

addEventListener('message', ({ data }: MessageEvent<Question>) => void handle(data));
send({ kind: 'ready' });
