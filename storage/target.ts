/** The target of a publication: the text after `--to`, and the store that it names. */
import { isAbsolute, resolve } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import { createFolderStore } from './folder-store.ts';
import type { ObjectStore } from './object-store.ts';
import {
  parseR2Location,
  parseS3Location,
  quoteSetting,
  readS3Credentials,
  type Environment,
  type LocationOptions,
  type S3Location,
} from './s3-location.ts';

export type Target =
  | { readonly kind: 'local' }
  | { readonly kind: 'folder'; readonly path: string }
  | ({ readonly kind: 's3' } & S3Location);

/** The forms of a target, for `--help` and for errors. */
export const TARGET_FORMS = [
  'local                the bucket of `npm start` and `wrangler dev` on this machine',
  'folder:PATH or PATH  a folder (a bare PATH holds a slash or starts with a dot)',
  's3://BUCKET[/PREFIX] any S3 store at --endpoint, AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, else AWS',
  'r2://BUCKET          Cloudflare R2 of the account CLOUDFLARE_ACCOUNT_ID',
] as const;

/** @throws ExpectedError  For none of {@link TARGET_FORMS}, or when a setting is missing. */
export function parseTarget(text: string, settings: Omit<LocationOptions, 'name'>): Target {
  const scheme = /^([a-z0-9]+):\/\//i.exec(text)?.[1];
  if (scheme === 's3' || scheme === 'r2') {
    const parse = scheme === 's3' ? parseS3Location : parseR2Location;
    return { kind: 's3', ...parse(text, { name: '--to', ...settings }) };
  }
  const path = text.startsWith('folder:') ? text.slice('folder:'.length) : text;
  const isPath = path !== text || /^\.|[/\\]/.test(text) || isAbsolute(text);
  const isFolder = scheme === undefined && path !== '' && isPath;
  if (!isFolder && text !== 'local') {
    const forms = TARGET_FORMS.map((form) => `\n  ${form}`).join('');
    const got = quoteSetting(text);
    throw new ExpectedError(`--to: expected one of the following, got ${got}${forms}`);
  }
  const target: Target = isFolder ? { kind: 'folder', path } : { kind: 'local' };
  for (const flag of ['endpoint', 'region'] as const) {
    if (settings[flag] !== undefined) {
      throw new ExpectedError(
        `--${flag}: goes with --to s3://BUCKET or r2://BUCKET only, ` +
          `got --to ${target.kind}; leave it out`,
      );
    }
  }
  return target;
}

/**
 * Opens a target's store; the caller closes it.
 * @param root  The project's folder; relative paths start at `cwd`.
 * @throws ExpectedError, StorageError
 */
export async function openTarget(
  target: Target,
  options: {
    readonly env: Environment;
    readonly root: string;
    readonly cwd: string;
    /** See the option of S3 stores. */
    readonly allowUnsafeConditions?: boolean;
  },
): Promise<ObjectStore> {
  const { env, root, cwd, allowUnsafeConditions = false } = options;
  switch (target.kind) {
    case 'local':
      return (await import('./local-r2.ts')).openLocalR2(root);
    case 'folder':
      return createFolderStore(resolve(cwd, target.path));
    case 's3': {
      const credentials = readS3Credentials(env);
      // Only here, since the SDK takes 0.1 s to load.
      const { createS3Store } = await import('./s3-store.ts');
      return createS3Store({ ...target, credentials, env, allowUnsafeConditions });
    }
  }
}
