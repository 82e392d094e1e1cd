/**
 * Sends requests that fetch would normalise or cannot make: an unchanged path, any method, a client
 * that disconnects.
 */
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface RawAnswer {
  readonly status: number;
  readonly allow: string | undefined;
  readonly type: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** One character per byte. */
  readonly body: string;
}

/**
 * Sends a request.
 * @param url     The server's URL; its path is ignored.
 * @param length  Announced bytes of the body, of which `body` may be the first ones only: a server
 *                that reads the body waits for the others.
 */
export function sendRaw(
  url: URL,
  path: string,
  {
    method = 'GET',
    headers = {},
    body,
    length = body?.length,
  }: { method?: string; headers?: Record<string, string>; body?: Buffer; length?: number } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const announced = length === undefined ? {} : { 'content-length': String(length) };
    const { hostname, port } = url;
    const call = request(
      { host: hostname, port, method, path, headers: { ...headers, ...announced } },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => {
          const { allow, 'content-type': type } = answer.headers;
          resolve({
            status: answer.statusCode as number,
            allow,
            type,
            headers: answer.headers,
            body: Buffer.concat(parts).toString('latin1'),
          });
          if (length !== body?.length) {
            call.destroy();
          }
        });
      },
    );
    call.on('error', reject).end(body);
  });
}

/** Reads an answer's first bytes and disconnects. */
export function leaveInTheMiddle(url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, (answer: IncomingMessage) => {
      answer.once('data', () => {
        answer.destroy();
        resolve();
      });
    });
    call.on('error', reject).end();
  });
}
