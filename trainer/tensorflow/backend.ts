/**
 * Chooses what TensorFlow.js computes on, proves that it works, and says what else was considered. Importing this
 * loads no backend and changes nothing; choosing one does, for the whole process.
 *
 * Measured on a machine with 2 cores and no GPU by `npm run bench -- training --backends`, one training step of preset `seed`: tensorflow
 * 6 ms, wasm 176 ms, cpu 963 ms, webgpu on a software adapter 2,059 ms. Of `digits`: tensorflow 76 ms, the last two over
 * 25 s.
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
import { createCpuOpener, createWasmOpener } from './portable-backends.ts';
import { proveBackend } from './setup/proof.ts';
import { createTensorflowOpener } from './tensorflow-backend.ts';
import { createWebgpuOpener } from './webgpu-backend.ts';

export { BACKEND_NAMES, type BackendName };

/** What was found out about one backend. */
export interface Considered {
  readonly name: BackendName;
  readonly usable: boolean;
  /** Why not, and what to do about it; for a usable one its description. */
  readonly reason: string;
}

/** The backend in use. */
export interface SelectedBackend extends OpenBackend {
  readonly name: BackendName;
  /** In the order tried; the chosen one is among them. */
  readonly considered: readonly Considered[];
}

export interface SelectOptions {
  /** Positive; by default as many as the process may use cores. Only `tensorflow` has more than one. */
  readonly threads?: number;
  /** Whether convolutions will be trained, which wasm cannot: it has no kernel for their filters' gradients. */
  readonly convolutions?: boolean;
}

/** What was asked for with `--backend` cannot be used. The message says why, what to do, and what can be used. */
export class BackendError extends ExpectedError {
  override name = 'BackendError' as const;
}

/** How each backend is loaded. */
export type Openers = Readonly<Record<BackendName, Opener>>;

const OPENERS: Openers = {
  'tensorflow-gpu': createTensorflowOpener('gpu'),
  tensorflow: createTensorflowOpener('cpu'),
  webgpu: createWebgpuOpener(),
  wasm: createWasmOpener(),
  cpu: createCpuOpener(),
};

/**
 * The order of `auto`: fastest first. A software adapter of WebGPU comes after wasm: it is slower, and whether its results
 * are right depends on a driver nobody chose. It and plain JavaScript are what is left for convolutions, hardly usable both.
 */
const AUTO: readonly (readonly [BackendName, { readonly acceptsSoftware: boolean }])[] = [
  ['tensorflow-gpu', { acceptsSoftware: false }],
  ['tensorflow', { acceptsSoftware: false }],
  ['webgpu', { acceptsSoftware: false }],
  ['wasm', { acceptsSoftware: false }],
  ['webgpu', { acceptsSoftware: true }],
  ['cpu', { acceptsSoftware: true }],
];

/**
 * Makes a backend TensorFlow.js's current one and proves it with small products and gradients.
 *
 * @param requested  `auto` takes the first usable one of `AUTO`.
 * @param openers    Others only in tests.
 * @returns          To be released by the caller at the end.
 * @throws BackendError  When the requested one is not usable.
 */
export async function selectBackend(
  requested: 'auto' | BackendName,
  options: SelectOptions = {},
  openers: Openers = OPENERS,
): Promise<SelectedBackend> {
  const considered = new Map<BackendName, Considered>();
  const attempts = requested === 'auto' ? AUTO : [[requested, { acceptsSoftware: true }] as const];
  for (const [name, { acceptsSoftware }] of attempts) {
    const opened = await tryBackend(openers[name], acceptsSoftware, options);
    if (opened instanceof BackendUnusable) {
      considered.set(name, { name, usable: false, reason: opened.message });
    } else {
      considered.set(name, { name, usable: true, reason: opened.description });
      return { ...opened, name, considered: [...considered.values()] };
    }
  }
  throw new BackendError(await describeRefusal(requested, considered, options, openers));
}

/** Opens and proves. What is unusable is given back at once. */
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

async function describeRefusal(
  requested: string,
  considered: ReadonlyMap<BackendName, Considered>,
  options: SelectOptions,
  openers: Openers,
): Promise<string> {
  const reasons = [...considered.values()]
    .map(({ name, reason }) => `${name}: ${reason}`)
    .join('\n  ');
  const usable: string[] = [];
  for (const name of BACKEND_NAMES.filter((other) => !considered.has(other))) {
    const opened = await tryBackend(openers[name], true, options);
    if (!(opened instanceof BackendUnusable)) {
      usable.push(`${name} (${opened.description})`);
      await opened.release();
    }
  }
  return (
    `--backend ${requested} cannot be used here.\n  ${reasons}\n` +
    `Usable here: ${usable.length === 0 ? 'none' : usable.join('; ')}. --backend auto takes the fastest.`
  );
}
