/**
 * The descriptions of the service: they match the app, and an independent validator accepts them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { beforeAll, describe, expect, test } from 'vitest';
import * as v from 'valibot';
import { BUNDLED_MODELS, renderGuides } from '../../../dev/build/guides.ts';
import * as answerSchemas from '../../../shared/contract/answers.ts';
import { ERROR_CODES } from '../../../shared/contract/errors.ts';
import { FORMATS } from '../../../shared/contract/formats.ts';
import { ROUTES } from '../../../shared/contract/parameters.ts';
import { parseDigitQuery } from '../../../shared/contract/query.ts';
import { pngEncoder } from '../../../trainer/node-kernels.ts';
import { resolveReferences } from '../../support/references.ts';
import { attempt } from '../../support/refusals.ts';
import { createApp, OPERATIONS } from '../../../worker/app.ts';
import type { ModelSource } from '../../../worker/models/model-source.ts';
import { nameSchema } from '../../../worker/openapi/schemas.ts';
import type { ModelFiles } from '../../../worker/models/model-store.ts';

const readBuilt = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../.digitmint/${name}`, import.meta.url))).buffer;

const app = createApp({
  guides: readBuilt('guides.bin'),
  openapi: readBuilt('openapi.bin'),
  modelSource: {
    acquire: async () => ({ code: 'model_unavailable', retryAfterSeconds: 1 }),
    getHealth: async () => ({ serving: undefined, failure: undefined }),
    list: async () => ({
      default: 'digits',
      models: ['digits', 'digits-small'].map((name) => ({
        name,
        version: '0123456789abcdef',
        publishedAt: null,
      })),
    }),
  } as unknown as ModelSource,
  modelFiles: {
    readManifest: async () => ({ code: 'model_unavailable', retryAfterSeconds: 1 }),
  } as unknown as ModelFiles,
  drawSeed: () => 'seed',
  drawRequestId: () => 'request',
  png: pngEncoder,
  clock: () => 0,
  log: () => undefined,
});

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  minimum?: number;
  maximum?: number;
  enum?: string[];
  pattern?: string;
  properties?: Record<string, Schema>;
}

interface Described {
  name: string;
  in: string;
  required: boolean;
  description: string;
  example: string | number;
  schema: Schema;
}

interface Body {
  schema: Schema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface DescribedResponse {
  description: string;
  headers: object;
  content: Record<string, Body>;
}

interface Document {
  openapi: string;
  info: { contact: object; license: object };
  servers: { url: string }[];
  tags: { name: string; description: string }[];
  paths: Record<string, { [method: string]: DescribedOperation; get: DescribedOperation }>;
  components: Record<'schemas' | 'parameters' | 'responses' | 'examples', Record<string, unknown>>;
}

interface DescribedOperation {
  operationId: string;
  tags: string[];
  description: string;
  parameters: Described[];
  responses: Record<string, DescribedResponse>;
  security: unknown;
}

/** Lists all objects in a document. */
function listNodes(node: unknown): Record<string, unknown>[] {
  return typeof node !== 'object' || node === null
    ? []
    : [
        ...(Array.isArray(node) ? [] : [node as Record<string, unknown>]),
        ...Object.values(node).flatMap(listNodes),
      ];
}

/** As it is served. */
let raw: Document;
/** Without references. */
let document: Document;
beforeAll(async () => {
  raw = (await (await app.request('https://digits.example/openapi.json')).json()) as Document;
  document = resolveReferences(raw);
});

