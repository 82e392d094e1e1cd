/** The server's settings, from flags or from environment variables. */
import { parseArgs } from 'node:util';
import { ExpectedError } from '../shared/expected-error.ts';
import {
  parseS3Location,
  quoteSetting,
  readS3Credentials,
  type Environment,
} from '../storage/s3-location.ts';
import { parseSettings as parseWorkerSettings } from '../worker/env.ts';
import type { ModelsPlace } from './object-reader.ts';

/** A setting's text, and the flag or variable that it comes from. */
interface Value {
  readonly name: string;
  readonly text: string;
}

/** Two years; browsers' preload lists ask for one. */
const MAX_HSTS_SECONDS = 63_072_000;

/**
 * Every setting: flag with placeholder, variable, default, meaning and parser. valibot is not used,
 * because each message names the flag or variable that the value came from.
 */
const OPTIONS = {
  port: {
    usage: '--port PORT',
    variable: 'PORT',
    preset: '8787',
    about: 'where it listens; 0 for a free one',
    parse: parseWhole(65_535),
  },
  host: {
    usage: '--host HOST',
    variable: 'HOST',
    preset: '127.0.0.1',
    about: '0.0.0.0 or :: for every address of this machine',
    parse: parseHost,
  },
  workers: {
    usage: '--workers COUNT',
    variable: 'WORKERS',
    preset: '1',
    about: 'processes, of one core and some 100 MB each, 1 to 64',
    parse: parseWhole(64, 1),
  },
  models: {
    usage: '--models PLACE',
    variable: 'MODELS',
    preset: 'bundled',
    about: 'bundled, a folder, or s3://BUCKET[/PREFIX]',
    parse: parseModels,
  },
  modelRefreshMs: {
    usage: '--refresh SECONDS',
    variable: 'MODEL_REFRESH_SECONDS',
    preset: '20',
    about: 'between two checks for a new model, 0.1 to 3600',
    parse: (value: Value) => parseAsWorker('MODEL_REFRESH_SECONDS', value).modelRefreshMs,
  },
  publicKeys: {
    usage: '--public-keys KEYS',
    variable: 'MODEL_PUBLIC_KEYS',
    preset: '',
    about: 'only models signed by one of them serve; base64, commas between',
    parse: (value: Value) => parseAsWorker('MODEL_PUBLIC_KEYS', value).publicKeys,
  },
  /** The start of the URLs in answers, without a slash; undefined where the request names it. */
  publicUrl: {
    usage: '--public-url URL',
    variable: 'PUBLIC_URL',
    preset: '',
    about: 'https://HOST[/PATH] that clients use; otherwise URLs have the Host header',
    parse: parsePublicUrl,
  },
  hstsSeconds: {
    usage: '--hsts SECONDS',
    variable: 'HSTS_SECONDS',
    preset: '0',
    about: 'browsers use https only, for the whole host; 0 for no such header',
    parse: parseWhole(MAX_HSTS_SECONDS),
  },
  securityContact: {
    usage: '--security-contact URL',
    variable: 'SECURITY_CONTACT',
    preset: '',
    about: 'https:, mailto: or tel:, for /.well-known/security.txt',
    parse: (value: Value) => parseAsWorker('SECURITY_CONTACT', value).securityContact,
  },
  graceMs: {
    usage: '--grace SECONDS',
    variable: 'GRACE_SECONDS',
    preset: '8',
    about: 'for requests in flight at a stop, 0 to 300',
    parse: (value: Value) => parseWhole(300)(value) * 1000,
  },
  /** Undefined where any answer is allowed. */
  maxCpuMs: {
    usage: '--max-cpu MS',
    variable: 'MAX_CPU_MS',
    preset: '',
    about: 'refuses answers that would take longer, in estimated processor time',
    parse: (value: Value) => parseAsWorker('MAX_CPU_MS', value).maxCpuMs,
  },
  rateLimit: {
    usage: '--rate-limit COUNT',
    variable: 'RATE_LIMIT',
    preset: '0',
    about: 'answers a minute for each address, 0 for any number',
    parse: parseLimit,
  },
  heavyRateLimit: {
    usage: '--heavy-rate-limit COUNT',
    variable: 'HEAVY_RATE_LIMIT',
    preset: '0',
    about: 'the same for large answers',
    parse: parseLimit,
  },
} as const;

type Options = typeof OPTIONS;
export type Settings = {
  readonly [Name in keyof Options]: ReturnType<Options[Name]['parse']>;
};

/** All flags with their placeholders. */
export const USAGES: readonly string[] = Object.values(OPTIONS).map(({ usage }) => usage);

export function describeUsage(): string {
  const describe = (flag: string, variable: string): string =>
    `  ${flag.padEnd(24)} ${variable.padEnd(22)}`;
  const lines = Object.values(OPTIONS).map(({ usage, variable, preset, about }) => {
    return `${describe(usage, variable)} ${about}${preset && ` (${preset})`}\n`;
  });
  return `Serves handwritten digits over HTTP.

${describe('flag', 'or variable')}
${lines.join('')}
For s3://: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or AWS_PROFILE;
AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; AWS_REGION; HTTPS_PROXY and NO_PROXY;
AWS_S3_ADDRESSING_STYLE (path or virtual).
`;
}

