/**
 * HTTP for the app on Node: what Cloudflare's edge does before a worker sees a request, and how the server ends.
 */
import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { RequestFacts } from '../worker/context.ts';
import type { Log } from '../worker/http/log.ts';
import { SettingError } from './setting-error.ts';
import type { Fetch } from './site.ts';

export interface HttpServerOptions {
  readonly fetch: Fetch;
  readonly port: number;
  readonly host: string;
  /** Scheme and host that requests are taken to name, whatever they say. */
  readonly publicOrigin: string | undefined;
  /** How long a client may take to send a request's head. Shorter in tests. */
  readonly headersTimeoutMs?: number;
  readonly log: Log;
}

export interface HttpServer {
  /** Where it answers, for whoever is on this machine. */
  readonly url: string;
  /**
   * Takes no more requests, and resolves when those in flight are answered.
   * @param graceMs  After which what is left is cut off.
   */
  stop(graceMs: number): Promise<void>;
}

/**
 * Request line and headers together. The app answers 414 from 4,096 characters of path and query on, so all URLs that a
 * client may send by mistake get there; what is longer than this is a 431 as soon as so much has come.
 */
const MAX_HEADER_BYTES = 32 * 1024;
/** A client that sends its head, or its whole request, more slowly gets a 408. */
const HEADERS_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often the two are looked at. */
const TIMEOUT_CHECK_MS = 2_000;
/** Longer than proxies keep theirs (nginx: 60 s): who closes first must be the one who sends. */
const KEEP_ALIVE_MS = 75_000;
/** A reader that takes nothing for so long has left without a word: its connection, and what it was to get, are let go. */
const STALL_MS = 120_000;
/** Of HTTP/1.0 requests, which need not name one. */
const UNNAMED_HOST = 'localhost';

/**
 * Starts to listen.
 * @throws SettingError  When the port is taken or the address is not this machine's.
 */
export async function startHttpServer({
  fetch,
  port,
  host,
  publicOrigin,
  headersTimeoutMs = HEADERS_TIMEOUT_MS,
  log,
}: HttpServerOptions): Promise<HttpServer> {
  const noted = new WeakMap<object, RequestFacts>();
  const answer = getRequestListener(
    async (request, { incoming, outgoing }) => {
      const address = incoming.socket.remoteAddress;
      const note = (facts: RequestFacts): void => void noted.set(outgoing, facts);
      const response = await fetch(
        publicOrigin === undefined ? request : moveRequest(request, publicOrigin),
        { address, note },
      );
      return paceBody(response, (cause) => {
        log({
          level: 'error',
          event: 'request_failed',
          requestId: noted.get(outgoing)?.requestId,
          cause,
        });
        outgoing.destroy(); // The reader must see that this is not the whole.
      });
    },
    { hostname: UNNAMED_HOST, errorHandler: (cause) => refuse(cause, log) },
  );
  const sockets = new Map<Socket, { isAnswering: boolean }>();
  let isStopping = false;
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: headersTimeoutMs,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
    },
    (incoming, outgoing) => {
      const { socket } = incoming;
      const began = performance.now();
      setAnswering(socket, true);
      outgoing.once('close', () => {
        setAnswering(socket, false);
        const ms = Math.round(performance.now() - began);
        log({
          level: 'info',
          event: 'request',
          ...describeExchange(incoming, outgoing),
          ...noted.get(outgoing),
          ms,
        });
      });
      void answer(incoming, outgoing);
    },
  );

  function setAnswering(socket: Socket, isAnswering: boolean): void {
    const state = sockets.get(socket);
    if (state !== undefined) {
      state.isAnswering = isAnswering;
    }
    if (isStopping && !isAnswering) {
      socket.destroySoon(); // Else it would be kept for its next request.
    }
  }

  async function stop(graceMs: number): Promise<void> {
    isStopping = true;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const [socket, { isAnswering }] of sockets) {
      if (!isAnswering) {
        socket.destroy();
      }
    }
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    await closed;
    clearTimeout(cut);
  }

  server.setTimeout(STALL_MS);
  server.on('connection', (socket: Socket) => {
    sockets.set(socket, { isAnswering: false });
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('clientError', (cause: NodeJS.ErrnoException, socket: Socket) => {
    if (sockets.get(socket)?.isAnswering === true || !socket.writable) {
      socket.destroy(); // In the middle of an answer there is no place for another.
    } else {
      answerClientError(cause, socket);
    }
  });
  await listen(server, port, host);
  return { url: describeAddress(server.address() as AddressInfo), stop };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(describeListenError(cause, port, host)),
    );
    server.listen(port, host, resolve);
  });
}

