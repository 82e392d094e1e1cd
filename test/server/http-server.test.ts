/**
 * Tests the HTTP server on Node over real sockets: malformed requests, streams and their clients,
 * and the stop.
 */
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import {
  startHttpServer,
  type HttpServer,
  type HttpServerOptions,
} from '../../server/http-server.ts';
import type { LogEvent } from '../../worker/http/log.ts';

let server: HttpServer | undefined;
let logged: LogEvent[] = [];
afterEach(async () => {
  await server?.stop(0);
  server = undefined;
  logged = [];
});

async function start(
  fetch: HttpServerOptions['fetch'],
  options: Pick<HttpServerOptions, 'publicUrl' | 'headersTimeoutMs'> = {
    publicUrl: undefined,
  },
): Promise<HttpServer> {
  server = await startHttpServer({
    fetch,
    port: 0,
    host: '127.0.0.1',
    ...options,
    log: (event) => logged.push(event),
  });
  return server;
}

const answerUrl = (request: Request) => new Response(request.url);

function open(): Promise<Socket> {
  const { hostname, port } = new URL((server as HttpServer).url);
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(Number(port), hostname, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Sends bytes and returns everything received until the server closes. */
async function exchange(text: string): Promise<string> {
  const socket = await open();
  let received = '';
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
    // The server resets the connection while unread bytes are still on their way.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(received));
    socket.write(text);
  });
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);

describe('a request that never reaches the app', () => {
  const CLOSE = 'Host: x\r\nConnection: close\r\n';

  test.each<[what: string, text: string, status: number]>([
    [
      'a header of 40,000 characters',
      `GET / HTTP/1.1\r\n${CLOSE}X: ${'a'.repeat(40_000)}\r\n\r\n`,
      431,
    ],
    [
      'a thousand headers beyond all bounds',
      `GET / HTTP/1.1\r\n${CLOSE}${'X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(1000)}\r\n`,
      431,
    ],
    ['a URL of 100,000 characters', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n${CLOSE}\r\n`, 431],
    ['the start of a TLS connection', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n', 400],
    ['an unknown method', `MINT / HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['two hosts', `GET / HTTP/1.1\r\nHost: evil.example\r\n${CLOSE}\r\n`, 400],
    ['a wrong host', 'GET / HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', 400],
    ['no path', `GET * HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['a question about the whole server', `OPTIONS * HTTP/1.1\r\n${CLOSE}\r\n`, 204],
    [
      'two lengths',
      `POST / HTTP/1.1\r\n${CLOSE}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
      400,
    ],
  ])('%s is answered by the server alone', async (_, text, status) => {
    await start(() => new Response('never'));
    const answer = await exchange(text);
    expect([statusOf(answer), answer.includes('never')]).toEqual([status, false]);
    await expect.poll(() => logged).toMatchObject([{ event: 'request', status }]);
    // The server still answers.
    expect(await (await fetch((server as HttpServer).url)).text()).toBe('never');
  });

  test.each([
    ['Invalid method', 'nonsense'],
    ['%C3%A9', 'GET /digit.png?seed=é HTTP/1.1'],
    ['%20', 'GET /digit.png?seed=a b HTTP/1.1'],
    ['32768 bytes', `GET / HTTP/1.1\r\nX: ${'a'.repeat(40_000)}`],
    ['no name or address', 'GET / HTTP/1.1\r\nHost: a b/c'],
    ['no name or address', `GET / HTTP/1.1\r\nHost: ${'a'.repeat(261)}`],
    ['no name or address', "GET / HTTP/1.1\r\nHost: $'$'"],
    ['no name or address', `GET http://${'a'.repeat(261)}/ HTTP/1.1`],
    ['no name or address', 'GET http:///$&/ HTTP/1.1'],
    ['several Host headers', 'GET / HTTP/1.1\r\nHost: a\r\nHost: b'],
    ['no Host header', 'GET / HTTP/1.1\r\nConnection: close'],
  ])('gets problem details that name the fault: %s', async (fault, head) => {
    await start(answerUrl);
    const rest = /\n(?:Host|Connection): /.test(head) ? 'Connection: close\r\n' : CLOSE;
    const answer = await exchange(`${head}\r\n${rest}\r\n`);
    expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json\r\n/i);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] as string)).toEqual({
      type: 'about:blank',
      title: expect.any(String) as string,
      status: expect.toBeOneOf([400, 431]) as number,
      detail: expect.stringContaining(fault) as string,
    });
  });

  test('is answered on a connection that had good answers before', async () => {
    await start(() => new Response('good'));
    const socket = await open();
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
      if (received.endsWith('good')) {
        socket.write('nonsense\r\n\r\n');
      }
    });
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received).toMatch(/good[\s\S]*HTTP\/1\.1 400 /);
  });

  test.each([
    ['head', 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ['body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf'],
  ])('is a 408 when its %s does not end', async (_, text) => {
    await start(async (request) => new Response(await request.text()), {
      publicUrl: undefined,
      headersTimeoutMs: 10,
    });
    expect(statusOf(await exchange(text))).toBe(408);
    await expect.poll(() => logged.at(-1)).toMatchObject({ event: 'request', status: 408 });
  });
});

