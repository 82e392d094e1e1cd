/**
 * Chooses what TensorFlow.js computes on, proves that it works, and says what else was considered. Importing this
 * loads no backend. Choosing one does, for the whole process.
 *
 * One training step of preset `seed` on 2 cores without a GPU: tensorflow 6 ms, wasm 176 ms, cpu 963 ms,
 * webgpu on a software adapter 2,059 ms. Of `digits`: tensorflow 76 ms, cpu and webgpu over 25 s.
 */
import { availableParallelism } from 'node:os';
import { ExpectedError } from '../../shared/expected-error.ts';
import {
  BACKEND_NAMES,
  type BackendName,
  BackendUnusable,
  type OpenBackend,
  type Opener,
} from './open-backend.ts';
import { openCpu, openWasm } from './portable-backends.ts';
import { proveBackend } from './proof.ts';
import { openTensorflow } from './tensorflow-backend.ts';
import { openWebgpu } from './webgpu-backend.ts';

export { BACKEND_NAMES, type BackendName };

/** What was found out about one backend. */
export interface Considered {
  readonly name: BackendName;
  readonly usable: boolean;
  /** Why it is not usable and what to do about that. For a usable one its description. */
  readonly reason: string;
}

/** The backend in use. */
export interface SelectedBackend extends OpenBackend {
  readonly name: BackendName;
  /** In the order tried; the chosen one comes last. */
  readonly considered: readonly Considered[];
}

export interface SelectOptions {
  /** Positive; by default as many as the process may use cores. Only `tensorflow` has more than one. */
  readonly threads?: number;
  /** Whether convolutions will be trained, which wasm cannot: it has no kernel for their filters' gradients. */
  readonly convolutions?: boolean;
}

/** The backend of `--backend` cannot be used. The message says why, what to do, and what can be used. */
export class BackendError extends ExpectedError {
  override name = 'BackendError' as const;
}

/** How each backend is loaded. */
export type Openers = Readonly<Record<BackendName, Opener>>;

const OPENERS: Openers = {
  'tensorflow-gpu': (options) => openTensorflow('gpu', options),
  tensorflow: (options) => openTensorflow('cpu', options),
  webgpu: openWebgpu,
  wasm: openWasm,
  cpu: openCpu,
};

/**
 * The order of `auto`, fastest first. WebGPU on software comes after wasm: it is slower, and its results depend on a driver
 * that nobody chose. Convolutions cannot be trained on wasm, so software and plain JavaScript remain for them.
 */
const AUTO = [
  ['tensorflow-gpu', false],
  ['tensorflow', false],
  ['webgpu', false],
  ['wasm', false],
  ['webgpu', true],
  ['cpu', true],
] as const;

/**
 * Makes a backend TensorFlow.js's current one and proves it with small products and gradients.
 *
 * @param requested  `auto` takes the first usable one of `AUTO`.
 * @param openers    Others only in tests.
 * @returns          The caller releases it.
 * @throws BackendError  When the requested one is not usable.
 */
export async function selectBackend(
  requested: 'auto' | BackendName,
  options: SelectOptions = {},
  openers: Openers = OPENERS,
): Promise<SelectedBackend> {
  const considered = new Map<BackendName, Considered>();
  for (const [name, acceptsSoftware] of requested === 'auto'
    ? AUTO
    : [[requested, true] as const]) {
    const opened = await tryBackend(openers[name], acceptsSoftware, options);
    if (!(opened instanceof BackendUnusable)) {
      considered.set(name, { name, usable: true, reason: opened.description });
      return { ...opened, name, considered: [...considered.values()] };
    }
    considered.set(name, { name, usable: false, reason: opened.message });
  }
  const reasons = [...considered.values()].map(({ name, reason }) => `${name}: ${reason}`);
  const usable: string[] = [];
  for (const name of BACKEND_NAMES.filter((other) => !considered.has(other))) {
    const opened = await tryBackend(openers[name], true, options);
    if (!(opened instanceof BackendUnusable)) {
      usable.push(`${name} (${opened.description})`);
      await opened.release();
    }
  }
  throw new BackendError(
    `--backend ${requested} cannot be used here.\n  ${reasons.join('\n  ')}\n` +
      `Usable here: ${usable.join('; ') || 'none'}. --backend auto takes the fastest.`,
  );
}

/** Opens a backend and proves it. One that fails the proof is released at once. */
async function tryBackend(
  open: Opener,
  acceptsSoftware: boolean,
  { threads = availableParallelism(), convolutions = false }: SelectOptions,
): Promise<OpenBackend | BackendUnusable> {
  try {
    const opened = await open({ threads, acceptsSoftware });
    const fault = await proveBackend(convolutions);
    if (fault === undefined) {
      return opened;
    }
    await opened.release();
    return new BackendUnusable(`${opened.description}: ${fault}`);
  } catch (error) {
    if (error instanceof BackendUnusable) {
      return error;
    }
    throw error;
  }
}
