/**
 * Sends requests that fetch would normalise or cannot make: an unchanged path, any method, a client
 * that disconnects.
 */
import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

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
      {
        host: hostname,
        port,
        method,
        path,
        headers: { ...headers, ...announced },
        // A connection that still owes a part of its body must not be used again: the next request
        // would be read as that part.
        ...(length !== body?.length && { agent: false }),
      },
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

/**
 * Sends a whole body before it reads, as many clients do.
 * @returns  The answer's first line.
 */
export async function sendBeforeReading(url: URL, head: string, body: Buffer): Promise<string> {
  const socket = connect(Number(url.port), url.hostname);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.write(`${head}\r\nHost: ${url.host}\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body, (error) => (error ? reject(error) : resolve()));
  });
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString('latin1').split('\r\n')[0] ?? '';
}
