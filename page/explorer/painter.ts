/**
 * The worker that draws outside the page's thread: the generator as it runs at the edge, loaded
 * from the published files.
 */
import {
  decodeWeights,
  findFile,
  MANIFEST_FILE,
  parseManifest,
  verifyFile,
  WEIGHTS_FILE,
} from '../../shared/model/artifact.ts';
import type { GeneratorPlan } from '../../shared/model/generator.ts';
import { deriveSeedKey, drawLabels, drawLatents, truncate } from '../../shared/model/random.ts';
import { drawPictures, loadNetwork, readRows, type Network } from '../../shared/model/sampler.ts';
import { takeKernels } from '../../worker/models/open-model.ts';
import { BASE_PATH } from '../base-path.ts';
import { findDirections } from './directions.ts';
import type { Answer, Inputs, Opened, Question, TaskName, Tasks } from './protocol.ts';

const DIRECTIONS = 5;

let network: Network | undefined;

function getNetwork(): Network {
  if (network === undefined) {
    throw new Error('no model is open');
  }
  return network;
}

const TASKS: {
  readonly [K in TaskName]: (
    ask: Tasks[K]['ask'],
  ) => Tasks[K]['answer'] | Promise<Tasks[K]['answer']>;
} = {
  open: async ({ name, version }) => {
    const base = `${BASE_PATH}/models/${name}/${version}`;
    const [manifest, bytes] = await Promise.all(
      [`${base}/${MANIFEST_FILE}`, `${base}/${WEIGHTS_FILE}`].map(fetchBytes),
    );
    const parsed = parseManifest(manifest as Uint8Array, { name, version });
    verifyFile(findFile(parsed.manifest, WEIGHTS_FILE), bytes as Uint8Array);
    const weights = decodeWeights(parsed, bytes as Uint8Array);
    network = loadNetwork(parsed, weights, takeKernels());
    return describe(network.plan, weights[0]);
  },
  derive: ({ seed, count, truncation }): Inputs => {
    const { latentSize, classes } = getNetwork().plan.config;
    const key = deriveSeedKey(seed);
    const labels = classes === 0 ? null : drawLabels(key, 0, count, classes);
    const latents = truncate(drawLatents(key, 0, count, latentSize), truncation);
    return { latents, labels };
  },
  draw: ({ input }) => {
    const { plan } = getNetwork();
    const count = input.length / plan.inputSize;
    return drawPictures(getNetwork(), count, readRows(plan, input)).pixels;
  },
};

/** @param kernel  The first layer's. */
function describe(plan: GeneratorPlan, kernel: Float32Array | undefined): Opened {
  const { latentSize, classes, layers } = plan.config;
  const [height, width, channels] = plan.outputShape;
  const [first] = layers;
  const directions =
    first?.type === 'dense' && kernel !== undefined
      ? findDirections(kernel, latentSize, first.units, DIRECTIONS)
      : [];
  return { latentSize, classes, width, height, channels, directions };
}

async function fetchBytes(path: string): Promise<Uint8Array> {
  const answer = await fetch(path);
  if (!answer.ok) {
    throw new Error(`${path} answers ${answer.status}`);
  }
  return new Uint8Array(await answer.arrayBuffer());
}

async function run<K extends TaskName>({ task, ask }: Question<K>): Promise<Answer> {
  try {
    return { ok: true, answer: await TASKS[task](ask) };
  } catch (cause) {
    return { ok: false, message: cause instanceof Error ? cause.message : String(cause) };
  }
}

addEventListener('message', ({ data, ports }: MessageEvent<Question>) => {
  void run(data).then((answer) => ports[0]?.postMessage(answer));
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
postMessage(null);
