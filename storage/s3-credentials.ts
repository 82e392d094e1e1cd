/**
 * The credentials of an S3 store: read from the environment under the names that all S3 tools use, and never printed.
 */
import { ExpectedError } from '../shared/expected-error.ts';

/** What signs a request. Held in closures only, so that no log or inspection of an object shows it. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Environment variables that do not name usable credentials; the message names the variables, never their values. */
export class CredentialsError extends ExpectedError {
  override name = 'CredentialsError' as const;
}

/** What can stand in an HTTP header: a value outside it would be quoted, credential and all, in fetch's own error. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * Reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, when set, AWS_SESSION_TOKEN.
 * @throws CredentialsError  When one is missing or holds what no credential has.
 */
export function readS3Credentials(
  env: Readonly<Record<string, string | undefined>>,
): S3Credentials {
  const accessKeyId = readVariable(env, 'AWS_ACCESS_KEY_ID');
  const secretAccessKey = readVariable(env, 'AWS_SECRET_ACCESS_KEY');
  const sessionToken = readVariable(env, 'AWS_SESSION_TOKEN');
  const missing = [
    accessKeyId === null ? 'AWS_ACCESS_KEY_ID' : [],
    secretAccessKey === null ? 'AWS_SECRET_ACCESS_KEY' : [],
  ].flat();
  if (accessKeyId === null || secretAccessKey === null) {
    throw new CredentialsError(
      `expected credentials in the environment, got no ${missing.join(' and no ')}; for R2, make an API token with "Object Read & Write" and set both`,
    );
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) };
}

function readVariable(
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): string | null {
  // A newline at the end is what is left of a copied line.
  const value = env[name]?.trim() ?? '';
  if (value === '') {
    return null;
  }
  if (!PRINTABLE.test(value)) {
    throw new CredentialsError(
      `${name} holds a space or a character that no credential has; set it again (its value is not shown)`,
    );
  }
  return value;
}
