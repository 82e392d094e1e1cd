/** JSON Schemas of the answers, in the part of the language that generators of clients know. */
import { toJsonSchemaDefs } from '@valibot/to-json-schema';
import type { GenericSchema } from 'valibot';
import { NAMED_SCHEMAS } from '../../shared/contract/answers.ts';

export type Json = Record<string, unknown>;

const MAX_INT32 = 2 ** 31 - 1;

/** Describes all answers by name, with references between them. */
export function describeNamedSchemas(): Record<string, Json> {
  const schemas = toJsonSchemaDefs(NAMED_SCHEMAS, {
    target: 'draft-2020-12',
    ignoreActions: ['ends_with', 'finite'],
    overrideRef: ({ referenceId }) => locateSchema(referenceId),
  });
  return mapValues(schemas, (schema) => simplify(schema) as Json);
}

/** Names an answer's schema. @throws Error  When it is not in `NAMED_SCHEMAS`. */
export function nameSchema(schema: GenericSchema): string {
  const name = Object.keys(NAMED_SCHEMAS).find((id) => NAMED_SCHEMAS[id] === schema);
  if (name === undefined) {
    throw new Error('expected a schema that is registered in NAMED_SCHEMAS');
  }
  return name;
}

export function locateSchema(name: string): string {
  return `#/components/schemas/${name}`;
}

/**
 * Says the same in words that more generators understand: a list of types for a nullable value,
 * `oneOf` for alternatives of different types, and a reference without neighbours.
 */
function simplify(node: unknown): unknown {
  if (Array.isArray(node)) {
    return node.map(simplify);
  }
  if (typeof node !== 'object' || node === null) {
    return node;
  }
  if ('$ref' in node) {
    return { $ref: node.$ref };
  }
  const entries = Object.entries(node).map(([key, value]) => [
    key,
    key === 'properties' ? mapValues(value, simplify) : simplify(value),
  ]);
  const { propertyNames: _, anyOf, required, ...rest } = Object.fromEntries(entries);
  return {
    ...(Array.isArray(anyOf) && simplifyUnion(anyOf)),
    ...(rest.type === 'integer' ? describeInteger(rest) : rest),
    ...(required?.length > 0 && { required }),
  };
}

/** @param anyOf  The alternatives of a union. */
function simplifyUnion(anyOf: readonly Json[]): Json {
  const types = new Set(anyOf.map(({ type }) => type));
  if (types.has(undefined) || types.size < anyOf.length) {
    return { anyOf };
  }
  const [first, second] = anyOf;
  return second?.['type'] === 'null'
    ? { ...first, type: [first?.['type'], 'null'] }
    : { oneOf: anyOf };
}

export function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T, key: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}

/** Replaces the bounds of safe integers by a format, which tells the size in memory. */
function describeInteger({ minimum, maximum, ...rest }: Json): Json {
  const [least, most] = [Number(minimum), Number(maximum)];
  return {
    ...rest,
    format: most <= MAX_INT32 ? 'int32' : 'int64',
    ...(least > Number.MIN_SAFE_INTEGER && { minimum }),
    ...(most < Number.MAX_SAFE_INTEGER && { maximum }),
  };
}
