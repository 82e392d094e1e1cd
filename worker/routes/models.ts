/**
 * `GET /models` and below: which models there are, their cards, and their files as
 * `tf.loadLayersModel` takes them.
 */
import * as z from 'zod';
import {
  findFile,
  MANIFEST_FILE,
  modelNameSchema,
  modelVersionSchema,
  TOPOLOGY_FILE,
  WEIGHTS_FILE,
  type ParsedManifest,
} from '../../shared/model/artifact.ts';
import { modelCardSchema, modelsSchema } from '../../shared/contract/answers.ts';
import type { Parameter } from '../../shared/contract/parameters.ts';
import { admit, HEAVIEST_WORK, LIGHT_WORK } from '../http/admit.ts';
import { getDefer, type App, type AppContext, type AppDependencies } from '../context.ts';
import { API_HEADERS, CACHE_CONTROL, hasCurrent } from '../http/headers.ts';
import { WORK_ERRORS, type Operation } from '../http/operation.ts';
import { respondError } from '../http/respond-error.ts';

/** All that is ever sent, whatever else a manifest lists: nothing of it can act as a page. */
const FILE_TYPES: Readonly<Record<string, string>> = {
  [MANIFEST_FILE]: 'application/json',
  [TOPOLOGY_FILE]: 'application/json',
  [WEIGHTS_FILE]: 'application/octet-stream',
};

const BRIEF = 'public, max-age=60, must-revalidate';

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

export const MODEL_OPERATIONS: readonly Operation[] = [
  {
    id: 'listModels',
    path: '/models',
    routes: ['/models'],
    kind: 'api',
    summary: 'The published models, and the default one',
    answers: { 'application/json': modelsSchema },
    examples: ['/models'],
  },
  {
    id: 'getModel',
    path: '/models/{name}',
    routes: ['/models/:name'],
    kind: 'api',
    summary: 'The card of a model’s current version: data, training, figures, files',
    pathParameters: { name: NAME },
    answers: { 'application/json': modelCardSchema },
    errors: ERRORS,
    examples: ['/models/digits'],
  },
  {
    id: 'getModelVersion',
    path: '/models/{name}/{version}',
    routes: ['/models/:name/:version'],
    kind: 'api',
    summary: 'The card of a version',
    pathParameters: { name: NAME, version: VERSION },
    answers: { 'application/json': modelCardSchema },
    errors: ERRORS,
    examples: [],
  },
  {
    id: 'getModelFile',
    path: '/models/{name}/{version}/{file}',
    routes: ['/models/:name/:version/:file'],
    kind: 'api',
    summary: 'A verified file of a version; tf.loadLayersModel loads the URL of model.json',
    pathParameters: { name: NAME, version: VERSION, file: FILE },
    answers: { 'application/json': z.looseObject({}), 'application/octet-stream': 'bytes' },
    conditional: true,
    errors: ['not_found', ...ERRORS],
    examples: [],
  },
];

export function addModelRoutes(app: App, dependencies: AppDependencies): void {
  const { generators } = dependencies;
  app.get('/models', async (c) => {
    const { origin } = new URL(c.req.url);
    const list = await generators.list(getDefer(c));
    const models = list.models.map((model) => ({
      ...model,
      url: `${origin}/models/${model.name}`,
    }));
    return c.json({ default: list.default, models }, 200, {
      ...API_HEADERS,
      'Cache-Control': BRIEF,
    });
  });
  app.get('/models/:name', async (c) => {
    const name = c.req.param('name');
    const { models } = await generators.list(getDefer(c));
    const model = models.find((each) => each.name === name);
    return model === undefined
      ? respondError(c, { code: 'model_not_found', model: name })
      : answerCard(c, dependencies, name, model.version);
  });
  app.get('/models/:name/:version', (c) =>
    answerCard(c, dependencies, c.req.param('name'), c.req.param('version')),
  );
  app.get('/models/:name/:version/:file', (c) => {
    const { name, version, file } = c.req.param();
    return answerFile(c, dependencies, name, version, file);
  });
}

/** Names become keys of the bucket: what is not a name is not looked up. */
function areNames(name: string, version: string): boolean {
  return modelNameSchema.safeParse(name).success && modelVersionSchema.safeParse(version).success;
}

async function answerCard(
  c: AppContext,
  dependencies: AppDependencies,
  name: string,
  version: string,
): Promise<Response> {
  if (!areNames(name, version)) {
    return respondError(c, { code: 'model_not_found', model: `${name}@${version}` });
  }
  return admit(c, dependencies, LIGHT_WORK, async () => {
    const manifest = await dependencies.modelFiles.readManifest(name, version);
    return manifest.ok
      ? c.json(describeModel(manifest.value, new URL(c.req.url).origin), 200, {
          ...API_HEADERS,
          'Cache-Control': BRIEF,
        })
      : respondError(c, manifest.error);
  });
}

function describeModel(
  { manifest, plan }: ParsedManifest,
  origin: string,
): z.output<typeof modelCardSchema> {
  const { name, version, classes, image, weights, training, figures } = manifest;
  const { width, height, channels } = image;
  return {
    name,
    version,
    classes,
    image: { width, height, channels },
    parameters: plan.parameters,
    weights: weights.dtype,
    training,
    figures,
    files: Object.keys(FILE_TYPES).map((path) => {
      const url = `${origin}/models/${name}/${version}/${path}`;
      if (path === MANIFEST_FILE) {
        return { path, url }; // It cannot hold its own hash.
      }
      const { bytes, sha256 } = findFile(manifest, path);
      return { path, url, bytes, sha256 };
    }),
  };
}

async function answerFile(
  c: AppContext,
  dependencies: AppDependencies,
  name: string,
  version: string,
  path: string,
): Promise<Response> {
  const type = Object.hasOwn(FILE_TYPES, path) ? FILE_TYPES[path] : undefined;
  if (type === undefined) {
    return respondError(c, { code: 'not_found', path: c.req.path });
  }
  if (!areNames(name, version)) {
    return respondError(c, { code: 'model_not_found', model: `${name}@${version}` });
  }
  // A version is a hash of its content, so that name, version and path name the bytes.
  const etag = `"${name}-${version}-${path}"`;
  const headers = { ...API_HEADERS, 'Cache-Control': CACHE_CONTROL.pinned, ETag: etag };
  if (hasCurrent(c, etag)) {
    return c.body(null, 304, headers);
  }
  // Weights are hashed, and may have 16 MiB.
  return admit(c, dependencies, path === WEIGHTS_FILE ? HEAVIEST_WORK : LIGHT_WORK, async () => {
    const file = await dependencies.modelFiles.read(name, version, path);
    if (!file.ok) {
      return respondError(c, file.error);
    }
    return c.body(file.value as Uint8Array<ArrayBuffer>, 200, {
      ...headers,
      'Content-Type': type,
      'Content-Length': String(file.value.length),
    });
  });
}
