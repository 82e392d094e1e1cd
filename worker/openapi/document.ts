/**
 * The OpenAPI 3.1 document, for programs and for generators of clients. It avoids everything that
 * makes generators stumble: several media types of one answer where a path can fix it, bytes
 * without a type, and schemas without a name.
 */
import { version } from '../../package.json';
import * as answerSchemas from '../../shared/contract/answers.ts';
import { describeExample, type ApiErrorCode } from '../../shared/contract/errors.ts';
import type { Parameter } from '../../shared/contract/parameters.ts';
import { describeDefault, describeSchema, type ParameterSet } from '../../shared/contract/query.ts';
import { capitalize } from '../../shared/text.ts';
import { OPERATIONS } from '../app.ts';
import { PLACEHOLDER } from '../http/constant-document.ts';
import { COMMON_ERRORS, TAGS, type AnswerBody, type Operation } from '../http/operation.ts';
import { PROBLEM } from '../http/negotiation.ts';
import { EXAMPLES, ORIGIN } from './examples.ts';
import { describeHeader, ERROR_HEADERS, listAnswerHeaders } from './headers.ts';
import { expandOperations, type DescribedOperation } from './operations.ts';
import { describeNamedSchemas, locateSchema, mapValues, nameSchema, type Json } from './schemas.ts';

type Section = 'schemas' | 'parameters' | 'headers' | 'responses' | 'examples';

/** Collects the shared parts of a document, and refers to them. */
class Components {
  readonly sections: Record<Section, Record<string, Json>> = {
    schemas: {},
    parameters: {},
    headers: {},
    responses: {},
    examples: {},
  };

  /**
   * Refers to a part, which is added under the first name that is free or that has an equal part.
   * @throws Error  When all names are taken by other parts.
   */
  share(section: Section, names: readonly string[], part: Json): { readonly $ref: string } {
    const parts = this.sections[section];
    const text = JSON.stringify(part);
    const name = names.find((each) => {
      const other = parts[each];
      return other === undefined || JSON.stringify(other) === text;
    });
    if (name === undefined) {
      throw new Error(`expected a free name among ${names.join(', ')} of ${section}`);
    }
    parts[name] ??= part;
    return { $ref: `#/components/${section}/${name}` };
  }
}

/** The security scheme of `/jobs`. */
const OWNER = 'jobsSecret';

/** Builds the document of a service at `ORIGIN`. */
export function buildOpenapiDocument(operations: readonly Operation[]): Json {
  const components = new Components();
  Object.assign(components.sections.schemas, describeNamedSchemas());
  const paths: Record<string, Json> = {};
  for (const operation of expandOperations(operations)) {
    const method = operation.method?.toLowerCase() ?? 'get';
    (paths[operation.path] ??= {})[method] = describeOperation(operation, components);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'digitmint',
      version,
      summary: 'Pictures from a neural network, as URLs',
      description: [
        'Every request draws new samples of a model; a seed always gives the same ones. `/models` tells what each model draws. Any origin may call it without a key. Only /jobs needs the owner’s key.',
        'Programs take the paths with an extension, which have one media type each. The paths without one choose the format by `format=` or `Accept`.',
        'Errors are problem details (RFC 9457). Where a picture or a text was asked for, the error is one too, unless `Accept` names application/problem+json: clients send `Accept: application/problem+json, */*`.',
      ].join('\n\n'),
      contact: { name: 'The documentation of this service', url: `${ORIGIN}/docs` },
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: ORIGIN }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      ...components.sections,
      securitySchemes: {
        [OWNER]: { type: 'http', scheme: 'bearer', description: 'JOBS_SECRET of this service' },
      },
    },
  };
}

/** Writes the document as JSON, for `createDocument`. The build runs it. */
export function writeOpenapiDocument(): string {
  return JSON.stringify(buildOpenapiDocument(OPERATIONS)).replaceAll(ORIGIN, PLACEHOLDER);
}

function describeOperation(operation: DescribedOperation, components: Components): Json {
  const { id, kind, method = 'GET', tag, summary, otherStatuses = {} } = operation;
  const { pathParameters = {}, query = {} } = operation;
  const example = findExample(operation);
  const types = Object.keys(operation.answers);
  const success = {
    headers: shareHeaders(listAnswerHeaders(operation), components),
    content: mapValues(operation.answers, (body, type) =>
      describeBody(body, type, example, components),
    ),
  };
  const parameters = (set: ParameterSet, place: 'path' | 'query') =>
    Object.entries(set).map(([name, parameter]) =>
      shareParameter(components, tag, name, parameter, place),
    );
  return {
    operationId: id,
    tags: [tag],
    summary,
    description: [
      `${summary}.`,
      ...(types.length > 1 ? ['There is a path for each format, with one media type.'] : []),
      `Example: \`${method} ${example}\``,
      listCodes(operation),
    ].join('\n\n'),
    security: kind === 'owner' ? [{ [OWNER]: [] }] : [],
    parameters: [...parameters(pathParameters, 'path'), ...parameters(query, 'query')],
    ...(operation.body !== undefined && {
      requestBody: describeRequest(operation.body, components),
    }),
    responses: {
      200: { description: `${summary}.`, ...success },
      ...mapValues(otherStatuses, (description) => ({
        description: `${description}.`,
        ...success,
      })),
      ...shareErrors(components, operation),
    },
  };
}

