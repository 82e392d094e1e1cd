/**
 * What the server is told, by flags or else by variables of the environment.
 */
import { parseArgs } from 'node:util';
import { parsePublicKeys, type PublicKey } from '../shared/model/signature.ts';
import { parseSettings as parseWorkerSettings } from '../worker/env.ts';
import type { S3Location } from './s3-reader.ts';
import { SettingError } from './setting-error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the models come from that serve. */
export type ModelsPlace =
  | { readonly kind: 'bundled' }
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 's3'; readonly location: S3Location };

export interface Settings {
  /** 0 for one that the system chooses. */
  readonly port: number;
  /** An address or a name of this machine. */
  readonly host: string;
  readonly models: ModelsPlace;
  readonly modelRefreshMs: number;
  /** When there are any, only models from storage serve that one of them signed. */
  readonly publicKeys: readonly PublicKey[];
  /** Scheme and host of the URLs in answers; undefined where the request tells them. */
  readonly publicOrigin: string | undefined;
  /** Milliseconds that requests in flight get when the server is stopped. */
  readonly graceMs: number;
  /** Answers a minute for each address, of all and of large ones; 0 for no limit. */
  readonly rateLimit: number;
  readonly heavyRateLimit: number;
}

/** Each option with its variable, what it takes, its default and its meaning. */
const OPTIONS = {
  port: {
    variable: 'PORT',
    takes: 'PORT',
    preset: '8787',
    about: 'where it listens; 0 for a free one',
  },
  host: {
    variable: 'HOST',
    takes: 'HOST',
    preset: '127.0.0.1',
    about: '0.0.0.0 or :: for every address of this machine',
  },
  models: {
    variable: 'MODELS',
    takes: 'PLACE',
    preset: 'bundled',
    about: 'bundled, a folder, or s3://BUCKET[/PREFIX]',
  },
  refresh: {
    variable: 'MODEL_REFRESH_SECONDS',
    takes: 'SECONDS',
    preset: '20',
    about: 'between two looks at what is published, 0.1 to 3600',
  },
  'public-keys': {
    variable: 'MODEL_PUBLIC_KEYS',
    takes: 'KEYS',
    preset: '',
    about: 'only models signed by one of them serve; base64, commas between',
  },
  'public-url': {
    variable: 'PUBLIC_URL',
    takes: 'URL',
    preset: '',
    about: 'https://HOST behind a proxy; else the Host header is believed',
  },
  grace: {
    variable: 'GRACE_SECONDS',
    takes: 'SECONDS',
    preset: '8',
    about: 'for requests in flight at a stop, 0 to 300',
  },
  'rate-limit': {
    variable: 'RATE_LIMIT',
    takes: 'COUNT',
    preset: '0',
    about: 'answers a minute for each address, 0 for any number',
  },
  'heavy-rate-limit': {
    variable: 'HEAVY_RATE_LIMIT',
    takes: 'COUNT',
    preset: '0',
    about: 'the same of large answers',
  },
} as const;

type Option = keyof typeof OPTIONS;

const MAX_GRACE_SECONDS = 300;
const MAX_RATE = 1_000_000;

/** Of the longest flag with what it takes. */
const FLAG_COLUMNS = 24;

/** For `--help`. */
export function describeUsage(): string {
  const lines = Object.entries(OPTIONS).map(([name, { variable, takes, preset, about }]) => {
    const flag = `--${name} ${takes}`.padEnd(FLAG_COLUMNS);
    return `  ${flag} ${variable.padEnd(22)} ${about}${preset === '' ? '' : ` (${preset})`}`;
  });
  return [
    'Serves handwritten digits over HTTP.',
    '',
    `  ${'flag'.padEnd(FLAG_COLUMNS)} ${'or variable'.padEnd(22)}`,
    ...lines,
    '',
    'For s3://: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; AWS_REGION.',
    '',
  ].join('\n');
}

/**
 * Parses flags and variables; a flag goes before its variable, and an empty variable is one that is not set.
 *
 * @param args  Without the program.
 * @returns     `help` when that was asked for.
 * @throws SettingError  When one is wrong; the message names it.
 */
export function parseSettings(args: readonly string[], env: Environment): Settings | 'help' {
  const values = readFlags(args);
  if (values === 'help') {
    return 'help';
  }
  const read = (name: Option): Value => {
    const { variable, preset } = OPTIONS[name];
    const flag = values[name];
    return flag === undefined
      ? { name: variable, text: readVariable(env, variable) ?? preset }
      : { name: `--${name}`, text: flag };
  };
  return {
    port: parseWhole(read('port'), 65_535),
    host: read('host').text,
    models: parseModels(read('models'), env),
    modelRefreshMs: parseRefresh(read('refresh')),
    publicKeys: readPublicKeys(read('public-keys')),
    publicOrigin: parseOrigin(read('public-url')),
    graceMs: parseWhole(read('grace'), MAX_GRACE_SECONDS) * 1000,
    rateLimit: parseWhole(read('rate-limit'), MAX_RATE),
    heavyRateLimit: parseWhole(read('heavy-rate-limit'), MAX_RATE),
  };
}

/** A text and who gave it, for messages. */
interface Value {
  readonly name: string;
  readonly text: string;
}

function readFlags(args: readonly string[]): Partial<Record<Option, string>> | 'help' {
  try {
    const strings = Object.fromEntries(
      Object.keys(OPTIONS).map((name) => [name, { type: 'string' as const }]),
    );
    const { values } = parseArgs({
      args: [...args],
      options: { ...strings, help: { type: 'boolean', short: 'h' } },
    });
    return values['help'] === true ? 'help' : (values as Partial<Record<Option, string>>);
  } catch (cause) {
    throw new SettingError(`${(cause as Error).message} (--help tells what is allowed)`, { cause });
  }
}