function describeListenError(cause: NodeJS.ErrnoException, port: number, host: string): Error {
  switch (cause.code) {
    case 'EADDRINUSE':
      return new SettingError(
        `port ${port} of ${host} is taken; stop what listens there, or choose another with PORT`,
        {
          cause,
        },
      );
    case 'EACCES':
      return new SettingError(
        `port ${port} is not allowed to this user; choose one from 1024 on with PORT`,
        { cause },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new SettingError(
        `HOST is ${JSON.stringify(host)}, expected an address or a name of this machine`,
        { cause },
      );
    default:
      return cause;
  }
}

function describeAddress({ address, family, port }: AddressInfo): string {
  const reachable = address === '0.0.0.0' || address === '::' ? 'localhost' : address;
  return `http://${family === 'IPv6' && reachable === address ? `[${address}]` : reachable}:${port}`;
}

/** The request as it was sent to the outer host. */
function moveRequest(request: Request, origin: string): Request {
  const { pathname, search } = new URL(request.url);
  const url = origin + pathname + search;
  return new Proxy(request, {
    get: (target, name) => (name === 'url' ? url : Reflect.get(target, name, target)),
  });
}

/**
 * Has a streamed answer leave room for others between its parts: drawing keeps the one thread, and while the kernel takes all
 * that is written nothing else would make it turn to other requests, or to a signal. An answer of one part gets its length.
 *
 * @param onFailure  Told why the stream broke off. What was answered stays open: it is the caller's to cut.
 */
async function paceBody(
  response: Response,
  onFailure: (cause: unknown) => void,
): Promise<Response> {
  if (response.headers.has('content-length') || response.body === null) {
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
        } catch (cause) {
          onFailure(cause);
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

/** What becomes of a request that has no URL, since it names no host or a wrong one; and of a failure outside of the app. */
function refuse(cause: unknown, log: Log): Response {
  const isRequest = cause instanceof Error && cause.name === 'RequestError';
  if (!isRequest) {
    log({ level: 'error', event: 'request_failed', cause });
  }
  const status = isRequest ? 400 : 500;
  return new Response(describeProblem(status), { status, headers: PROBLEM_HEADERS });
}

const PROBLEM_HEADERS = {
  'Content-Type': 'application/problem+json',
  'Cache-Control': 'no-store',
} as const;

/** Problem details of what never came to the app, which is why they have no code of its own: RFC 9457, section 4.2.1. */
function describeProblem(status: number): string {
  return `${JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status })}\n`;
}

/** Answers what is no HTTP, too long or too slow. */
function answerClientError(cause: NodeJS.ErrnoException, socket: Socket): void {
  const status = CLIENT_ERRORS[cause.code ?? ''] ?? 400;
  const body = describeProblem(status);
  const headers = Object.entries({
    ...PROBLEM_HEADERS,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  });
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

const CLIENT_ERRORS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** For the log: one line a request, when it is over. */
function describeExchange(
  { method }: IncomingMessage,
  { statusCode, writableFinished }: ServerResponse,
) {
  // Left: before the answer was whole.
  return { method, status: statusCode, ...(!writableFinished && { left: true }) };
}
