/**
 * An HTTP proxy on the loopback interface that passes requests on to a real server and misbehaves
 * when told to.
 */
import {
  createServer,
  request as sendRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What to do with a request. */
export type Fault =
  | { readonly do: 'pass' }
  /** Close the connection and pass nothing on. */
  | { readonly do: 'drop' }
  /**
   * Pass it on, wait until the server has answered, then close the connection without an answer.
   */
  | { readonly do: 'cut' }
  /** Never answer. */
  | { readonly do: 'stall' }
  /** Pass it on, and do something to the server's answer. */
  | { readonly do: 'spoil'; readonly how: Spoiling }
  /** Answer in the server's place; `body` may be made from the request. */
  | {
      readonly do: 'answer';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string | ((request: IncomingMessage) => string);
    };

/** What becomes of an answer: its length is told right, but where the name says else. */
export type Spoiling =
  | 'cut in the middle'
  | 'altered'
  | 'dripping'
  | 'shorter than told'
  | 'longer than told';

export interface FaultyProxy {
  readonly endpoint: string;
  /** Method and path of every request that came. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

/**
 * Starts a proxy.
 * @param upstream  Base address of the real server.
 * @param decide    Says what happens to the request with this index, from 0.
 */
export async function startFaultyProxy(
  upstream: string,
  decide: (index: number, request: IncomingMessage) => Fault,
): Promise<FaultyProxy> {
  const target = new URL(upstream);
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const fault = decide(seen.length, request);
    seen.push(`${request.method} ${request.url}`);
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      switch (fault.do) {
        case 'pass':
          forward(target, request, body, response);
          break;
        case 'drop':
          request.socket.destroy();
          break;
        case 'cut':
          forward(target, request, body, null);
          break;
        case 'stall':
          break;
        case 'spoil':
          forward(target, request, body, response, fault.how);
          break;
        case 'answer':
          response
            .writeHead(fault.status, fault.headers)
            .end(typeof fault.body === 'function' ? fault.body(request) : fault.body);
          break;
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname.replace(/\/$/, '')}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The Host header goes along as it came, since the signature covers it. */
function forward(
  target: URL,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse | null,
  how?: Spoiling,
): void {
  const upstream = sendRequest(
    {
      host: target.hostname,
      port: target.port,
      method: request.method,
      path: request.url,
      headers: request.headers,
    },
    (answer) => {
      if (response === null) {
        answer.resume().on('end', () => request.socket.destroy());
      } else if (how !== undefined) {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => spoil(answer, Buffer.concat(chunks), response, how));
      } else {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      }
    },
  );
  upstream.on('error', () => request.socket.destroy());
  upstream.end(body);
}

const DRIP_MS = 100;

function spoil(
  { statusCode = 502, headers }: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  how: Spoiling,
): void {
  const begin = (length: number) =>
    response.writeHead(statusCode, { ...headers, 'content-length': length });
  const half = body.subarray(0, body.length >> 1);
  switch (how) {
    case 'cut in the middle':
      begin(body.length).write(half, () => setTimeout(() => response.destroy(), 20));
      break;
    case 'altered':
      begin(body.length).end(body.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
      break;
    case 'dripping': {
      begin(body.length);
      let sent = 0;
      const drip = setInterval(() => response.write(body.subarray(sent, ++sent)), DRIP_MS);
      response.on('close', () => clearInterval(drip));
      break;
    }
    case 'shorter than told':
      begin(body.length + 100).write(body); // The rest is waited for.
      break;
    case 'longer than told':
      response.socket?.write(
        `HTTP/1.1 ${statusCode} OK\r\netag: ${headers.etag}\r\ncontent-length: ${half.length}\r\n\r\n${body.toString('latin1')}`,
        'latin1',
      );
      break;
  }
}

/** An S3 error document. */
export function buildS3Error(code: string, message = 'a message'): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
}
