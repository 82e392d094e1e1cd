/**
 * Reads a file whose size nobody has checked.
 */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';

/**
 * Reads a file, and stops when it holds more than allowed.
 *
 * @param what      Names the file in errors.
 * @param maxBytes  Of the content, after unzipping.
 * @param fail      Makes the caller's error.
 * @throws What `fail` makes, when the file is larger or cannot be read.
 */
export async function readBoundedFile(
  path: string,
  {
    what = path,
    maxBytes,
    isGzipped = false,
    fail,
  }: {
    readonly what?: string;
    readonly maxBytes: number;
    readonly isGzipped?: boolean;
    readonly fail: (message: string, options?: ErrorOptions) => Error;
  },
): Promise<Uint8Array> {
  const file = createReadStream(path);
  const stream = isGzipped ? file.pipe(createGunzip()) : file;
  // A pipe does not forward the errors of its source.
  file.on('error', (error) => stream.destroy(error));
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) {
        break;
      }
    }
  } catch (cause) {
    throw fail(`${what} cannot be read: ${(cause as Error).message}`, { cause });
  } finally {
    file.destroy();
  }
  if (bytes > maxBytes) {
    throw fail(`${what} holds more than ${maxBytes} bytes: too large`);
  }
  return Buffer.concat(chunks);
}
