/**
 * The descriptions of the service: they match the app, and an independent validator accepts them.
 */
import { Validator } from '@seriousme/openapi-schema-validator';
import files from 'page-files';
import { beforeAll, describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../../shared/contract/errors.ts';
import { ROUTES } from '../../../shared/contract/parameters.ts';
import { parseDigitQuery } from '../../../shared/contract/query.ts';
import { pngEncoder } from '../../../trainer/node-kernels.ts';
import { createApp, OPERATIONS } from '../../../worker/app.ts';
import type { GeneratorSource } from '../../../worker/models/generator-source.ts';
import type { ModelFiles } from '../../../worker/models/model-store.ts';

const app = createApp({
  generators: {
    acquire: async () => ({ code: 'model_unavailable', retryAfterSeconds: 1 }),
    getHealth: async () => ({ serving: undefined, failure: undefined }),
    list: async () => ({
      default: 'digits',
      models: [{ name: 'digits', version: '0123456789abcdef', publishedAt: null }],
    }),
  } as unknown as GeneratorSource,
  modelFiles: {
    readManifest: async () => ({ code: 'model_unavailable', retryAfterSeconds: 1 }),
  } as unknown as ModelFiles,
  drawSeed: () => 'seed',
  drawRequestId: () => 'request',
  png: pngEncoder,
  clock: () => 0,
  log: () => undefined,
});

interface Described {
  name: string;
  in: string;
  required: boolean;
  example: string | number;
  schema: { type?: string; minimum?: number; maximum?: number; enum?: string[]; pattern?: string };
}

interface Document {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, { [method: string]: DescribedOperation; get: DescribedOperation }>;
}

interface DescribedOperation {
  operationId: string;
  parameters: Described[];
  responses: Record<string, { content?: Record<string, unknown> }>;
  security?: unknown;
}

let document: Document;
beforeAll(async () => {
  document = (await (await app.request('https://digits.example/openapi.json')).json()) as Document;
});

describe('/openapi.json', () => {
  test('is valid OpenAPI 3.1', async () => {
    expect(document.openapi).toBe('3.1.0');
    const { valid, errors } = await new Validator().validate(
      document as unknown as Record<string, unknown>,
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
    expect(operations).toHaveLength(OPERATIONS.length);
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
          path.startsWith('/jobs') ? [{ jobsSecret: [] }] : undefined,
        ]);
      }
    }
    const { parameters = [] } = document.paths['/jobs']?.['post'] ?? {};
    expect(parameters.filter(({ required }) => required).map(({ name }) => name)).toEqual([
      'seed',
      'n',
    ]);
  });

  test('lists the parameters of /digit with the limits that hold', () => {
    const described = document.paths['/digit']?.get.parameters ?? [];
    expect(described.map(({ name }) => name)).toEqual(Object.keys(ROUTES.digit));
    for (const { name, schema, example, required } of described) {
      expect(required).toBe(false);
      const isTaken = (value: unknown) =>
        parseDigitQuery(new URLSearchParams([[name, String(value)]])).ok;
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

  test('says that pixels are numbers or base64', () => {
    for (const path of ['/digit.{extension}', '/number/{digits}', '/dataset.{extension}']) {
      const answer = JSON.stringify(document.paths[path]?.get.responses['200']);
      expect([
        path,
        answer.includes('"contentEncoding":"base64"'),
        answer.includes('"maximum":255'),
      ]).toEqual([path, true, true]);
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
    expect(described.map(({ name }) => name)).toEqual(['fg', 'bg', 'dark_fg', 'dark_bg', 'model']);
    for (const { name, schema } of described) {
      for (const text of [...texts, ...names]) {
        const isTaken = parseDigitQuery(new URLSearchParams([[name, text]])).ok;
        expect([name, text, new RegExp(schema.pattern ?? '').test(text)]).toEqual([
          name,
          text,
          isTaken,
        ]);
      }
    }
  });

  test('tells the forms that an error takes', async () => {
    const responses = document.paths['/digit.{extension}']?.get.responses ?? {};
    for (const [extension, type] of [
      ['json', 'application/problem+json'],
      ['png', 'image/png'],
      ['gif', 'image/gif'],
      ['svg', 'image/svg+xml'],
      ['txt', 'text/plain'],
    ]) {
      const answer = await app.request(`/digit.${extension}?n=0`);
      expect(answer.headers.get('content-type')?.split(';')[0]).toBe(type);
      expect(Object.keys(responses['400']?.content ?? {})).toContain(type);
    }
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

describe('/docs', () => {
  test('shows every operation and every parameter, with neither script nor anything from elsewhere', async () => {
    const answer = await app.request('/docs');
    const text = await answer.text();
    for (const { id, path, query = {} } of OPERATIONS) {
      expect(text).toContain(`id="${id}"`);
      expect(text).toContain(path);
      for (const name of Object.keys(query)) {
        expect(text).toContain(`<code>${name}</code>`);
      }
    }
    expect(text).not.toMatch(/<script|https?:|javascript:|\son\w+=/);
    expect(answer.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; style-src 'self'; img-src 'self'; base-uri/,
    );
  });

  test('links to nothing that is not there', async () => {
    const text = await (await app.request('/docs')).text();
    const links = new Set(
      [...text.matchAll(/href="(\/[^"]*)"/g)].map(([, link]) =>
        (link as string).replaceAll('&amp;', '&'),
      ),
    );
    expect(links.size).toBeGreaterThan(10);
    links.delete(files.style); // The platform's to serve.
    for (const link of links) {
      expect([link, [200, 503].includes((await app.request(link)).status)]).toEqual([link, true]);
    }
  });
});
