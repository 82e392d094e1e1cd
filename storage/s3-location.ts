/**
 * Parses a text like `s3://BUCKET/PREFIX` and the environment variables that all S3 tools share,
 * for publishing and for the Node server.
 */
import { ExpectedError } from '../shared/expected-error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Static credentials. Code keeps them in closures only, so that no inspection shows them. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface S3Location {
  readonly bucket: string;
  /** Put before every key with a slash; none when empty. */
  readonly prefix: string;
  /** Base address without the bucket and without a slash at its end; undefined for AWS itself. */
  readonly endpoint?: string | undefined;
  /** `auto` for R2; undefined when a profile names it. */
  readonly region?: string | undefined;
  /** True to put the bucket into the host name of a given endpoint. AWS's always has it. */
  readonly isVirtualHost?: boolean;
}

const AWS_BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const AWS_BUCKET_FORM = "3 to 63 of a-z, 0-9, '.' and '-'";
/** Other stores, and old buckets of AWS, have capitals, underscores and longer names. */
const ANY_BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$/;
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
/** A host name's label: `us-east-1`, `auto`, `RegionOne`, `GRA`. */
const REGION = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const ENDPOINTS = ['AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL'];
const REGIONS = ['AWS_REGION', 'AWS_DEFAULT_REGION'];
/** Variables that let the SDK find credentials itself. */
const CREDENTIAL_SOURCES = [
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
];

export interface LocationOptions {
  /** The flag or variable that the text comes from, for messages. */
  readonly name: string;
  readonly env: Environment;
  /** From `--endpoint`; it goes before the environment's. */
  readonly endpoint?: string | undefined;
  /** From `--region`; it goes before the environment's. */
  readonly region?: string | undefined;
}

/** Parses `s3://BUCKET[/PREFIX]`. @throws ExpectedError */
export function parseS3Location(text: string, options: LocationOptions): S3Location {
  const { name, env } = options;
  const [bucket = '', ...rest] = text.slice('s3://'.length).split('/');
  const endpoint = findSetting(options, 'endpoint', ENDPOINTS, (setting, address) =>
    parseEndpoint(setting, address, bucket),
  );
  const region = findSetting(options, 'region', REGIONS, parseRegion);
  const prefix = rest.join('/').replace(/\/$/, '');
  const pattern = endpoint === undefined ? AWS_BUCKET : ANY_BUCKET;
  if (!pattern.test(bucket) || (prefix !== '' && !PREFIX.test(prefix))) {
    const form =
      endpoint === undefined ? AWS_BUCKET_FORM : "3 to 255 letters, digits, '.', '_' and '-'";
    throw new ExpectedError(
      `${name} is ${quoteSetting(text)}, expected s3:// and a bucket of ${form}, ` +
        "then perhaps / and a prefix of letters, digits, '.', '_', '-' and '/'",
    );
  }
  if (endpoint === undefined && region === undefined && readVariable(env, 'AWS_PROFILE') === null) {
    throw new ExpectedError(
      `${name} is ${quoteSetting(text)}, which needs an address or a region: ` +
        'set AWS_ENDPOINT_URL_S3, or for AWS AWS_REGION',
    );
  }
  const style = readVariable(env, 'AWS_S3_ADDRESSING_STYLE') ?? 'path';
  if (!['path', 'virtual'].includes(style)) {
    throw new ExpectedError(
      `AWS_S3_ADDRESSING_STYLE is ${quoteSetting(style)}, expected path or virtual`,
    );
  }
  return {
    bucket,
    prefix,
    endpoint,
    region: region ?? (endpoint === undefined ? undefined : guessRegion(endpoint)),
    ...(style === 'virtual' && { isVirtualHost: true }),
  };
}

function guessRegion(endpoint: string): string {
  const isR2 = new URL(endpoint).hostname.endsWith('.r2.cloudflarestorage.com');
  return isR2 ? 'auto' : 'us-east-1';
}

