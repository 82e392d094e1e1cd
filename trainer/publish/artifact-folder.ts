/** Reads a model folder: the manifest, exactly the files that it lists, perhaps a model card. */
import { existsSync } from 'node:fs';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ARTIFACT_LIMITS,
  ArtifactError,
  decodeWeights,
  MANIFEST_FILE,
  parseManifest,
  TOPOLOGY_FILE,
  verifyFile,
  WEIGHTS_FILE,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import {
  decodeEncoderWeights,
  encodeEncoder,
  ENCODER_FILE,
  ENCODER_FILES,
  ENCODER_WEIGHTS_FILE,
  MAX_ENCODER_FILE_BYTES,
  parseEncoder,
} from '../../shared/model/encoder.ts';
import { createVerifiedSampler } from '../../shared/model/sampler.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import { quoteArgument } from '../../shared/npm-flags.ts';
import { OF_SYSTEM, restoreReplaced } from '../../storage/files.ts';
import { instantiateKernels } from '../node-kernels.ts';
import { describeCommand } from '../packed.ts';

export type ArtifactFolder = Awaited<ReturnType<typeof readArtifactFolder>>;

/** A model card for people. It is no part of the artifact and is not published. */
export const CARD_FILE = 'README.md';
/** The first line of a card that may be written over. */
export const CARD_MARK = '<!-- Made by `npm run evaluate -- --keep`: do not edit. -->';
/** The start of such a line, whatever the flag was called. */
const CARD_MARK_START = '<!-- Made by `npm run evaluate -- --';

export function isHandmadeCard(card: Uint8Array): boolean {
  return !Buffer.from(card).toString().startsWith(CARD_MARK_START);
}

/** A run's folder stands for the model in it. */
function locateModel(folder: string): string {
  const inner = join(folder, 'model');
  const isRun = !existsSync(join(folder, MANIFEST_FILE)) && existsSync(join(inner, MANIFEST_FILE));
  return isRun ? inner : folder;
}

/**
 * @param place  A model's folder, or that of a run.
 * @throws ExpectedError  For a missing, altered, malformed or unlisted file.
 */
export async function readArtifactFolder(place: string) {
  const folder = locateModel(place);
  if (!existsSync(folder)) {
    await restoreReplaced(folder);
  }
  const names = await listFolder(folder);
  if (!names.includes(MANIFEST_FILE) && names.includes('checkpoints')) {
    throw new ExpectedError(
      `${folder}: the run has no model yet, which its end writes: ` +
        describeCommand('train', `--resume ${quoteArgument(folder)}`),
    );
  }
  try {
    const bytes = await readBounded(folder, MANIFEST_FILE, ARTIFACT_LIMITS.manifestBytes);
    const parsed = parseManifest(bytes, { inAnyForm: true });
    const { manifest } = parsed;
    const ofManifest = manifest.files.map((file) => file.path);
    const listed = new Set([MANIFEST_FILE, CARD_FILE, ...ENCODER_FILES, ...ofManifest]);
    const unlisted = names.filter((name) => !listed.has(name));
    if (unlisted.length > 0) {
      throw new ExpectedError(
        `${folder}: ${MANIFEST_FILE} does not list ${unlisted.join(', ')}; move it elsewhere`,
      );
    }
    const files = new Map<string, Uint8Array>();
    for (const file of manifest.files) {
      const content = await readBounded(folder, file.path, ARTIFACT_LIMITS.fileBytes);
      verifyFile(file, content);
      if (file.path === WEIGHTS_FILE) {
        checkDrawing(parsed, content);
      }
      files.set(file.path, content);
    }
    // Its description is written last.
    const encoder = names.includes(ENCODER_FILE)
      ? await readEncoder(folder, parsed)
      : new Map<string, Uint8Array>();
    const weightsFile = files.get(WEIGHTS_FILE) as Uint8Array;
    // `files` are those that the manifest lists, by path, in its order.
    return { ...parsed, folder, files, encoder, weightsFile };
  } catch (cause) {
    if (cause instanceof ArtifactError) {
      const { failure } = cause;
      const isEncoder = 'what' in failure && ENCODER_FILES.includes(failure.what);
      const advice = isEncoder ? `remove ${ENCODER_FILES.join(' and ')}` : 'export the model again';
      throw new ExpectedError(`${folder}: ${cause.message}; ${advice}`, { cause });
    }
    if ((cause as NodeJS.ErrnoException).syscall !== undefined) {
      throw new ExpectedError(`${folder}: cannot be read: ${(cause as Error).message}`, { cause });
    }
    throw cause;
  }
}

