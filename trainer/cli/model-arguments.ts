/**
 * Arguments of the `models` command: names, versions and public keys.
 */
import { modelNameSchema, modelVersionSchema } from '../../shared/model/artifact.ts';
import { parsePublicKeys, type PublicKey } from '../../shared/model/signature.ts';
import { ExpectedError } from '../../shared/expected-error.ts';
import type { VersionId } from '../publish/writes.ts';
import type { StorageContext } from './storage-options.ts';

/** Something that a command on models was told or found which its user can mend. */
export class ModelsError extends ExpectedError {
  override name = 'ModelsError' as const;
}

/** Those of the flag, or else of the environment. */
export function readPublicKeys(flag: string | undefined, { env }: StorageContext): PublicKey[] {
  try {
    return parsePublicKeys(flag ?? env['MODEL_PUBLIC_KEYS'] ?? '');
  } catch (cause) {
    throw new ModelsError(
      `${flag === undefined ? 'MODEL_PUBLIC_KEYS' : '--public-keys'}: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

export function parseName(text: string): string {
  if (!modelNameSchema.safeParse(text).success) {
    throw new ModelsError(
      `expected a model's name, 1 to 32 of a-z, 0-9 and -, a letter first, got ${JSON.stringify(text)}`,
    );
  }
  return text;
}

export function parseVersion(text: string): string {
  if (!modelVersionSchema.safeParse(text).success) {
    throw new ModelsError(
      `expected a version of 16 lower-case hex digits, got ${JSON.stringify(text)}`,
    );
  }
  return text;
}

/** `NAME` or `NAME@VERSION`. */
export function parseModel(text: string): {
  readonly name: string;
  readonly version: string | undefined;
} {
  const at = text.indexOf('@');
  return at === -1
    ? { name: parseName(text), version: undefined }
    : { name: parseName(text.slice(0, at)), version: parseVersion(text.slice(at + 1)) };
}

export function parseVersionId(text: string): VersionId {
  const { name, version } = parseModel(text);
  if (version === undefined) {
    throw new ModelsError(
      `expected NAME@VERSION, got ${JSON.stringify(text)}; \`models list ${name}\` shows the versions`,
    );
  }
  return { name, version };
}
