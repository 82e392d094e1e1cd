/**
 * Reads published models from a bucket over S3's HTTP interface (R2, AWS, any server that signs with SigV4), by path-style
 * addresses. One attempt a read: the next refresh is the next attempt, and meanwhile the last good model serves.
 */
import { AwsClient } from 'aws4fetch';
import { ArtifactError } from '../shared/model/artifact.ts';
import type { ObjectReader } from '../worker/models/model-store.ts';
import { isPlainKey } from './key.ts';

export interface S3Location {
  /** Base address of the service, without the bucket and without a slash at its end. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Put before every key with a slash; none when empty. */
  readonly prefix: string;
  /** `auto` for R2. */
  readonly region: string;
  readonly credentials: S3Credentials;
}

/** What signs a request; never printed. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** For one answer, head and body; the app gives up sooner, and then nobody would end the transfer. */
const ANSWER_TIMEOUT_MS = 30_000;

/** Of an error's document; only its code is read. */
const MAX_ERROR_BYTES = 16 * 1024;

/** Opens a bucket. Nothing is sent before the first read. */
export function createS3Reader({
  endpoint,
  bucket,
  prefix,
  region,
  credentials,
}: S3Location): ObjectReader {
  const client = new AwsClient({ ...credentials, service: 's3', region, retries: 0 });

  return {
    async read(key, maxBytes, knownEtag) {
      if (!isPlainKey(key)) {
        return 'missing';
      }
      const request = await client.sign(
        `${endpoint}/${bucket}/${prefix === '' ? '' : `${prefix}/`}${key}`,
        {
          method: 'GET',
          redirect: 'manual',
          headers: knownEtag === undefined ? {} : { 'if-none-match': knownEtag },
        },
      );
      // Not signed, since proxies change it: a compressed answer would come with another ETag.
      request.headers.set('accept-encoding', 'identity');
      const response = await fetch(request, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
      if (response.status === 304) {
        return 'unchanged';
      }
      if (response.status === 200) {
        return {
          etag: response.headers.get('etag') ?? '',
          bytes: await readBody(response, key, maxBytes),
        };
      }
      const code = await readErrorCode(response);
      if (code === 'NoSuchKey') {
        return 'missing';
      }
      throw new Error(
        `s3://${bucket} at ${endpoint} answered HTTP ${response.status}${code === undefined ? '' : ` ${code}`}`,
      );
    },
  };
}

/** @throws ArtifactError  `too_large`; the rest is not read. */
async function readBody(response: Response, key: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) {
      const told = Number(response.headers.get('content-length') ?? length);
      throw new ArtifactError({ reason: 'too_large', what: key, bytes: told, maxBytes });
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** S3's code for what went wrong. The rest of the document may repeat the access key, and is dropped. */
async function readErrorCode(response: Response): Promise<string | undefined> {
  const bytes = await readBody(response, 'error', MAX_ERROR_BYTES).catch(() => new Uint8Array());
  return /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(new TextDecoder().decode(bytes))?.[1];
}