/**
 * Refuses to replace the folder of a model, which may be missing, where it holds other files, too.
 * @throws ExpectedError
 */
export async function refuseForeign(folder: string): Promise<void> {
  const own = [MANIFEST_FILE, TOPOLOGY_FILE, WEIGHTS_FILE, CARD_FILE, ...ENCODER_FILES];
  const names = existsSync(folder) ? await listFolder(folder) : [];
  const foreign = names.filter((name) => !own.includes(name));
  if (foreign.length > 0) {
    throw new ExpectedError(
      `${folder}: holds ${foreign.slice(0, 3).join(', ')}, which would be deleted with the old model; ` +
        'move it elsewhere, and run the command again',
    );
  }
}

/**
 * Reads a folder again, before something that belongs to its model is written there.
 * @param version  The version that was read before.
 * @throws ExpectedError  Also when the folder holds another version now.
 */
export async function readSameModel(place: string, version: unknown): Promise<ArtifactFolder> {
  const model = await readArtifactFolder(place);
  const { manifest } = model;
  if (manifest.version !== version) {
    throw new ExpectedError(
      `${model.folder}: holds ${manifest.name}@${manifest.version} now, and version ${String(version)} when the command began; nothing is written`,
    );
  }
  return model;
}

/** Reads and checks the encoder that lies beside the model. @throws ArtifactError */
async function readEncoder(
  folder: string,
  model: ParsedManifest,
): Promise<Map<string, Uint8Array>> {
  const description = await readBounded(folder, ENCODER_FILE, MAX_ENCODER_FILE_BYTES);
  const parsed = parseEncoder(description, model);
  const weights = await readBounded(folder, ENCODER_WEIGHTS_FILE, ARTIFACT_LIMITS.fileBytes);
  decodeEncoderWeights(parsed, weights);
  return new Map([
    [ENCODER_WEIGHTS_FILE, weights],
    [ENCODER_FILE, encodeEncoder(parsed.description)],
  ]);
}

/** Draws with verified weights as a worker does before it serves them. @throws ArtifactError */
export function checkDrawing(parsed: ParsedManifest, weights: Uint8Array): void {
  createVerifiedSampler(parsed, decodeWeights(parsed, weights), instantiateKernels).checkOutput();
}

async function listFolder(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    const { code = '', message } = cause;
    const got = { ENOENT: 'nothing there', ENOTDIR: 'a file' }[code] ?? message;
    throw new ExpectedError(`${folder}: expected a folder with ${MANIFEST_FILE}, got ${got}`, {
      cause,
    });
  });
  return names.filter((name) => !OF_SYSTEM.test(name));
}

async function readBounded(folder: string, name: string, maxBytes: number): Promise<Uint8Array> {
  const path = join(folder, name);
  const facts = await lstat(path).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ENOENT'
      ? new ArtifactError({ reason: 'missing', what: name }, { cause })
      : cause;
  });
  if (!facts.isFile()) {
    throw new ExpectedError(
      `${path}: expected a plain file, got a ${facts.isDirectory() ? 'folder' : 'link or device'}`,
    );
  }
  if (facts.size > maxBytes) {
    throw new ArtifactError({ reason: 'too_large', what: name, bytes: facts.size, maxBytes });
  }
  return new Uint8Array(await readFile(path));
}
