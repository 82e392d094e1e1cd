/**
 * The meaning of a failed S3 request. The SDK's errors hold signed headers and may quote the
 * request, so only status, error code and bucket region ever leave this file.
 */
import type { StorageFailure } from './object-store.ts';

/** The facts of an SDK error that may be shown, once {@link hideSecrets} has seen them. */
export type S3Failure = ReturnType<typeof describeError>;

type Reason = Exclude<StorageFailure['reason'], 'invalid_key' | 'too_large' | 'unreachable'>;

/**
 * The error codes and HTTP statuses of each reason. `XAdminUserNotFound` is versitygw's for an
 * unknown access key; the SDK itself throws `CredentialsProviderError` and, here, `RegionMissing`.
 */
const CODES: Readonly<Partial<Record<Reason, string>>> = {
  no_bucket: 'NoSuchBucket',
  clock_skewed: 'RequestTimeTooSkewed',
  wrong_region: 'AuthorizationHeaderMalformed RegionMissing 301 302 307 308',
  credentials_refused:
    'InvalidAccessKeyId SignatureDoesNotMatch InvalidToken ExpiredToken TokenRefreshRequired ' +
    'Unauthorized XAdminUserNotFound CredentialsProviderError 401',
  forbidden: '403',
  unsupported: 'NotImplemented 501',
  // A server may report a full disk with a 5xx; the disk does not empty itself within seconds.
  full:
    'QuotaExceeded InsufficientStorage XMinioStorageFull StorageFull NoSpaceLeft ' +
    'BucketQuotaExceeded 507',
  // The statuses of these codes also mean other things: 400 a slow body, 409 two puts at once.
  busy:
    'RequestTimeout ConditionalRequestConflict OperationAborted SlowDown TooManyRequests ' +
    '408 425 429 500 502 503 504',
};
const REASONS = new Map(
  Object.entries(CODES).flatMap(([reason, codes]) =>
    codes.split(' ').map((code) => [code, reason as Reason]),
  ),
);

/** Why the SDK has no credentials, by its own messages, which may hold secrets. */
const NO_CREDENTIALS = [
  [/aws sso login/, 'the login has ended: run aws sso login'],
  [/aws login/, 'the login has ended: run aws login'],
  [/^Could not (?:load|resolve) credentials/, 'there are none; does the profile exist?'],
] as const;

/** Node's error codes of a refused certificate. */
const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Names that the SDK gives to an answer without an error code. */
const NO_CODE = new Set(['Error', 'NotFound', 'Unknown', 'UnknownError', 'S3ServiceException']);

export function describeError(cause: unknown) {
  const error = cause as Partial<{
    name: string;
    message: string;
    code: string;
    hostname: string;
    $fault: string;
    $metadata: { httpStatusCode?: number; attempts?: number };
    $response: { statusCode?: number; headers?: Record<string, string> };
  }>;
  const { name = '', message = '', $metadata = {}, $response = {} } = error;
  const status = $response.statusCode ?? $metadata.httpStatusCode;
  const hasCredentials = name !== 'CredentialsProviderError';
  const isCode = (error.$fault !== undefined && !NO_CODE.has(name)) || !hasCredentials;
  const code = message === 'Region is missing' ? 'RegionMissing' : name;
  return {
    /** HTTP status; undefined when no answer came. */
    status,
    /** S3's error code, or the name of the SDK's own error. */
    code: (isCode || code !== name) && /^[A-Za-z0-9.]{1,64}$/.test(code) ? code : undefined,
    /** Node's error code when no answer came. */
    networkCode: status === undefined && !isCode ? error.code : undefined,
    /** The name that was not found, of the endpoint, with the bucket, or of a proxy. */
    host: error.hostname,
    bucketRegion: $response.headers?.['x-amz-bucket-region'],
    advice: hasCredentials ? undefined : NO_CREDENTIALS.find(([text]) => text.test(message))?.[1],
    attempts: $metadata.attempts ?? 1,
  };
}

/** Drops codes and regions in which a server repeats a secret. */
export function hideSecrets(failure: S3Failure, secrets: readonly string[]): S3Failure {
  const hide = (text: string | undefined): string | undefined =>
    secrets.some((secret) => text?.includes(secret)) ? undefined : text;
  return { ...failure, code: hide(failure.code), bucketRegion: hide(failure.bucketRegion) };
}

function findReason({ status, code }: S3Failure): Reason {
  // The error code is the more precise one.
  return REASONS.get(code ?? '') ?? REASONS.get(String(status)) ?? 'unexpected';
}

/**
 * True when another attempt may succeed. With a wrong clock it may, too, because the SDK learns the
 * server's time. But the publishers' leases need a right clock, so the error is shown.
 */
export function isRetried(failure: S3Failure): boolean {
  return failure.networkCode !== undefined || findReason(failure) === 'busy';
}

/** True when the server does not support the operation, such as a conditional put. */
export function isUnsupported(failure: S3Failure): boolean {
  return findReason(failure) === 'unsupported';
}

/** @param timeoutMs  Time limit of the request, for the message. */
export function toStorageFailure(failure: S3Failure, timeoutMs: number): StorageFailure {
  const { status, code, networkCode, bucketRegion = '', advice } = failure;
  if (networkCode !== undefined) {
    return { reason: 'unreachable', detail: describeNetworkCode(networkCode, failure, timeoutMs) };
  }
  const reason = findReason(failure);
  if (reason === 'no_bucket' || reason === 'clock_skewed') {
    return { reason };
  }
  if (reason === 'wrong_region' && /^[A-Za-z0-9-]{1,63}$/.test(bucketRegion)) {
    return { reason, detail: bucketRegion };
  }
  const shownCode = advice ?? code ?? 'without an S3 error code: is the endpoint an S3 endpoint?';
  return { reason, detail: `${status === undefined ? '' : `HTTP ${status} `}${shownCode}` };
}

function describeNetworkCode(code: string, { host = '' }: S3Failure, timeoutMs: number): string {
  if (code === 'ETIMEDOUT' || code === 'ABORT_ERR') {
    return `no answer within ${Math.ceil(timeoutMs / 1000)} s`;
  }
  if (code === 'EPROTO') {
    return `${code}: is it an http:// address?`;
  }
  if (UNTRUSTED.has(code)) {
    return `${code}: NODE_EXTRA_CA_CERTS takes a file with the certificate to trust`;
  }
  return `${code} ${host}`.trim();
}
