/**
 * The meaning of a failed S3 request. The SDK's errors hold signed headers and may quote the
 * request, so only status, error code and bucket region ever leave this file.
 */
import type { StorageFailure } from './object-store.ts';

/** The facts of an SDK error that may be shown, once {@link hideSecrets} has seen them. */
export interface S3Failure {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** S3's error code, or the name of the SDK's own error. */
  readonly code: string | undefined;
  /** Node's error code when no answer came. */
  readonly networkCode: string | undefined;
  readonly bucketRegion: string | undefined;
  readonly attempts: number;
  /** The SDK learned the server's clock from this answer. */
  readonly isClockCorrected: boolean;
}

type Reason = Exclude<StorageFailure['reason'], 'invalid_key' | 'too_large' | 'unreachable'>;

/** By error code, which goes first, or by HTTP status. */
const REASONS: Readonly<Record<string, Reason>> = {
  NoSuchBucket: 'no_bucket',
  RequestTimeTooSkewed: 'clock_skewed',
  AuthorizationHeaderMalformed: 'wrong_region',
  InvalidAccessKeyId: 'credentials_refused',
  SignatureDoesNotMatch: 'credentials_refused',
  InvalidToken: 'credentials_refused',
  ExpiredToken: 'credentials_refused',
  TokenRefreshRequired: 'credentials_refused',
  Unauthorized: 'credentials_refused',
  XAdminUserNotFound: 'credentials_refused', // versitygw, for an unknown access key.
  CredentialsProviderError: 'credentials_refused', // The SDK, when it finds none.
  RegionMissing: 'wrong_region', // The SDK, when a profile names none.
  NotImplemented: 'unsupported',
  // A server may report a full disk with a 5xx; the disk does not empty itself within seconds.
  QuotaExceeded: 'full',
  InsufficientStorage: 'full',
  XMinioStorageFull: 'full',
  StorageFull: 'full',
  NoSpaceLeft: 'full',
  BucketQuotaExceeded: 'full',
  // Their statuses also mean other things: 400 for a slow body, 409 for two puts at once.
  RequestTimeout: 'busy',
  ConditionalRequestConflict: 'busy',
  OperationAborted: 'busy',
  SlowDown: 'busy',
  TooManyRequests: 'busy',
  301: 'wrong_region',
  302: 'wrong_region',
  307: 'wrong_region',
  308: 'wrong_region',
  401: 'credentials_refused',
  403: 'forbidden',
  408: 'busy',
  425: 'busy',
  429: 'busy',
  500: 'busy',
  501: 'unsupported',
  502: 'busy',
  503: 'busy',
  504: 'busy',
  507: 'full',
};

/** Names that the SDK gives to an answer without an error code. */
const NO_CODE = new Set(['Error', 'NotFound', 'Unknown', 'UnknownError', 'S3ServiceException']);

export function describeError(cause: unknown): S3Failure {
  const error = cause as Partial<{
    name: string;
    message: string;
    code: string;
    $fault: string;
    $metadata: { httpStatusCode?: number; attempts?: number; clockSkewCorrected?: boolean };
    $response: { statusCode?: number; headers?: Record<string, string> };
  }>;
  const { name = '', $metadata = {}, $response = {} } = error;
  const status = $response.statusCode ?? $metadata.httpStatusCode;
  const isCode =
    (error.$fault !== undefined && !NO_CODE.has(name)) || name === 'CredentialsProviderError';
  const code = error.message === 'Region is missing' ? 'RegionMissing' : name;
  return {
    status,
    code: (isCode || code !== name) && /^[A-Za-z0-9.]{1,64}$/.test(code) ? code : undefined,
    networkCode: status === undefined && !isCode ? error.code : undefined,
    bucketRegion: $response.headers?.['x-amz-bucket-region'],
    attempts: $metadata.attempts ?? 1,
    isClockCorrected: $metadata.clockSkewCorrected === true,
  };
}

/** Drops codes and regions in which a server repeats a secret. */
export function hideSecrets(failure: S3Failure, secrets: readonly string[]): S3Failure {
  const hide = (text: string | undefined): string | undefined =>
    secrets.some((secret) => text?.includes(secret)) ? undefined : text;
  return { ...failure, code: hide(failure.code), bucketRegion: hide(failure.bucketRegion) };
}

function findReason({ status, code }: S3Failure): Reason {
  return REASONS[code ?? ''] ?? REASONS[status ?? ''] ?? 'unexpected';
}

/** True when another attempt may succeed. */
export function isRetried(failure: S3Failure): boolean {
  return (
    failure.networkCode !== undefined || failure.isClockCorrected || findReason(failure) === 'busy'
  );
}

/** @param timeoutMs  Time limit of the request, for the message. */
export function toStorageFailure(failure: S3Failure, timeoutMs: number): StorageFailure {
  const { status, code, networkCode, bucketRegion = '' } = failure;
  if (networkCode !== undefined) {
    const isLate = networkCode === 'ETIMEDOUT' || networkCode === 'ABORT_ERR';
    const detail = isLate ? `no answer within ${Math.ceil(timeoutMs / 1000)} s` : networkCode;
    return { reason: 'unreachable', detail };
  }
  const reason = findReason(failure);
  if (reason === 'no_bucket' || reason === 'clock_skewed') {
    return { reason };
  }
  if (reason === 'wrong_region' && /^[A-Za-z0-9-]{1,63}$/.test(bucketRegion)) {
    return { reason, detail: bucketRegion };
  }
  const shownCode = code ?? 'without an S3 error code: is the endpoint an S3 endpoint?';
  return { reason, detail: `${status === undefined ? '' : `HTTP ${status} `}${shownCode}` };
}
