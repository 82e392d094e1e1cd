/**
 * Where to publish to: the text after `--to`, made into a store.
 */
import { isAbsolute, resolve } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import { createFolderStore } from './folder-store.ts';
import { openLocalR2 } from './local-r2.ts';
import type { ObjectStore } from './object-store.ts';
import { readS3Credentials } from './s3-credentials.ts';
import { createS3Store } from './s3-store.ts';

/** A place to publish to. `prefix` and `region` are empty strings where there is none. */
export type Target =
  | { readonly kind: 'local' }
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly endpoint: string;
      readonly region: string;
    };

/** A target that cannot be understood, or lacks a setting; the message names the flag or the variable. */
export class TargetError extends ExpectedError {
  override name = 'TargetError' as const;
}

export interface TargetSettings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of `--endpoint`; before the environment's. */
  readonly endpoint?: string | undefined;
  /** Of `--region`; before the environment's. */
  readonly region?: string | undefined;
}

/** The forms of a target, for `--help` and for errors. */
export const TARGET_FORMS = [
  'local                the bucket of `npm start` and `wrangler dev` on this machine',
  'folder:PATH or PATH  a folder (a bare PATH holds a slash or starts with a dot)',
  's3://BUCKET[/PREFIX] any S3 store; its address from --endpoint, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else AWS',
  'r2://BUCKET          Cloudflare R2 of the account CLOUDFLARE_ACCOUNT_ID',
] as const;

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const REGION = /^[a-z0-9-]{1,40}$/;
const ACCOUNT_ID = /^[0-9a-f]{32}$/;
const R2_HOST = /\.r2\.cloudflarestorage\.com$/;

/**
 * Parses a target.
 * @throws TargetError  When it has none of {@link TARGET_FORMS}, or a setting that it needs is missing.
 */
export function parseTarget(text: string, settings: TargetSettings): Target {
  const scheme = /^([a-z0-9]+):\/\//.exec(text)?.[1];
  if (scheme === 's3') {
    return parseS3(text, settings);
  }
  if (scheme === 'r2') {
    return parseR2(text, settings);
  }
  if (scheme === undefined) {
    const path = text.startsWith('folder:') ? text.slice('folder:'.length) : text;
    if (
      path !== '' &&
      (path !== text || text.startsWith('.') || /[/\\]/.test(text) || isAbsolute(text))
    ) {
      return withoutAddress({ kind: 'folder', path }, settings);
    }
    if (text === 'local') {
      return withoutAddress({ kind: 'local' }, settings);
    }
  }
  throw new TargetError(
    `--to: expected one of the following, got ${quote(text)}\n${TARGET_FORMS.map((form) => `  ${form}`).join('\n')}`,
  );
}

function withoutAddress(target: Target, { endpoint, region }: TargetSettings): Target {
  for (const [flag, value] of [
    ['--endpoint', endpoint],
    ['--region', region],
  ]) {
    if (value !== undefined) {
      throw new TargetError(
        `${flag}: goes with --to s3://BUCKET or r2://BUCKET only, got --to ${target.kind}; leave it out`,
      );
    }
  }
  return target;
}

function parseS3(text: string, settings: TargetSettings): Target {
  const { env } = settings;
  const rest = text.slice('s3://'.length);
  const slash = rest.indexOf('/');
  const bucket = parseBucket(slash === -1 ? rest : rest.slice(0, slash), text);
  const prefix = slash === -1 ? '' : rest.slice(slash + 1).replace(/\/$/, '');
  if (prefix !== '' && !PREFIX.test(prefix)) {
    throw new TargetError(
      `--to: expected a prefix of letters, digits, '.', '_', '-' and '/', got ${quote(prefix)}`,
    );
  }
  const given =
    settings.endpoint ?? read(env, 'AWS_ENDPOINT_URL_S3') ?? read(env, 'AWS_ENDPOINT_URL');
  const region = settings.region ?? read(env, 'AWS_REGION') ?? read(env, 'AWS_DEFAULT_REGION');
  if (given !== undefined) {
    const host = URL.canParse(given) ? new URL(given).hostname : '';
    return {
      kind: 's3',
      bucket,
      prefix,
      endpoint: given,
      region: parseRegion(region ?? (R2_HOST.test(host) ? 'auto' : 'us-east-1')),
    };
  }
  if (region === undefined) {
    throw new TargetError(
      `--to ${text}: expected an address or a region, got neither; set --endpoint or AWS_ENDPOINT_URL_S3, or for AWS --region or AWS_REGION`,
    );
  }
  return {
    kind: 's3',
    bucket,
    prefix,
    endpoint: `https://s3.${parseRegion(region)}.amazonaws.com`,
    region,
  };
}

function parseR2(text: string, { env, endpoint, region }: TargetSettings): Target {
  const bucket = parseBucket(text.slice('r2://'.length), text);
  const account = read(env, 'CLOUDFLARE_ACCOUNT_ID');
  if (endpoint === undefined && (account === undefined || !ACCOUNT_ID.test(account))) {
    throw new TargetError(
      `--to ${text}: expected the account's 32 hex digits in CLOUDFLARE_ACCOUNT_ID, got ${account === undefined ? 'nothing' : quote(account)}; ` +
        '`wrangler whoami` shows them (or give the whole address with --endpoint)',
    );
  }
  return {
    kind: 's3',
    bucket,
    prefix: '',
    endpoint: endpoint ?? `https://${account}.r2.cloudflarestorage.com`,
    region: parseRegion(region ?? 'auto'),
  };
}

function parseBucket(bucket: string, text: string): string {
  if (!BUCKET.test(bucket)) {
    throw new TargetError(
      `--to: expected a bucket of 3 to 63 of a-z, 0-9, '.' and '-', got ${quote(bucket)} in ${quote(text)}`,
    );
  }
  return bucket;
}

function parseRegion(region: string): string {
  if (!REGION.test(region)) {
    throw new TargetError(
      `--region (or AWS_REGION): expected a region like "auto" or "us-east-1", got ${quote(region)}`,
    );
  }
  return region;
}

/** An empty variable is one that is not set. */
function read(env: TargetSettings['env'], name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

/**
 * Opens a target's store; the caller closes it.
 *
 * @param root  The project's folder; relative paths start at `cwd`.
 * @throws TargetError, CredentialsError, StorageError
 */
export async function openTarget(
  target: Target,
  { env, root, cwd }: { env: TargetSettings['env']; root: string; cwd: string },
): Promise<ObjectStore> {
  switch (target.kind) {
    case 'local':
      return await openLocalR2(root);
    case 'folder':
      return createFolderStore(resolve(cwd, target.path));
    case 's3': {
      const { bucket, prefix, endpoint, region } = target;
      try {
        return createS3Store({
          bucket,
          prefix,
          endpoint,
          region,
          credentials: readS3Credentials(env),
        });
      } catch (cause) {
        if (cause instanceof RangeError) {
          throw new TargetError(cause.message, { cause });
        }
        throw cause;
      }
    }
  }
}