describe('/openapi.json', () => {
  test('is valid OpenAPI 3.1', async () => {
    expect(document.openapi).toBe('3.1.0');
    const { valid, errors } = await new Validator().validate(
      raw as unknown as Record<string, unknown>,
    );
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
    expect(document.servers).toEqual([{ url: 'https://digits.example' }]);
  });

  test('describes every route of the app, each under an id of its own', () => {
    const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
    const answered = new Set(
      app.routes
        .filter((each) => methods.includes(each.method))
        .map(({ method, path }) => `${method} ${path}`),
    );
    expect(
      new Set(
        OPERATIONS.flatMap(({ method = 'GET', routes }) =>
          routes.map((route) => `${method} ${route}`),
        ),
      ),
    ).toEqual(answered);
    const operations = Object.values(document.paths).flatMap((methodsOfPath) =>
      Object.values(methodsOfPath),
    );
    const variants = OPERATIONS.map((each) => Object.keys(each.variants?.types ?? { one: '' }));
    expect(operations).toHaveLength(variants.flat().length);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const [path, methodsOfPath] of Object.entries(document.paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters } of Object.values(methodsOfPath)) {
        expect(
          parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name),
        ).toEqual(named);
      }
    }
  });

  test('tells which operations need the owner’s secret, and which parameters must be there', () => {
    for (const [path, methodsOfPath] of Object.entries(document.paths)) {
      for (const { security } of Object.values(methodsOfPath)) {
        expect([path, security]).toEqual([
          path,
          path.startsWith('/jobs') ? [{ jobsSecret: [] }] : [],
        ]);
      }
    }
    const { parameters = [] } = document.paths['/jobs']?.['post'] ?? {};
    expect(parameters.filter(({ required }) => required).map(({ name }) => name)).toEqual([
      'seed',
      'n',
    ]);
  });

  test('names the headers of answers', () => {
    const list = (path: string, status: string, method = 'get') =>
      Object.keys(document.paths[path]?.[method]?.responses[status]?.headers ?? {});
    expect(list('/jobs', '202', 'post')).toEqual(
      expect.arrayContaining(['Location', 'Digitmint-Model']),
    );
    expect(list('/hand', '200', 'post')).toContain('Digitmint-Warning');
    expect(list('/digit.png', '200')).toContain('Digitmint-Warning');
    expect(list('/healthz', '200')).not.toContain('Digitmint-Warning');
  });

  test('lists the parameters of /digit with the limits that hold', () => {
    const described = document.paths['/digit']?.get.parameters ?? [];
    expect(described.map(({ name }) => name)).toEqual(Object.keys(ROUTES.digit));
    for (const { name, schema, example, required } of described) {
      expect(required).toBe(false);
      const isTaken = (value: unknown) =>
        attempt(() => parseDigitQuery(new URLSearchParams([[name, String(value)]]))).ok;
      expect([name, isTaken(example)]).toEqual([name, true]);
      if (schema.type === 'integer') {
        const { minimum = NaN, maximum = NaN } = schema;
        expect([minimum, maximum, minimum - 1, maximum + 1].map(isTaken)).toEqual([
          true,
          true,
          false,
          false,
        ]);
      }
      for (const value of schema.enum ?? []) {
        expect([name, value, isTaken(value)]).toEqual([name, value, true]);
      }
    }
  });

  test('has a path for each format, and each media type in terms that clients decode', () => {
    const extensions = FORMATS.digit.map((format) => `/digit.${format}`);
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(extensions));
    for (const [path, { get }] of Object.entries(document.paths)) {
      const { content = {} } = get?.responses['200'] ?? {};
      const isFixed = /\.[a-z]+$/.test(path);
      expect([path, Object.keys(content).length > 1]).toEqual([
        path,
        !isFixed && /^\/(?:digit|sample|number|morph)/.test(path),
      ]);
      for (const [type, { schema }] of Object.entries(content)) {
        const isJson = type === 'application/json';
        const expected = type.startsWith('text/')
          ? { type: 'string' }
          : { type: 'string', format: 'binary' };
        expect([path, type, schema]).toEqual([path, type, isJson ? expect.anything() : expected]);
      }
    }
  });

  test('lists only parameters that have an effect in the path’s format', () => {
    const list = (path: string) => document.paths[path]?.get.parameters.map(({ name }) => name);
    expect(list('/digit.npy')).toEqual([
      'seed',
      'start',
      'n',
      'label',
      'truncation',
      'hand',
      'vary',
      'model',
      'strict',
    ]);
    expect(list('/digit.svg')).toContain('dark_fg');
    expect(list('/digit.png')).not.toContain('dark_fg');
    expect(list('/digit.png')).not.toContain('format');
  });

  test('gives generators what they understand', () => {
    for (const node of listNodes(raw)) {
      // A pattern beside date-time breaks clients in Python.
      expect('format' in node && 'pattern' in node).toBe(false);
      // Older readers refuse neighbours of a reference, and bounds that are no numbers.
      expect('$ref' in node && Object.keys(node).length > 1).toBe(false);
      expect('externalValue' in node || 'const' in node || 'propertyNames' in node).toBe(false);
      expect(Object.values(node)).not.toContain(Number.MAX_SAFE_INTEGER);
      // openapi-generator for Rust and TypeScript makes an empty class of `anyOf`.
      const choices = (node['anyOf'] ?? []) as Schema[];
      expect(choices.length > 0 && choices.every(({ type }) => type !== undefined)).toBe(false);
    }
    const { schemas, parameters, responses } = raw.components;
    // Generators name classes by all three, and a local variable by the class.
    const names = [schemas, parameters, responses].flatMap((each) => Object.keys(each));
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    for (const [name, schema] of Object.entries(schemas)) {
      expect(Object.keys((schema as Schema).properties ?? {})).not.toContain(name.toLowerCase());
      const inner = listNodes(schema).filter((node) => node !== schema);
      expect(inner.filter((node) => 'properties' in node && 'type' in node)).toEqual([]);
    }
    const pixels = schemas['Pixels'] as { oneOf: Schema[] };
    expect(pixels.oneOf.map(({ type }) => type)).toEqual(['array', 'string']);
    // openapi-generator writes no class of a form, but its clients import the class.
    expect(Object.keys(schemas['HandForm'] as Schema)).toEqual(['type', 'additionalProperties']);
    const outside = listNodes([raw.paths, parameters, responses]);
    expect(outside.filter((node) => 'enum' in node || node['type'] === 'object')).toEqual([]);
  });

  test('has words and an example for every operation, parameter and answer', () => {
    const tags = new Set(raw.tags.map(({ name, description }) => description && name));
    expect(raw.info).toMatchObject({ contact: expect.anything(), license: { name: 'MIT' } });
    for (const operation of Object.values(document.paths).flatMap((each) => Object.values(each))) {
      const { operationId, description, parameters, responses } = operation;
      expect([operationId, description]).toEqual([
        operationId,
        expect.stringMatching(/Example: `(?:GET|POST|DELETE) \//),
      ]);
      expect(operation.tags.filter((tag) => !tags.has(tag))).toEqual([]);
      for (const parameter of parameters) {
        expect([parameter.description, parameter.example]).toEqual([
          expect.stringMatching(/\.$/),
          expect.anything(),
        ]);
      }
      for (const { description: words, content } of Object.values(responses)) {
        expect(words).toMatch(/\.$/);
        for (const { example, examples } of Object.values(content)) {
          expect(example ?? Object.values(examples ?? {})[0]?.value).toBeDefined();
        }
      }
    }
  });

  test('has examples that its own schemas accept', () => {
    const examples = document.components.examples as Record<string, { value: object }>;
    const schemas = OPERATIONS.flatMap(({ answers }) => Object.values(answers)).flatMap((body) =>
      body === 'text' || body === 'bytes' ? [] : [answerSchemas[body]],
    );
    expect(schemas.length).toBeGreaterThan(5);
    for (const schema of [...schemas, answerSchemas.problemSchema]) {
      const name = nameSchema(schema);
      const parsed = v.safeParse(schema, examples[name]?.value);
      expect([name, parsed]).toMatchObject([name, { success: true }]);
    }
  });

  test('has the origin of each request in it, whatever its characters', async () => {
    for (const origin of ['https://a.example', 'http://a$&b"c.example']) {
      const { servers } = (await (await app.request(`${origin}/openapi.json`)).json()) as Document;
      expect(servers[0]?.url).toBe(origin);
    }
  });

  test('tells programs by patterns what is taken', () => {
    const texts = [
      '',
      'fff',
      '#fff',
      'FFFF',
      'fffff',
      'fedcba',
      'fedcba9',
      'fedcba98',
      'fedcba987',
      'ggg',
      'transparent',
      'fff\n',
      ' fff',
    ];
    const version = '0123456789abcdef';
    const names = [
      'a',
      'A',
      'a-1',
      '1a',
      'a'.repeat(32),
      'a'.repeat(33),
      `a@${version}`,
      `a@${version}0`,
      'a@',
      `a@b@${version}`,
    ];
    const described = (document.paths['/digit']?.get.parameters ?? []).filter(
      ({ schema }) => schema.pattern !== undefined,
    );
    expect(described.map(({ name }) => name)).toEqual([
      'hand',
      'fg',
      'bg',
      'dark_fg',
      'dark_bg',
      'model',
    ]);
    for (const { name, schema } of described) {
      for (const text of [...texts, ...names]) {
        const isTaken = attempt(() => parseDigitQuery(new URLSearchParams([[name, text]]))).ok;
        expect([name, text, new RegExp(schema.pattern ?? '').test(text)]).toEqual([
          name,
          text,
          isTaken,
        ]);
      }
    }
  });

  test('tells the forms that an error takes', async () => {
    for (const [extension, type] of [
      ['json', 'application/problem+json'],
      ['png', 'image/png'],
      ['gif', 'image/gif'],
      ['svg', 'image/svg+xml'],
      ['txt', 'text/plain'],
    ]) {
      const answer = await app.request(`/digit.${extension}?n=0`);
      expect(answer.headers.get('content-type')?.split(';')[0]).toBe(type);
      const path = extension === 'gif' ? '/morph.gif' : `/digit.${extension}`;
      const { content = {} } = document.paths[path]?.get.responses['400'] ?? {};
      const problem = 'application/problem+json';
      expect(Object.keys(content)).toEqual(type === problem ? [problem] : [problem, type]);
    }
  });

  test('names ranges where they are', () => {
    const list = (path: string) => Object.keys(document.paths[path]?.get.responses ?? {});
    expect(list('/dataset.npy')).toEqual(expect.arrayContaining(['206', '416']));
    expect(list('/dataset.idx.gz')).not.toContain('206');
    expect(list('/dataset.idx.gz')).not.toContain('416');
  });

  test('names only errors that there are', () => {
    const codes = OPERATIONS.flatMap(({ errors = [] }) => errors);
    expect(codes.filter((code) => !ERROR_CODES.includes(code))).toEqual([]);
  });

  test('may be read by any origin, and asked for in a preflight', async () => {
    const answer = await app.request('/openapi.json');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    const preflight = await app.request('/openapi.json', { method: 'OPTIONS' });
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([
      204,
      'GET, HEAD, OPTIONS',
    ]);
  });
});

describe('/docs/reference', () => {
  test('shows every operation and every parameter, with nothing from elsewhere', async () => {
    const answer = await app.request('/docs/reference');
    const text = await answer.text();
    const plain = text.replaceAll('&#39;', "'").replaceAll('&quot;', '"');
    for (const { id, path, query = {} } of OPERATIONS) {
      expect(text).toContain(`id="${id}"`);
      expect(text).toContain(path);
      for (const [name, { about }] of Object.entries(query)) {
        expect(text).toMatch(
          new RegExp(`<tr id="parameter-${name}">|<dt><code[^>]*>${name}</code>`),
        );
        expect(plain).toContain(about);
      }
    }
    const loaded = [...text.matchAll(/ (?:src|srcset|action)="([^"]*)"/g)].map(([, url]) => url);
    expect(loaded.length).toBeGreaterThan(5);
    expect(loaded.filter((url) => !/^\/(?!\/)/.test(url as string))).toEqual([]);
    expect(text).not.toMatch(/javascript:|\s(?:on\w+|style)=/);
  });

  test('writes samples that ask for what the operation shows', async () => {
    const text = await (await app.request('/docs/reference')).text();
    expect(text).toContain('curl -OJ &quot;http://localhost/digit.png?n=16&amp;scale=4&quot;');
    expect(text).toContain('urllib.request.urlopen(&quot;http://localhost/digit.png?n=16&amp;');
    expect(text).toContain('await fetch(&#39;http://localhost/digit.png?n=16&amp;scale=4&#39;)');
    expect(text).toContain('&lt;img src=&quot;http://localhost/digit.png?n=16&amp;amp;scale=4');
    expect(text).toContain('request.add_header(&quot;Authorization&quot;');
  });
});

test('the pages link to nothing that is not there', async () => {
  const paths = new Set(['/docs', '/docs/reference', '/learn']);
  const ids = new Map<string, string>();
  const links = new Set<string>();
  for (const path of paths) {
    const text = await (await app.request(path)).text();
    ids.set(path, text);
    for (const [, link = ''] of text.matchAll(/(?:href|srcset|src)="([/#][^"]*)"/g)) {
      const url = link.replaceAll('&amp;', '&');
      links.add(url.startsWith('#') ? path + url : url);
      if (/^\/docs\/[a-z-]+$/.test(url)) {
        paths.add(url);
      }
    }
  }
  expect(paths.size).toBeGreaterThan(15);
  const wrong: string[] = [];
  for (const link of links) {
    const [path = '', id] = link.split('#');
    const isThere = path.startsWith('/assets/')
      ? existsSync(new URL(`../../../.digitmint/public${path}`, import.meta.url))
      : [200, 503].includes((await app.request(path)).status);
    if (!isThere || (id !== undefined && ids.get(path)?.includes(`id="${id}"`) === false)) {
      wrong.push(link);
    }
  }
  expect(wrong).toEqual([]);
  const { guides, broken } = renderGuides();
  expect(broken).toEqual([]);
  // Every page of docs/ is in a group of the navigation, and the cards of the shipped models.
  const pages = readdirSync(new URL('../../../docs', import.meta.url)).flatMap((file) =>
    file.endsWith('.md') ? [file.split('.')[0]] : [],
  );
  const all = new Set([...pages, ...BUNDLED_MODELS]);
  expect(new Set(guides.map(({ slug }) => slug))).toEqual(all);
});