/**
 * Parses flags and variables. A flag goes before its variable; an empty variable counts as not set.
 * @param args  Without the program.
 * @throws ExpectedError  The message names the flag or variable.
 */
export function parseSettings(args: readonly string[], env: Environment): Settings | 'help' {
  const { help, ...flags } = readFlags(args);
  if (help !== undefined) {
    return 'help';
  }
  const read = ({ usage, variable, preset }: (typeof OPTIONS)[keyof typeof OPTIONS]): Value => {
    const flag = nameFlag(usage);
    const given = flags[flag];
    return given === undefined
      ? { name: variable, text: env[variable]?.trim() || preset }
      : { name: `--${flag}`, text: given };
  };
  const settings = Object.entries(OPTIONS).map(([name, option]) => [
    name,
    option.parse(read(option), env),
  ]);
  const parsed = Object.fromEntries(settings) as Settings;
  if (parsed.hstsSeconds > 0 && parsed.publicUrl?.startsWith('https:') !== true) {
    const { name } = read(OPTIONS.hstsSeconds);
    throw new ExpectedError(
      `${name} is ${parsed.hstsSeconds}, which needs a public URL that starts with https:// ` +
        '(--public-url or PUBLIC_URL)',
    );
  }
  return parsed;
}

function nameFlag(usage: string): string {
  return usage.slice('--'.length, usage.indexOf(' '));
}

function readFlags(args: readonly string[]): Readonly<Record<string, string | undefined>> {
  const strings = Object.values(OPTIONS).map(({ usage }) => [nameFlag(usage), { type: 'string' }]);
  const options = { ...Object.fromEntries(strings), help: { type: 'boolean', short: 'h' } };
  try {
    return parseArgs({ args: [...args], options }).values as Record<string, string>;
  } catch (cause) {
    const message = `${(cause as Error).message} (--help tells what is allowed)`;
    throw new ExpectedError(message, { cause });
  }
}

/** Node takes an empty host for every address of the machine, and no brackets of a URL. */
function parseHost({ name, text }: Value): string {
  if (text.trim() === '') {
    throw new ExpectedError(
      `${name} is ${JSON.stringify(text)}, expected an address or a name of this machine`,
    );
  }
  return text.replace(/^\[(.+)\]$/, '$1');
}

function parseWhole(max: number, min = 0): (value: Value) => number {
  return ({ name, text }) => {
    if (!/^[0-9]{1,9}$/.test(text) || Number(text) > max || Number(text) < min) {
      throw new ExpectedError(
        `${name} is ${JSON.stringify(text)}, expected a whole number from ${min} to ${max}`,
      );
    }
    return Number(text);
  };
}

/** The worker calls the absence of a limit "off". */
function parseLimit({ name, text }: Value): number {
  return parseWhole(1_000_000)({ name, text: text === 'off' ? '0' : text });
}

/** Parses a setting that the worker has too. Errors name the flag. */
function parseAsWorker(variable: string, { name, text }: Value) {
  try {
    return parseWorkerSettings({ [variable]: text });
  } catch (cause) {
    throw new ExpectedError((cause as Error).message.replace(variable, name), { cause });
  }
}

/** Segments without characters that a proxy may decode or that end a pattern. */
const BASE_PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/?$/;

function parsePublicUrl({ name, text }: Value): string | undefined {
  if (text === '') {
    return undefined;
  }
  const url = URL.canParse(text) ? new URL(text) : null;
  const isHttp = url !== null && ['http:', 'https:'].includes(url.protocol);
  if (!isHttp || url.href !== url.origin + url.pathname || !BASE_PATH.test(url.pathname)) {
    throw new ExpectedError(
      `${name} is ${quoteSetting(text)}, expected http:// or https:// and a host, ` +
        "then perhaps a path of letters, digits, '.', '_', '~', '-' and '/'",
    );
  }
  return url.href.replace(/\/$/, '');
}

function parseModels({ name, text }: Value, env: Environment): ModelsPlace {
  if (text === 'bundled') {
    return { kind: 'bundled' };
  }
  if (text.startsWith('s3://')) {
    const location = parseS3Location(text, { name, env });
    return { kind: 's3', location: { ...location, credentials: readS3Credentials(env) } };
  }
  const path = text.startsWith('folder:') ? text.slice('folder:'.length) : text;
  if (path === '' || /^[a-z0-9]+:\/\//i.test(path)) {
    throw new ExpectedError(
      `${name} is ${quoteSetting(text)}, ` +
        "expected bundled, a folder's path, or s3://BUCKET[/PREFIX]",
    );
  }
  return { kind: 'folder', path };
}
