/** `GET /models` and below: the published models, their cards and their files. */
import * as v from 'valibot';
import {
  findFile,
  hashBytes,
  MANIFEST_FILE,
  modelNameSchema,
  modelVersionSchema,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
  type Manifest,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import {
  ENCODER_FILE,
  ENCODER_FILES,
  ENCODER_WEIGHTS_FILE,
  type ParsedEncoder,
} from '../../shared/model/encoder.ts';
import { HANDWRITTEN_DIGITS } from '../../shared/model/subject.ts';
import { SAMPLING_LAW } from '../../shared/model/random.ts';
import type { modelCardSchema } from '../../shared/contract/answers.ts';
import type { Parameter } from '../../shared/contract/parameters.ts';
import { orRefuse, Refusal } from '../../shared/contract/refusal.ts';
import { doWork, LIGHT_WORK } from '../http/admission.ts';
import type { App, AppContext } from '../context.ts';
import type { AppDependencies } from '../dependencies.ts';
import { API_HEADERS, CACHE_CONTROL, hasCurrent, readHeader } from '../http/headers.ts';
import { negotiateFormat } from '../http/negotiation.ts';
import { PARTIAL, WORK_ERRORS, type OperationEntry } from '../http/operation.ts';
import { respondBytes, respondJson } from '../http/range.ts';
import type { StoredDocument } from '../models/model-store.ts';
import { respondFault } from '../pages/fault.ts';
import { renderModelPage, renderModelsPage } from '../pages/model.ts';

/** The only files of a model that are sent. None of them can act as a page. */
const FILE_TYPES: Readonly<Record<string, string>> = {
  [MANIFEST_FILE]: 'application/json',
  [TOPOLOGY_FILE]: 'application/json',
  [WEIGHTS_FILE]: 'application/octet-stream',
  [ENCODER_FILE]: 'application/json',
  [ENCODER_WEIGHTS_FILE]: 'application/octet-stream',
};

/** Programs that accept anything get JSON. */
const CARD_TYPES = { json: 'application/json', html: 'text/html' };

const NAME: Parameter = {
  kind: 'text',
  pattern: /^[a-z][a-z0-9-]{0,31}$/,
  expected: 'a model’s name',
  about: 'A model’s name',
  example: 'digits',
};
const VERSION: Parameter = {
  kind: 'text',
  pattern: /^[0-9a-f]{16}$/,
  expected: '16 hex digits',
  about: 'A version of the model',
  example: 'aade1731ff587816',
};
const FILE: Parameter = {
  kind: 'choice',
  choices: Object.keys(FILE_TYPES),
  about: 'A file of the version',
  example: MANIFEST_FILE,
};

const ERRORS = ['model_not_found', ...WORK_ERRORS] as const;

export const MODEL_OPERATIONS: readonly OperationEntry[] = [
  {
    id: 'listModels',
    path: '/models',
    tag: 'models',
    summary: 'The published models, and the default one',
    answers: { 'application/json': 'modelsSchema' },
    examples: ['/models'],
  },
  {
    id: 'getModel',
    path: '/models/{name}',
    tag: 'models',
    summary: 'The card of a model’s current version: data, training, figures, files',
    pathParameters: { name: NAME },
    answers: { 'application/json': 'modelCardSchema' },
    errors: ERRORS,
    examples: ['/models/digits'],
  },
  {
    id: 'getModelVersion',
    path: '/models/{name}/{version}',
    tag: 'models',
    summary: 'The card of a version',
    pathParameters: { name: NAME, version: VERSION },
    answers: { 'application/json': 'modelCardSchema' },
    errors: ERRORS,
  },
  {
    id: 'getModelFile',
    path: '/models/{name}/{version}/{file}',
    tag: 'models',
    summary: 'A verified file of a version; tf.loadLayersModel loads the URL of model.json',
    pathParameters: { name: NAME, version: VERSION, file: FILE },
    answers: { 'application/json': 'jsonDocumentSchema', 'application/octet-stream': 'bytes' },
    variants: {
      parameter: 'file',
      types: FILE_TYPES,
      id: 'getModel',
      summary: 'A verified file of a version',
    },
    conditional: true,
    errors: ['not_found', 'encoder_not_found', 'range_not_satisfiable', ...ERRORS],
    otherStatuses: PARTIAL,
  },
];

export function addModelRoutes(app: App, dependencies: AppDependencies): void {
  const { modelSource, modelFiles } = dependencies;

  app.get('/models', async (c) => {
    const base = c.get('base');
    const list = await modelSource.list(c.get('defer'));
    const models = list.models.map((model) => ({
      ...model,
      url: `${base}/models/${model.name}`,
    }));
    return answerByAccept(c, { default: list.default, models }, () => renderModelsPage(c, list));
  });

  app.get('/models/:name', async (c) => {
    const name = c.req.param('name');
    const { models } = await modelSource.list(c.get('defer'));
    const model = models.find((each) => each.name === name);
    return model === undefined
      ? respondFault(c, { code: 'model_not_found', model: name })
      : answerCard(c, name, model.version);
  });

  app.get('/models/:name/:version', (c) => {
    const { name, version } = c.req.param();
    return answerCard(c, name, version);
  });

  async function answerCard(c: AppContext, name: string, version: string): Promise<Response> {
    if (!areNames(name, version)) {
      return respondFault(c, { code: 'model_not_found', model: `${name}@${version}` });
    }
    return doWork(c, dependencies, LIGHT_WORK, async () => {
      const manifest = await modelFiles.readManifest(name, version);
      return 'code' in manifest ? respondFault(c, manifest) : answerManifest(c, manifest.parsed);
    });
  }

  async function answerManifest(c: AppContext, manifest: ParsedManifest): Promise<Response> {
    const encoder = await modelFiles.readEncoder(manifest);
    const [found, fault] = 'code' in encoder ? [undefined, encoder.code] : [encoder];
    const card = describeModel(manifest, found, c.get('base'));
    // A card that lacks an encoder only because storage failed is not kept.
    const isWhole = fault === undefined || fault === 'encoder_not_found';
    const caching = isWhole ? CACHE_CONTROL.seeded : CACHE_CONTROL.fresh;
    return answerByAccept(c, card, () => renderModelPage(c, manifest, card.files), caching);
  }

  app.get('/models/:name/:version/:file', async (c) => {
    const { name, version, file: path } = c.req.param();
    const type = Object.hasOwn(FILE_TYPES, path) ? FILE_TYPES[path] : undefined;
    if (type === undefined) {
      throw new Refusal({ code: 'not_found', path: c.req.path });
    }
    if (!areNames(name, version)) {
      throw new Refusal({ code: 'model_not_found', model: `${name}@${version}` });
    }
    const isEncoder = ENCODER_FILES.includes(path);
    // A version is a hash of its content, so name, version and path determine the bytes.
    const pinned = describeCaching(`"${name}-${version}-${path}"`, CACHE_CONTROL.pinned);
    if (!isEncoder && hasCurrent(c, pinned.ETag)) {
      return new Response(null, { status: 304, headers: pinned });
    }
    const send = (file: Uint8Array, headers = pinned): Response =>
      hasCurrent(c, headers.ETag, true)
        ? new Response(null, { status: 304, headers })
        : respondBytes(c, { ...headers, 'Content-Type': type }, file as Uint8Array<ArrayBuffer>);
    return doWork(c, dependencies, LIGHT_WORK, async () => {
      const model = orRefuse(await modelFiles.readManifest(name, version));
      if (path === MANIFEST_FILE) {
        return send(model.bytes);
      }
      const encoder = isEncoder ? orRefuse(await modelFiles.readEncoder(model.parsed)) : undefined;
      if (encoder !== undefined && path === ENCODER_FILE) {
        return send(encoder.bytes, describeEncoderCaching(hashBytes(encoder.bytes)));
      }
      const file = encoder?.parsed.description.file ?? findFile(model.parsed.manifest, path);
      const headers = encoder === undefined ? pinned : describeEncoderCaching(file.sha256);
      return doWork(c, dependencies, { hashed: file.bytes }, async () =>
        send(orRefuse(await modelFiles.readFile(model.parsed, file)), headers),
      );
    });
  });
}

function describeCaching(etag: string, cacheControl: string) {
  return { ...API_HEADERS, 'Cache-Control': cacheControl, ETag: etag };
}

/** A version does not determine its encoder: a new deployment may bundle another one. */
function describeEncoderCaching(sha256: string) {
  return describeCaching(`"${sha256}"`, CACHE_CONTROL.seeded);
}

/** People get a page: browsers prefer HTML. */
async function answerByAccept(
  c: AppContext,
  card: object,
  renderPage: () => Promise<Response>,
  caching: string = CACHE_CONTROL.seeded,
): Promise<Response> {
  const type = negotiateFormat(readHeader(c, 'accept'), CARD_TYPES);
  const answer =
    type === 'html'
      ? await renderPage()
      : respondJson(card, { ...API_HEADERS, 'Cache-Control': caching });
  answer.headers.set('Vary', 'Accept');
  return answer;
}

/** Checks names before they become keys of the bucket. */
function areNames(name: string, version: string): boolean {
  return v.is(modelNameSchema, name) && v.is(modelVersionSchema, version);
}

/** Tells the sampling law of `shared/model/random.ts`; docs/recipe.md has a program for it. */
function describeRecipe({ classes, image, latent }: Manifest): Record<string, string> {
  const [low, high] = image.range;
  const label = `floor(word * ${classes.length} / 2^32) of the first word of block 0`;
  const hasClasses = classes.length > 0;
  return {
    law: SAMPLING_LAW,
    key: 'the SHA-256 of the UTF-8 bytes of "digitmint:sample:" and the seed',
    words:
      'ChaCha20 (RFC 8439) with this key as 32-bit little-endian words; the nonce is four zero bytes, then the digit’s index as 8 little-endian bytes',
    ...(hasClasses && { label }),
    latent: `${latent.size} words from block 1 on: (word >> 8) / 2^23 - 1, times truncation, as float32`,
    input: hasClasses
      ? `the ${latent.size} numbers of the latent vector, then ${classes.length} for the classes: 1 for the label, else 0`
      : `the ${latent.size} numbers of the latent vector`,
    pixels: `the output from ${low} to ${high} as 0 to 255: scaled, rounded, halves up, and clamped`,
  };
}

/** @param encoder  Undefined for a model without an encoder. */
function describeModel(
  { manifest, plan }: ParsedManifest,
  encoder: StoredDocument<ParsedEncoder> | undefined,
  base: string,
): v.InferOutput<typeof modelCardSchema> {
  const { name, version, classes, image, weights, training, figures } = manifest;
  const { width, height, channels } = image;
  return {
    name,
    version,
    classes,
    subject: manifest.subject ?? HANDWRITTEN_DIGITS,
    image: { width, height, channels },
    paper: image.paper ?? Array.from({ length: channels }, () => 0),
    recipe: describeRecipe(manifest),
    parameters: plan.parameters,
    weights: weights.dtype,
    training,
    figures,
    files: Object.keys(FILE_TYPES).flatMap((path) => {
      const url = `${base}/models/${name}/${version}/${path}`;
      if (ENCODER_FILES.includes(path)) {
        return encoder === undefined ? [] : describeEncoderFile(path, url, encoder);
      }
      if (path === MANIFEST_FILE) {
        return { path, url }; // The manifest cannot hold its own hash.
      }
      const { bytes, sha256 } = findFile(manifest, path);
      return { path, url, bytes, sha256 };
    }),
  };
}

function describeEncoderFile(
  path: string,
  url: string,
  { bytes: description, parsed }: StoredDocument<ParsedEncoder>,
) {
  const { bytes, sha256 } =
    path === ENCODER_FILE
      ? { bytes: description.length, sha256: hashBytes(description) }
      : parsed.description.file;
  return { path, url, bytes, sha256 };
}
