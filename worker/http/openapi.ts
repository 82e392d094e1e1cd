/**
 * The OpenAPI 3.1 document of the interface. Its schemas are JSON Schema 2020-12, which is what zod itself writes, so no
 * library stands between the two: see CONTRIBUTING.md.
 */
import * as z from 'zod';
import { version } from '../../package.json';
import { problemSchema } from '../../shared/contract/answers.ts';
import { describeError, ERROR_EXAMPLES, type ApiErrorCode } from '../../shared/contract/errors.ts';
import { REQUIRED, type Parameter, type ParameterSet } from '../../shared/contract/parameters.ts';
import { COMMON_ERRORS, type AnswerBody, type Operation } from './operation.ts';

type Json = Record<string, unknown>;

/** The name of the scheme by which an owner is known. */
const OWNER = 'jobsSecret';

const PROBLEM = '#/components/schemas/Problem';

/**
 * Builds the document.
 * @param operations  Of all routes.
 * @param origin      Where this service answers.
 */
export function buildOpenapiDocument(operations: readonly Operation[], origin: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'digitmint',
      version,
      summary: 'Handwritten digits that nobody wrote, from a URL',
      description:
        'Drawn by a small neural network: fresh at every request, or always the same for a seed. No key; every origin may call it. Jobs alone are their owner’s.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: origin }],
    paths: describePaths(operations),
    components: {
      schemas: { Problem: describeSchema(problemSchema) },
      securitySchemes: {
        [OWNER]: { type: 'http', scheme: 'bearer', description: 'JOBS_SECRET of this service' },
      },
    },
  };
}

function describePaths(operations: readonly Operation[]): Json {
  const paths: Record<string, Json> = {};
  for (const operation of operations) {
    (paths[operation.path] ??= {})[operation.method?.toLowerCase() ?? 'get'] =
      describeOperation(operation);
  }
  return paths;
}

function describeOperation({
  id,
  kind,
  summary,
  pathParameters,
  query,
  answers,
  otherStatuses,
  conditional,
  errors,
}: Operation): Json {
  const content = mapValues(answers, describeBody);
  return {
    operationId: id,
    tags: [kind],
    summary,
    ...(kind === 'owner' && { security: [{ [OWNER]: [] }] }),
    parameters: [
      ...describeParameters(pathParameters, 'path'),
      ...describeParameters(query, 'query'),
    ],
    responses: {
      200: { description: 'As asked for', content },
      ...mapValues(otherStatuses ?? {}, (description) => ({ description, content })),
      ...(conditional === true && {
        304: { description: 'The caller has it already, by If-None-Match' },
      }),
      ...describeErrors([...(errors ?? []), ...COMMON_ERRORS]),
    },
  };
}

function describeParameters(parameters: ParameterSet = {}, place: 'path' | 'query'): Json[] {
  return Object.entries(parameters).map(([name, { schema, about, without, example }]) => ({
    name,
    in: place,
    required: place === 'path' || without === REQUIRED,
    description: place === 'path' ? `${about}.` : `${about}. Without it: ${without}.`,
    schema: describeSchema(schema),
    example: isInteger(schema) ? Number(example) : example,
  }));
}

function isInteger(schema: Parameter['schema']): boolean {
  return schema.meta()?.['type'] === 'integer';
}

function describeBody(body: AnswerBody): Json {
  // OpenAPI 3.1 leaves the schema out for bytes.
  return body === 'bytes'
    ? {}
    : { schema: body === 'text' ? { type: 'string' } : describeSchema(body) };
}

/** The forms that an error takes: see `respondError`. */
const ERROR_CONTENT: Json = {
  'application/problem+json': { schema: { $ref: PROBLEM } },
  'image/png': {},
  'image/gif': {},
  'image/svg+xml': {},
  'text/plain': { schema: { type: 'string' } },
};

/** One answer a status, whose codes are told in words: problem details, or drawn in the format that was asked for. */
function describeErrors(codes: readonly ApiErrorCode[]): Json {
  const byStatus: Record<number, ApiErrorCode[]> = {};
  for (const code of codes) {
    (byStatus[describeError(ERROR_EXAMPLES[code]).status] ??= []).push(code);
  }
  return mapValues(byStatus, (those) => ({
    description: those.map((code) => `\`${code}\``).join(', '),
    content: ERROR_CONTENT,
  }));
}

/** The JSON Schema of a value as it is written: of a parameter its text, or the number that the text stands for. */
export function describeSchema(schema: z.ZodType): Json {
  const { $schema: _, ...described } = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (jsonSchema.type === 'integer') {
        delete jsonSchema.pattern; // That of its text.
      }
    },
  });
  return described;
}

function mapValues<T>(record: Readonly<Record<string, T>>, map: (value: T) => Json): Json {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