function describeRequest(
  { about, types }: NonNullable<Operation['body']>,
  components: Components,
): Json {
  // Fields have any name, as classes have. If one were named, the clients of openapi-generator for
  // Java, Kotlin and TypeScript would import a class that it does not write.
  const schema = components.share('schemas', ['HandForm'], {
    type: 'object',
    additionalProperties: BYTES.schema,
  });
  const content = types.map((type) => [type, type.startsWith('image/') ? BYTES : { schema }]);
  return { description: `${about}.`, required: true, content: Object.fromEntries(content) };
}

/** Finds a path that works, with its query. */
function findExample({ path, examples, pathParameters = {}, query = {} }: Operation): string {
  const [given] = examples;
  if (given !== undefined) {
    return given;
  }
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(pathParameters[name]?.example ?? name),
  );
  const pairs = Object.entries(query)
    .filter(([name, { required }]) => required === true || name === 'seed' || name === 'url')
    .map(([name, { example }]) => `${name}=${name === 'url' ? encodeURI(example) : example}`);
  return pairs.length === 0 ? filled : `${filled}?${pairs.join('&')}`;
}

/** A parameter that differs between routes is named by its route's tag too. */
function shareParameter(
  components: Components,
  tag: string,
  name: string,
  parameter: Parameter,
  place: 'path' | 'query',
): Json {
  const { kind, about, required, example } = parameter;
  const without = place === 'path' ? '' : describeDefault(parameter);
  const schema = describeSchema(parameter);
  const named = name.split('_').map(capitalize).join('');
  const choice = kind === 'flag' ? 'Flag' : `${named}Choice`;
  return components.share('parameters', nameFor(`${capitalize(place)}${named}`, tag), {
    name,
    in: place,
    required: place === 'path' || required === true,
    description: without === '' ? `${about}.` : `${about}. Without it: ${without}.`,
    // A choice is a class in generated clients, so that it needs a name.
    schema: 'enum' in schema ? components.share('schemas', nameFor(choice, tag), schema) : schema,
    example: kind === 'whole' || kind === 'decimal' ? Number(example) : example,
  });
}

/** The name of a component, and the name with its tag in case the first is taken. */
function nameFor(name: string, tag: string): string[] {
  return [name, `${name}Of${capitalize(tag)}`];
}

/** Bytes have the format that generators know: OpenAPI 3.1 itself would have no schema for them. */
const BYTES = { schema: { type: 'string', format: 'binary' } };
const TEXT = { schema: { type: 'string' } };

/** @param example  Path and query of an answer. */
function describeBody(
  body: AnswerBody,
  type: string,
  example: string,
  components: Components,
): Json {
  if (body === 'text' || body === 'bytes') {
    // No `externalValue`: openapi-typescript would fetch it and fail on what is not YAML.
    const value = EXAMPLES[type] ?? `The answer to ${ORIGIN}${example}`;
    return { ...(body === 'text' ? TEXT : BYTES), example: value };
  }
  const name = nameSchema(answerSchemas[body]);
  const value = { summary: 'An answer', value: EXAMPLES[name] };
  return {
    schema: { $ref: locateSchema(name) },
    examples: { [name]: components.share('examples', [name], value) },
  };
}

/** The media types of drawn and written errors by format: see `respondError`. */
const ERROR_FORMS: Readonly<Record<string, readonly [type: string, body: Json]>> = {
  png: ['image/png', { ...BYTES, example: 'The problem as a picture' }],
  gif: ['image/gif', { ...BYTES, example: 'The problem as a picture' }],
  svg: ['image/svg+xml', { ...BYTES, example: 'The problem as a picture' }],
  txt: ['text/plain', { ...TEXT, example: '400 Invalid parameter (invalid_parameter)' }],
};

/** Names the forms that an error takes beside problem details. */
function listErrorForms({ format, answers }: DescribedOperation): string[] {
  if (format !== undefined) {
    return format in ERROR_FORMS ? [format] : [];
  }
  return Object.keys(answers).length > 1 ? Object.keys(ERROR_FORMS) : [];
}

/**
 * One response for each form and status would be sixty, and a class of each in some clients. So
 * all statuses share the response of their form; the operation's description lists the codes.
 */
function shareErrors(components: Components, operation: DescribedOperation): Json {
  const forms = listErrorForms(operation);
  const name =
    forms.length > 1 ? 'InAnyForm' : forms.map((form) => `As${capitalize(form)}`).join('');
  const schema = nameSchema(answerSchemas.problemSchema);
  const example = { summary: 'A problem', value: EXAMPLES[schema] };
  const response = components.share('responses', [`Failure${name}`], {
    description: 'The request failed: the problem’s code tells why.',
    headers: shareHeaders(ERROR_HEADERS, components),
    content: {
      [PROBLEM]: {
        schema: { $ref: locateSchema(schema) },
        examples: { [schema]: components.share('examples', [schema], example) },
      },
      ...Object.fromEntries(forms.map((form) => ERROR_FORMS[form] ?? [])),
    },
  });
  return mapValues(groupErrors(operation), () => response);
}

function groupErrors({ errors = [] }: Operation) {
  const groups: Record<string, ApiErrorCode[]> = {};
  for (const code of new Set([...errors, ...COMMON_ERRORS])) {
    (groups[describeExample(code).status] ??= []).push(code);
  }
  return groups;
}

/** Lists the codes that each status has. */
function listCodes(operation: Operation): string {
  const listed = Object.entries(groupErrors(operation)).map(
    ([status, codes]) => `${status} ${codes.map((code) => `\`${code}\``).join(', ')}`,
  );
  return `Errors: ${listed.join('; ')}.`;
}

function shareHeaders(names: readonly string[], components: Components): Json {
  return Object.fromEntries(
    names.map((name) => [name, components.share('headers', [name], describeHeader(name))]),
  );
}
