/** HTTP for the app on Node: limits as Cloudflare's edge sets them, and a graceful stop. */
import { createServer, STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { ExpectedError } from '../shared/expected-error.ts';
import type { RequestFacts } from '../worker/context.ts';
import type { Log } from '../worker/http/log.ts';
import type { Fetch } from './site.ts';

export interface HttpServerOptions {
  readonly fetch: Fetch;
  readonly port: number;
  readonly host: string;
  /** Origin and path that clients use, without a slash at the end; undefined to believe Host. */
  readonly publicUrl: string | undefined;
  /** How long a client may take to send a request's head. Shorter in tests. */
  readonly headersTimeoutMs?: number;
  readonly log: Log;
}

interface Connection {
  /** The unfinished answers: several where the client sends requests before it reads. */
  readonly answers: Set<ServerResponse>;
  /** The request that came last. */
  request?: IncomingMessage;
  /** The status of an answer that this file wrote in place of the app's. */
  refused?: number;
}

const createConnection = (): Connection => ({ answers: new Set() });

export type HttpServer = Awaited<ReturnType<typeof startHttpServer>>;

/** Longer heads get a 431. The app answers 414 from 4,096 characters of path and query on. */
const MAX_HEADER_BYTES = 32 * 1024;
/** A client that takes longer for the head, or twice as long for the request, gets a 408. */
const HEADERS_TIMEOUT_MS = 15_000;
/** Time between two checks of these limits. */
const TIMEOUT_CHECK_MS = 2_000;
/**
 * Longer than a proxy's (nginx: 60 s, Caddy: 120 s): the sender must close first, or it loses a
 * request.
 */
const KEEP_ALIVE_MS = 130_000;
/** A reader that takes nothing for so long is gone; its connection is closed. */
const STALL_MS = 120_000;
/** The answer to `OPTIONS *`, which asks about the whole server (RFC 9110, section 9.3.7). */
const METHODS = 'GET, HEAD, POST, DELETE, OPTIONS';
/**
 * A DNS name of up to 254 characters or an address, and a port. Answers repeat it, some of them
 * 60,000 times, and pages have it in their HTML.
 */
const HOST = /^[A-Za-z0-9._:[\]-]{1,260}$/;
/** HTTP/1.0 requests need not name a host. */
const UNNAMED_HOST = 'localhost';

/** @throws ExpectedError  When the port is taken or the address is not this machine's. */
export async function startHttpServer(options: HttpServerOptions) {
  const { fetch, port, host, publicUrl, headersTimeoutMs = HEADERS_TIMEOUT_MS, log } = options;
  const place = publicUrl === undefined ? undefined : splitUrl(publicUrl);
  const noted = new WeakMap<object, RequestFacts>();
  const answer = getRequestListener(
    async (request, { incoming, outgoing }) => {
      const moved = place === undefined ? request : moveRequest(request, place);
      let isStreamed = false;
      const response = await fetch(moved, {
        address: incoming.socket.remoteAddress,
        basePath: place?.basePath,
        note: (facts) => void noted.set(outgoing, facts),
        noteStream: () => (isStreamed = true),
      });
      // The app logs a failure of the stream. The reader must see that the answer is incomplete.
      const paced = paceBody(response, isStreamed, () => outgoing.destroy());
      return paced.catch(() => respondProblem(500));
    },
    { hostname: UNNAMED_HOST, errorHandler: (cause) => refuse(cause, log) },
  );
  const sockets = new Map<Socket, Connection>();
  let isStopping = false;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersTimeoutMs,
      requestTimeout: 2 * headersTimeoutMs,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requireHostHeader: false, // Node's own refusal has no body and no line in the log.
    },
    (incoming, outgoing) => {
      const { socket, method } = incoming;
      const began = performance.now();
      const connection = sockets.get(socket) ?? createConnection();
      connection.answers.add(outgoing);
      connection.request = incoming;
      if (isStopping) {
        outgoing.setHeader('Connection', 'close');
      }
      let answered: Promise<void> | undefined;
      outgoing.once('close', () => {
        connection.answers.delete(outgoing);
        if (isStopping && connection.answers.size === 0) {
          socket.destroySoon(); // A kept connection would delay the stop.
        }
        const left = !outgoing.writableFinished; // The connection ended too soon.
        const write = (): void =>
          log({
            level: 'info',
            event: 'request',
            method,
            status: connection.refused ?? outgoing.statusCode,
            ...(left && { left }),
            ...noted.get(outgoing),
            ms: Math.round(performance.now() - began),
          });
        if (outgoing.headersSent) {
          write();
        } else {
          void Promise.allSettled([answered]).then(write); // The app has not answered yet.
        }
      });
      const fault = findHostFault(incoming);
      if (fault !== undefined) {
        const body = describeProblem(400, `The request has ${fault}.`);
        const length = Buffer.byteLength(body);
        const headers = { ...PROBLEM_HEADERS, 'Content-Length': length, Connection: 'close' };
        outgoing.writeHead(400, headers).end(body);
      } else if (method === 'OPTIONS' && incoming.url === '*') {
        outgoing.writeHead(204, { Allow: METHODS }).end(); // No URL for the app.
      } else {
        answered = answer(incoming, outgoing);
      }
    },
  );

  /**
   * Takes no more requests, and resolves when those in flight are answered.
   * @param graceMs  Cuts connections off after this time.
   */
  async function stop(graceMs: number): Promise<void> {
    isStopping = true;
    // The server closes before its sockets do, whose answers must reach the log.
    const closed = Promise.all([
      new Promise<void>((resolve) => server.close(() => resolve())),
      ...[...sockets.keys()].map((socket) => new Promise((end) => socket.once('close', end))),
    ]);
    for (const [socket, { answers }] of sockets) {
      const last = [...answers].at(-1);
      if (last === undefined) {
        socket.destroy();
      } else if (!last.headersSent) {
        last.setHeader('Connection', 'close'); // The client must not send another request.
      }
    }
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  server.setTimeout(STALL_MS);
  server.on('connection', (socket: Socket) => {
    sockets.set(socket, createConnection());
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('clientError', (cause: NodeJS.ErrnoException, socket: Socket) => {
    const connection = sockets.get(socket) ?? createConnection();
    const { answers, request } = connection;
    const [first, second] = answers;
    // An error after whole requests must not be written into their answers. The rest of a request
    // that was answered already gets no second answer.
    const isFree =
      request?.complete === false
        ? first?.headersSent === false && second === undefined
        : first === undefined;
    if (!isFree || !socket.writable) {
      socket.destroy();
    } else {
      connection.refused = answerClientError(cause, socket);
      if (first === undefined) {
        log({ level: 'info', event: 'request', status: connection.refused });
      }
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(describeListenError(cause, port, host)));
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  // `url` is its address on this machine.
  return { url: describeAddress(address), isLoopback: LOOPBACK.test(address.address), stop };
}

/** @returns  What is wrong with the host that a request names; undefined where it is right. */
function findHostFault(incoming: IncomingMessage): string | undefined {
  const hosts = incoming.headersDistinct['host'] ?? [];
  if (hosts.length > 1) {
    return 'several Host headers'; // Node takes the first, a proxy perhaps the last.
  }
  if (hosts.length === 0 && incoming.httpVersion === '1.1') {
    return 'no Host header'; // RFC 9112, 3.2.
  }
  // The host of an absolute URL replaces the header's. Parsers of URLs skip further slashes.
  const [, named] = /^https?:\/{2,}([^/?#]*)/i.exec(incoming.url ?? '') ?? [];
  const isRight = HOST.test(named ?? (hosts[0] || UNNAMED_HOST));
  return isRight ? undefined : 'a host that is no name or address';
}

function describeListenError(cause: NodeJS.ErrnoException, port: number, host: string): Error {
  const wrongHost = `--host or HOST is ${JSON.stringify(host)}, expected an address or a name of this machine`;
  const message = {
    EADDRINUSE: `port ${port} of ${host} is taken; stop what listens there, or choose another with --port or PORT`,
    EACCES: `port ${port} is not allowed to this user; choose one from 1024 on with --port or PORT`,
    EADDRNOTAVAIL: wrongHost,
    EINVAL: wrongHost, // A link-local address without its interface: fe80::1%eth0.
    EAFNOSUPPORT: wrongHost, // An IPv6 address on a machine without IPv6.
    ENOTFOUND: wrongHost,
    EAI_AGAIN: wrongHost,
  }[cause.code ?? ''];
  return message === undefined ? cause : new ExpectedError(message, { cause });
}

const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/;

function describeAddress({ address, family, port }: AddressInfo): string {
  const isAny = address === '0.0.0.0' || address === '::';
  const named = family === 'IPv6' ? `[${address}]` : address;
  return `http://${isAny ? 'localhost' : named}:${port}`;
}

type Place = ReturnType<typeof splitUrl>;

function splitUrl(url: string) {
  const { origin, pathname } = new URL(url);
  return { origin, basePath: pathname === '/' ? '' : pathname };
}

/**
 * Gives a request the URL that its client used, without the base path. A proxy may have removed
 * that path already.
 */
function moveRequest(request: Request, { origin, basePath }: Place): Request {
  const { pathname, search } = new URL(request.url);
  const isUnder = `${pathname}/`.startsWith(`${basePath}/`);
  const url = `${origin}${isUnder ? pathname.slice(basePath.length) || '/' : pathname}${search}`;
  return new Proxy(request, {
    get: (target, name) => (name === 'url' ? url : Reflect.get(target, name, target)),
  });
}

/**
 * Lets other requests and signals run between two parts of a streamed answer. Drawing keeps the
 * only thread busy, and nothing yields while the kernel takes all that is written. An answer of
 * one part gets a Content-Length.
 * @param isStreamed  Whether the app draws while the body is read.
 * @param onFailure   Called when the stream fails later; the caller cuts the connection.
 * @throws  What the stream throws before its second piece: nothing is sent yet.
 */
async function paceBody(response: Response, isStreamed: boolean, onFailure: () => void) {
  if ((!isStreamed && response.headers.has('content-length')) || response.body === null) {
    return response;
  }
  const reader = response.body.getReader();
  const first = await reader.read();
  const second = await reader.read();
  if (second.done) {
    return new Response(first.value ?? new Uint8Array(), response);
  }
  const begun = [first, second];
  let hasLeft = false;
  const paced = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          await new Promise((resolve) => setImmediate(resolve));
          const { done, value } = begun.shift() ?? (await reader.read());
          if (hasLeft) {
            return;
          }
          if (done) {
            controller.close();
          } else {
            controller.enqueue(value);
          }
        } catch {
          onFailure();
        }
      },
      cancel: (reason) => {
        hasLeft = true;
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(paced, response);
}

/** Answers a request whose URL is invalid, or a failure outside of the app. */
function refuse(cause: unknown, log: Log): Response {
  const isRequest = cause instanceof Error && cause.name === 'RequestError';
  if (!isRequest) {
    log({ level: 'error', event: 'request_failed', cause });
  }
  const status = isRequest ? 400 : 500;
  const detail = isRequest ? `${cause.message}.` : undefined;
  return respondProblem(status, detail);
}

function respondProblem(status: number, detail?: string): Response {
  return new Response(describeProblem(status, detail), { status, headers: PROBLEM_HEADERS });
}

const PROBLEM_HEADERS = {
  'Content-Type': 'application/problem+json',
  'Cache-Control': 'no-store',
} as const;

/** Problem details (RFC 9457, 4.2.1) without a code, because the app never saw the request. */
function describeProblem(status: number, detail: string | undefined): string {
  return `${JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail })}\n`;
}

/** Answers requests that are malformed, too long or too slow. @returns  The answer's status. */
function answerClientError(
  cause: NodeJS.ErrnoException & { readonly reason?: string },
  socket: Socket,
): number {
  const [status, detail] = CLIENT_ERRORS[cause.code ?? ''] ?? [
    400,
    `This is no HTTP/1.1 request: ${cause.reason ?? cause.message}.`,
  ];
  const body = describeProblem(status, detail);
  const length = Buffer.byteLength(body);
  const headers = { ...PROBLEM_HEADERS, 'Content-Length': length, Connection: 'close' };
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
  return status;
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [status: number, detail: string]>> = {
  HPE_INVALID_URL: [
    400,
    'The URL holds a character that must be percent-encoded, such as %C3%A9 for é or %20 for a space.',
  ],
  HPE_INVALID_CONSTANT: [
    400,
    'This is no HTTP/1.1 request. A space in the URL must be percent-encoded: %20.',
  ],
  HPE_HEADER_OVERFLOW: [
    431,
    `URL and headers have more than the ${MAX_HEADER_BYTES} bytes allowed.`,
  ],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, 'The chunks of the body have extensions that are too long.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request did not arrive in time.'],
};
