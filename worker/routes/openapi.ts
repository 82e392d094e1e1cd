/** `GET /openapi.json`: the OpenAPI 3.1 document. zod writes its JSON Schemas itself. */
import * as z from 'zod';
import { version } from '../../package.json';
import { problemSchema } from '../../shared/contract/answers.ts';
import { describeExample, type ApiErrorCode } from '../../shared/contract/errors.ts';
import { describeDefault, describeSchema, type ParameterSet } from '../../shared/contract/query.ts';
import type { App } from '../context.ts';
import { DOCUMENT_HEADERS } from '../http/headers.ts';
import {
  COMMON_ERRORS,
  type AnswerBody,
  type Operation,
  type OperationEntry,
} from '../http/operation.ts';

export const OPENAPI_OPERATION: OperationEntry = {
  id: 'getOpenapi',
  path: '/openapi.json',
  summary: 'This description, OpenAPI 3.1',
  answers: { 'application/json': z.looseObject({ openapi: z.string() }) },
  examples: ['/openapi.json'],
};

export function addOpenapiRoute(app: App, operations: readonly Operation[]): void {
  app.get('/openapi.json', (c) =>
    c.json(buildOpenapiDocument(operations, c.get('base')), 200, DOCUMENT_HEADERS),
  );
}

type Json = Record<string, unknown>;

/** The security scheme of `/jobs`. */
const OWNER = 'jobsSecret';
const PROBLEM = '#/components/schemas/Problem';

/** Builds the document. @param base  The service's own URL. */
export function buildOpenapiDocument(operations: readonly Operation[], base: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'digitmint',
      version,
      summary: 'Handwritten digits from a neural network, as URLs',
      description:
        'Every request draws new digits; a seed always gives the same ones. Any origin may call it without a key. Only /jobs needs the owner’s key.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: base }],
    paths: describePaths(operations),
    components: {
      schemas: { Problem: describeAnswer(problemSchema) },
      securitySchemes: {
        [OWNER]: { type: 'http', scheme: 'bearer', description: 'JOBS_SECRET of this service' },
      },
    },
  };
}

function describePaths(operations: readonly Operation[]): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    const method = operation.method?.toLowerCase() ?? 'get';
    (paths[operation.path] ??= {})[method] = describeOperation(operation);
  }
  return paths;
}

function describeOperation(operation: Operation): Json {
  const { id, kind, summary, conditional, errors = [], otherStatuses = {} } = operation;
  const content = mapValues(operation.answers, describeBody);
  return {
    operationId: id,
    tags: [kind],
    summary,
    ...(kind === 'owner' && { security: [{ [OWNER]: [] }] }),
    parameters: [
      ...describeParameters(operation.pathParameters, 'path'),
      ...describeParameters(operation.query, 'query'),
    ],
    responses: {
      200: { description: 'As asked for', content },
      ...mapValues(otherStatuses, (description) => ({ description, content })),
      ...(conditional === true && {
        304: { description: 'If-None-Match names the current answer' },
      }),
      ...describeErrors([...errors, ...COMMON_ERRORS]),
    },
  };
}

function describeParameters(parameters: ParameterSet = {}, place: 'path' | 'query'): Json[] {
  return Object.entries(parameters).map(([name, parameter]) => {
    const { kind, about, required, example } = parameter;
    return {
      name,
      in: place,
      required: place === 'path' || required === true,
      description:
        place === 'path' ? `${about}.` : `${about}. Without it: ${describeDefault(parameter)}.`,
      schema: describeSchema(parameter),
      example: kind === 'whole' ? Number(example) : example,
    };
  });
}

function describeBody(body: AnswerBody): Json {
  if (body === 'bytes') {
    return {}; // OpenAPI 3.1 has no schema for bytes.
  }
  return { schema: body === 'text' ? { type: 'string' } : describeAnswer(body) };
}

/** The media types of an error: see `respondError`. */
const ERROR_CONTENT: Json = {
  'application/problem+json': { schema: { $ref: PROBLEM } },
  'image/png': {},
  'image/gif': {},
  'image/svg+xml': {},
  'text/plain': { schema: { type: 'string' } },
};

/** One response for each status; its description lists the codes. */
function describeErrors(codes: readonly ApiErrorCode[]): Json {
  const byStatus = Object.groupBy(codes, (code) => describeExample(code).status);
  return mapValues(byStatus, (those) => ({
    description: those.map((code) => `\`${code}\``).join(', '),
    content: ERROR_CONTENT,
  }));
}

function describeAnswer(schema: z.ZodType): Json {
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'input' });
  return described;
}

function mapValues<T>(record: Readonly<Record<string, T>>, map: (value: T) => Json): Json {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