/** Parses `r2://BUCKET`, in the account of CLOUDFLARE_ACCOUNT_ID. @throws ExpectedError */
export function parseR2Location(text: string, options: LocationOptions): S3Location {
  const { name, env, endpoint, region = 'auto' } = options;
  const bucket = text.slice('r2://'.length);
  if (!AWS_BUCKET.test(bucket)) {
    throw new ExpectedError(
      `${name} is ${quoteSetting(text)}, expected r2:// and a bucket of ${AWS_BUCKET_FORM}`,
    );
  }
  const account = readVariable(env, 'CLOUDFLARE_ACCOUNT_ID');
  if (endpoint === undefined && !/^[0-9a-f]{32}$/.test(account ?? '')) {
    throw new ExpectedError(
      `${name} ${text}: expected the account's 32 hex digits in CLOUDFLARE_ACCOUNT_ID, ` +
        `got ${account === null ? 'nothing' : 'another text'}; ` +
        '`npx wrangler whoami` shows them (or give the whole address with --endpoint)',
    );
  }
  const address = endpoint ?? `https://${account}.r2.cloudflarestorage.com`;
  return {
    bucket,
    prefix: '',
    endpoint: parseEndpoint('--endpoint', address, bucket),
    region: parseRegion('--region', region),
  };
}

/** Parses the flag, or else the first variable that is set; AWS's own tools read the same ones. */
function findSetting(
  { env, ...flags }: LocationOptions,
  flag: 'endpoint' | 'region',
  variables: readonly string[],
  parse: (name: string, text: string) => string,
): string | undefined {
  if (flags[flag] !== undefined) {
    return parse(`--${flag}`, flags[flag]);
  }
  const name = variables.find((each) => readVariable(env, each) !== null);
  return name && parse(name, readVariable(env, name) ?? '');
}

function parseRegion(name: string, region: string): string {
  if (!REGION.test(region)) {
    throw new ExpectedError(
      `${name} is ${quoteSetting(region)}, expected a region like "auto" or "us-east-1"`,
    );
  }
  return region;
}

function parseEndpoint(name: string, text: string, bucket: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new ExpectedError(
      `${name} is ${quoteSetting(text)}, expected an address like https://HOST`,
    );
  }
  if (url.username + url.password + url.search + url.hash !== '') {
    throw new ExpectedError(
      `${name} holds a user name, a query or a fragment, expected an address like https://HOST; ` +
        'credentials belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    );
  }
  const endpoint = url.href.replace(/(?<!\/)\/+$/, '');
  // R2's dashboard shows it so. Then every key would get the bucket's name as a prefix.
  if (bucket !== '' && endpoint.endsWith(`/${bucket}`) && url.pathname !== '/') {
    throw new ExpectedError(
      `${name} is ${quoteSetting(text)}, expected the address without the bucket, ` +
        `got ${JSON.stringify(bucket)} at its end; leave it out`,
    );
  }
  return endpoint;
}

/**
 * Reads static credentials.
 * @returns  undefined when the SDK shall find them: a profile, a web identity or a container's.
 * @throws ExpectedError  When there are none, or one holds what no credential holds.
 */
export function readS3Credentials(env: Environment): S3Credentials | undefined {
  const accessKeyId = readCredential(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = readCredential(env, 'AWS_SECRET_ACCESS_KEY');
  const sessionToken = readCredential(env, 'AWS_SESSION_TOKEN');
  if (accessKeyId !== null && secretAccessKey !== null) {
    return { accessKeyId, secretAccessKey, ...(sessionToken !== null && { sessionToken }) };
  }
  const hasSource = CREDENTIAL_SOURCES.some((name) => readVariable(env, name) !== null);
  if (hasSource && accessKeyId === null && secretAccessKey === null) {
    return undefined;
  }
  const both = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const missing = Object.keys(both).filter((name) => both[name as keyof typeof both] === null);
  throw new ExpectedError(
    `expected ${missing.join(' and ')} in the environment, got none; for R2, ` +
      'an API token with "Object Read & Write" (or "Object Read" to serve) gives both',
  );
}

/** A value that no header can hold would be quoted by the HTTP client's own error. */
function readCredential(env: Environment, name: string): string | null {
  const value = readVariable(env, name);
  if (value !== null && !/^[\x21-\x7e]+$/.test(value)) {
    throw new ExpectedError(
      `${name} holds a space or a character that no credential has; ` +
        'set it again (its value is not shown)',
    );
  }
  return value;
}

/** An empty variable counts as not set; copied lines often end with a newline. */
function readVariable(env: Environment, name: string): string | null {
  const value = env[name]?.trim() ?? '';
  return value === '' ? null : value;
}

/** Quotes a setting in a message. The part before an @ may be a password, so it is not shown. */
export function quoteSetting(text: string): string {
  return text.includes('@') ? 'another text' : JSON.stringify(text);
}