function parseWhole({ name, text }: Value, max: number): number {
  if (!/^[0-9]{1,9}$/.test(text) || Number(text) > max) {
    throw new SettingError(
      `${name} is ${JSON.stringify(text)}, expected a whole number from 0 to ${max}`,
    );
  }
  return Number(text);
}

function parseRefresh({ name, text }: Value): number {
  try {
    return parseWorkerSettings({ MODEL_REFRESH_SECONDS: text }).modelRefreshMs;
  } catch (cause) {
    throw new SettingError((cause as Error).message.replace('MODEL_REFRESH_SECONDS', name), {
      cause,
    });
  }
}

function readPublicKeys({ name, text }: Value): PublicKey[] {
  try {
    return parsePublicKeys(text);
  } catch (cause) {
    throw new SettingError(`${name}: ${(cause as Error).message}`, { cause });
  }
}

/** A path would be lost: the routes are at the root of their host, and so are the URLs in their answers. */
function parseOrigin({ name, text }: Value): string | undefined {
  if (text === '') {
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    url === null ||
    !['http:', 'https:'].includes(url.protocol) ||
    url.href !== `${url.origin}/`
  ) {
    throw new SettingError(
      `${name} is ${JSON.stringify(text)}, expected http:// or https:// and a host, without a path`,
    );
  }
  return url.origin;
}

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const REGION = /^[a-z0-9-]{1,40}$/;

function parseModels(value: Value, env: Environment): ModelsPlace {
  const { name, text } = value;
  if (text === 'bundled') {
    return { kind: 'bundled' };
  }
  if (text.startsWith('s3://')) {
    return { kind: 's3', location: parseBucket(value, env) };
  }
  const path = text.startsWith('folder:') ? text.slice('folder:'.length) : text;
  if (path === '' || /^[a-z0-9]+:\/\//.test(path)) {
    throw new SettingError(
      `${name} is ${JSON.stringify(text)}, expected bundled, a folder's path, or s3://BUCKET[/PREFIX]`,
    );
  }
  return { kind: 'folder', path };
}

function parseBucket({ name, text }: Value, env: Environment): S3Location {
  const [bucket = '', ...rest] = text.slice('s3://'.length).split('/');
  const prefix = rest.join('/').replace(/\/$/, '');
  if (!BUCKET.test(bucket) || (prefix !== '' && !PREFIX.test(prefix))) {
    throw new SettingError(
      `${name} is ${JSON.stringify(text)}, expected s3:// and a bucket of 3 to 63 of a-z, 0-9, '.' and '-', then perhaps a prefix`,
    );
  }
  const region = readVariable(env, 'AWS_REGION') ?? readVariable(env, 'AWS_DEFAULT_REGION');
  if (region !== undefined && !REGION.test(region)) {
    throw new SettingError(
      `AWS_REGION is ${JSON.stringify(region)}, expected a region like "auto" or "us-east-1"`,
    );
  }
  const given = readVariable(env, 'AWS_ENDPOINT_URL_S3') ?? readVariable(env, 'AWS_ENDPOINT_URL');
  if (given === undefined && region === undefined) {
    throw new SettingError(
      `${name} is ${JSON.stringify(text)}, which needs an address or a region: set AWS_ENDPOINT_URL_S3, or for AWS AWS_REGION`,
    );
  }
  const endpoint = parseEndpoint(given ?? `https://s3.${region}.amazonaws.com`);
  const fallback = endpoint.endsWith('.r2.cloudflarestorage.com') ? 'auto' : 'us-east-1';
  const sessionToken = readCredential(env, 'AWS_SESSION_TOKEN');
  return {
    bucket,
    prefix,
    endpoint,
    region: region ?? fallback,
    credentials: {
      accessKeyId: readCredential(env, 'AWS_ACCESS_KEY_ID') ?? failWithout('AWS_ACCESS_KEY_ID'),
      secretAccessKey:
        readCredential(env, 'AWS_SECRET_ACCESS_KEY') ?? failWithout('AWS_SECRET_ACCESS_KEY'),
      ...(sessionToken !== undefined && { sessionToken }),
    },
  };
}

/** @returns  The endpoint without a slash at its end. */
function parseEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (
    url === null ||
    !['http:', 'https:'].includes(url.protocol) ||
    url.search !== '' ||
    url.hash !== ''
  ) {
    // What stands before an @ may be a password.
    const shown = text.includes('@') ? 'another text' : JSON.stringify(text);
    throw new SettingError(
      `AWS_ENDPOINT_URL_S3 is ${shown}, expected an address like https://HOST`,
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new SettingError(
      `AWS_ENDPOINT_URL_S3 holds a user name; credentials belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
    );
  }
  return url.href.replace(/\/+$/, '');
}

/** Values outside of what a header can hold would be quoted, credential and all, in fetch's own error. */
function readCredential(env: Environment, name: string): string | undefined {
  const value = readVariable(env, name);
  if (value !== undefined && !/^[\x21-\x7e]+$/.test(value)) {
    throw new SettingError(
      `${name} holds a space or a character that no credential has; set it again (its value is not shown)`,
    );
  }
  return value;
}

function failWithout(name: string): never {
  throw new SettingError(
    `expected ${name} in the environment, got none; the models in a bucket need one that may read`,
  );
}

/** A newline at the end is what is left of a copied line. */
function readVariable(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}
