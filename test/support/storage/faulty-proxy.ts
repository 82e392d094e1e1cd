/**
 * An HTTP proxy on the loopback interface that forwards requests to a real server and injects
 * faults on request.
 */
import {
  createServer,
  request as sendRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** The proxy's action for a request. */
export type Fault =
  | { readonly do: 'pass' }
  /** Closes the connection and forwards nothing. */
  | { readonly do: 'drop' }
  /**
   * Forwards, waits until the server has answered, then closes the connection without an answer.
   */
  | { readonly do: 'cut' }
  /** Never answers. */
  | { readonly do: 'stall' }
  /** Forwards, and answers as AWS to credentials that may not list: 403 in place of 404. */
  | { readonly do: 'hide' }
  /** Forwards and changes the server's answer. */
  | { readonly do: 'spoil'; readonly how: Spoiling }
  /** Answers in the server's place; `body` may be computed from the request. */
  | {
      readonly do: 'answer';
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string | ((request: IncomingMessage) => string);
    };

/** The change to an answer. Its Content-Length stays correct unless the name says otherwise. */
export type Spoiling =
  | 'hidden where missing'
  | 'cut in the middle'
  | 'altered'
  | 'dripping'
  | 'shorter than told'
  | 'longer than told';

export interface FaultyProxy {
  readonly endpoint: string;
  /** Method and path of every received request. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

/**
 * Starts a proxy.
 * @param upstream  Base address of the real server.
 * @param decide  Chooses the action for the request with this index, from 0.
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
        case 'hide':
          forward(target, request, body, response, 'hidden where missing');
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

/** Keeps the Host header, because the signature covers it. */
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
    case 'hidden where missing':
      if (statusCode === 404) {
        response.writeHead(403).end(buildS3Error('AccessDenied'));
      } else {
        begin(body.length).end(body);
      }
      break;
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
      begin(body.length + 100).write(body); // The client waits for the rest.
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