describe('the URL of a request', () => {
  test.each([
    ['/digits/a?b=c', '/a?b=c'],
    ['/digits/', '/'],
    ['/digits?b=c', '/?b=c'],
    ['/a?b=c', '/a?b=c'],
    ['/digits2/a', '/digits2/a'],
    ['/digits/digits/a', '/digits/a'],
    ['/digits//evil.example/', '//evil.example/'],
  ])('is without the path of the public URL: %s', async (target, path) => {
    await start((request, facts) => new Response(`${request.url} under ${facts.basePath}`), {
      publicUrl: 'https://example.org/digits',
    });
    const answer = await exchange(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(answer.split('\r\n\r\n')[1]).toBe(`https://example.org${path} under /digits`);
  });

  test.each([
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf of it',
    'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab',
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf of it',
  ])('whose body does not end gets its answer and no second one: %j', async (request) => {
    await start(() => new Response('done'), { publicUrl: undefined, headersTimeoutMs: 100 });
    const received = await exchange(request);
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200']);
  });

  test('is the URL that the client named', async () => {
    const { url } = await start(answerUrl);
    expect(await (await fetch(`${url}/a?b=%20c`)).text()).toBe(`${url}/a?b=%20c`);
    expect(
      await exchange('GET /a HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n'),
    ).toContain('http://example.org/a');
    expect(await exchange('GET /a HTTP/1.0\r\n\r\n')).toContain('http://localhost/a');
  });

  test.each([
    'Host: evil.example',
    'Host: evil.example:99\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher',
  ])('has the public origin, whatever the client names: %j', async (headers) => {
    await start(answerUrl, { publicUrl: 'https://example.org:8443' });
    for (const target of ['/a?b=c', '//a?b=c', 'http://evil.example/a?b=c']) {
      const answer = await exchange(
        `GET ${target} HTTP/1.1\r\n${headers}\r\nConnection: close\r\n\r\n`,
      );
      const path = target.startsWith('//') ? target : '/a?b=c';
      expect(answer.split('\r\n\r\n')[1]).toContain(`https://example.org:8443${path}`);
      expect(answer).not.toContain('evil');
    }
  });
});

/** An endless stream of chunks of 64 KiB that counts the chunks taken. */
function createEndless() {
  const taken = { parts: 0, cancelled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        await setImmediate();
        taken.parts++;
        controller.enqueue(new Uint8Array(65_536));
      },
      cancel() {
        taken.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, taken };
}

describe('a stream', () => {
  test('waits for a slow client and ends when the client disconnects', async () => {
    const { stream, taken } = createEndless();
    await start(() => new Response(stream));
    const socket = await open();
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    // A waiting stream takes no chunk for many turns. The kernel buffers some MiB for the two ends
    // of the connection.
    let seen = 0;
    for (let turns = 0; turns < 1000 || seen === 0; turns++) {
      await setImmediate();
      if (taken.parts !== seen) {
        expect(taken.parts * 65_536).toBeLessThan(64 * 1024 * 1024);
        [seen, turns] = [taken.parts, 0];
      }
    }
    socket.resume();
    await expect.poll(() => taken.parts).toBeGreaterThan(seen);
    expect(taken.cancelled).toBe(false);
    socket.destroy();
    await expect.poll(() => taken.cancelled).toBe(true);
    await expect
      .poll(() => logged)
      .toMatchObject([{ event: 'request', method: 'GET', status: 200, left: true }]);
  });

  test('with all chunks ready still leaves room for other requests', async () => {
    let parts = 0;
    const begun = Promise.withResolvers<void>();
    const busy = () =>
      new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            begun.resolve();
            return ++parts > 20_000 ? controller.close() : controller.enqueue(new Uint8Array(1));
          },
        },
        { highWaterMark: 0 },
      );
    const { url } = await start(
      (request) => new Response(request.url.endsWith('/quick') ? 'quick' : busy()),
    );
    const whole = fetch(url);
    await begun.promise;
    expect(await (await fetch(`${url}/quick`)).text()).toBe('quick');
    expect(parts).toBeLessThan(20_000);
    expect((await (await whole).arrayBuffer()).byteLength).toBe(20_000);
  });

  test.each([
    ['garbage', ''],
    ['a stop', '\r\n3\r\nend\r\n0\r\n\r\n'],
  ])('after another answer to requests at once stays whole: %s', async (event, end) => {
    const begun = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const parts = ['one', 'two', 'end'].values();
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      const { done, value } = parts.next();
      await (value === 'end' && released.promise);
      return done ? controller.close() : controller.enqueue(new TextEncoder().encode(value));
    };
    const { stop } = await start(
      ({ url }) =>
        new Response(
          url.endsWith('/a') ? 'whole' : new ReadableStream({ pull }, { highWaterMark: 0 }),
        ),
    );
    const socket = await open();
    let received = '';
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString();
      if (received.endsWith('two\r\n')) {
        begun.resolve();
      }
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(['a', 'b'].map((path) => `GET /${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    await begun.promise;
    if (event === 'garbage') {
      socket.write('nonsense\r\n\r\n');
    } else {
      void stop(2 ** 31 - 1);
      released.resolve();
    }
    await closed;
    released.resolve();
    expect(received.split('whole')[1]?.split('two')[1]).toBe(end || '\r\n');
  });

  test('of one chunk has a Content-Length', async () => {
    const { url } = await start(
      (request) => new Response(request.method === 'HEAD' ? null : new Blob(['one part']).stream()),
    );
    expect((await fetch(url)).headers.get('content-length')).toBe('8');
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  });

  test('is a 500 when it fails at once, which the app has logged', async () => {
    const { url } = await start(
      () => new Response(new ReadableStream({ pull: () => Promise.reject(new Error('gone')) })),
    );
    expect((await fetch(url)).status).toBe(500);
    await expect.poll(() => logged).toMatchObject([{ event: 'request', status: 500 }]);
  });

  test('is cut off, not ended, when it fails', async () => {
    let parts = 0;
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (++parts > 3) {
          throw new Error('gone');
        }
        controller.enqueue(new TextEncoder().encode('part'));
      },
    });
    await start(() => new Response(stream));
    const answer = await exchange('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    // No last chunk, and no reason in the body.
    expect(answer.endsWith('\r\n4\r\npart\r\n')).toBe(true);
    await expect.poll(() => logged).toMatchObject([{ event: 'request', left: true }]);
  });
});

test('the line of a client that left before its answer has the route and the status', async () => {
  const asked = Promise.withResolvers<void>();
  const facts = {
    requestId: 'a',
    route: '/a',
    code: undefined,
    model: undefined,
    source: undefined,
  };
  await start(async ({ signal }, { note }) => {
    asked.resolve();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    note?.(facts);
    return new Response('late', { status: 201 });
  });
  const socket = await open();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await asked.promise;
  socket.destroy();
  await expect.poll(() => logged).toHaveLength(1);
  expect(logged).toMatchObject([{ event: 'request', status: 201, left: true, ...facts }]);
});

test('a connection is kept for longer than Caddy keeps it, which is two minutes', async () => {
  const { url } = await start(answerUrl);
  const { headers } = await fetch(url);
  expect(Number(/^timeout=(\d+)$/.exec(headers.get('keep-alive') ?? '')?.[1])).toBeGreaterThan(120);
});

test('a failure outside of the app is logged, and is a 500', async () => {
  const { url } = await start(() => Promise.reject(new Error('secret')));
  const answer = await fetch(url);
  expect([answer.status, await answer.json()]).toEqual([
    500,
    { type: 'about:blank', title: 'Internal Server Error', status: 500 },
  ]);
  await expect
    .poll(() => logged)
    .toMatchObject([
      { event: 'request_failed', cause: { message: 'secret' } },
      { event: 'request' },
    ]);
});

describe('a stop', () => {
  test('waits for answers in flight, accepts no new request, and does not wait for idle connections', async () => {
    let slow = 0;
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { url, stop } = await start(async (request) => {
      if (request.url.endsWith('/slow')) {
        if (++slow === 3) {
          asked.resolve();
        }
        await answered.promise;
      }
      return new Response('whole');
    });
    await (await fetch(url)).text(); // Leaves an idle keep-alive connection open.
    const idle = await open();
    const inFlight = fetch(`${url}/slow`);
    const kept = await open();
    let received = '';
    kept.on('data', (chunk: Buffer) => (received += chunk.toString()));
    const ended = new Promise((resolve) => kept.once('close', resolve));
    kept.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await asked.promise;
    const stopped = stop(2 ** 31 - 1); // A stop that waited for idle connections would never end.
    await expect(open()).rejects.toThrow('ECONNREFUSED');
    answered.resolve();
    expect(await (await inFlight).text()).toBe('whole');
    await Promise.all([stopped, ended]);
    // Two answers, and only the last says that the connection closes.
    expect(received).toMatch(
      /^HTTP\/1\.1 200 (?:(?!close)[\s\S])*whole\s*HTTP\/1\.1 200 [\s\S]*\r\nConnection: close\r\n[\s\S]*whole\s*$/i,
    );
    idle.destroy();
    server = undefined;
  });

  test('cuts off the answers in flight after its time limit, and logs them before its end', async () => {
    const { stream, taken } = createEndless();
    const { url, stop } = await start(() => new Response(stream));
    const { body } = await fetch(url);
    const reading = new Response(body).arrayBuffer();
    const began = performance.now();
    const lines = stop(300).then(() => [...logged]);
    await expect(reading).rejects.toThrow('terminated');
    expect(await lines).toMatchObject([{ event: 'request', left: true }]);
    expect(performance.now() - began).toBeGreaterThan(290);
    await expect.poll(() => taken.cancelled).toBe(true);
    server = undefined;
  });
});
