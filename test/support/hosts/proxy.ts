/**
 * The proxies of docs/self-host.md, run from the page's own text. Only addresses, the host's name,
 * and the places of the cache and of the certificate are replaced.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request, type RequestOptions } from 'node:https';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCommands } from '../clients/installed.ts';

const PAGE = readFileSync(
  fileURLToPath(new URL('../../../docs/self-host.md', import.meta.url)),
  'utf8',
);
/** The host's name and the server's address, as the page writes them. */
const [NAME, SERVER] = ['digits.example.org', '127.0.0.1:8787'];

export type ProxyName = 'nginx' | 'caddy';

export const hasProxy = (name: ProxyName) => hasCommands(name, 'openssl');

/** Reads the page's code block in a language. */
function readExample(language: string): string {
  const [, text] = new RegExp(`\n\`\`\`${language}\n(.*?)\n\`\`\`\n`, 's').exec(PAGE) ?? [];
  if (text === undefined) {
    throw new Error(`docs/self-host.md has no example in ${language}`);
  }
  return text;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface TestProxy {
  /** `https://localhost:PORT` */
  readonly origin: string;
  readonly ask: (path: string, headers?: Record<string, string>) => Promise<Answer>;
  readonly stop: () => Promise<void>;
}

interface ProxyOptions {
  readonly port: number;
  /** Where the server listens. */
  readonly server: URL;
  /** Changes the page's text as its reader would. */
  readonly edit?: (config: string) => string;
}

/** Starts a proxy as the page configures it. */
export async function startProxy(
  name: ProxyName,
  { port, server, edit = (config) => config }: ProxyOptions,
): Promise<TestProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'digitmint-proxy-'));
  const certificate = createCertificate(folder);
  const config = edit(readExample(name)).replaceAll(SERVER, server.host);
  const file = join(folder, 'config');
  const run = { nginx: runNginx, caddy: runCaddy }[name];
  const child = run(config, { folder, file, port });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const agent = new Agent({ keepAlive: true });
  const stop = async (): Promise<void> => {
    agent.destroy();
    child.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const options = { agent, host: '127.0.0.1', port, servername: 'localhost', ca: certificate };
  const ask: TestProxy['ask'] = (path, headers = {}) =>
    sendRequest({ ...options, path, headers: { host: `localhost:${port}`, ...headers } });
  while (child.exitCode === null && child.signalCode === null) {
    const isUp = await ask('/healthz').then(
      () => true,
      () => false,
    );
    if (isUp) {
      return { origin: `https://localhost:${port}`, ask, stop };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error(`${name} did not start: ${said}`);
}

interface Places {
  readonly folder: string;
  readonly file: string;
  readonly port: number;
}

function runNginx(config: string, { folder, file, port }: Places): ChildProcess {
  const http = config
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    .replaceAll(`/etc/ssl/${NAME}`, join(folder, 'tls'))
    .replace('/var/cache/nginx/digitmint', join(folder, 'cache'))
    .replaceAll(NAME, 'localhost');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(folder, kind)};`,
  );
  // The user must be able to enter the folder, which is this user's alone.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  writeFileSync(
    file,
    `${user} daemon off; pid ${join(folder, 'pid')}; error_log stderr; events {}
    http { access_log off; ${temporary.join(' ')}\n${http}\n}\n`,
  );
  return spawn('nginx', ['-e', 'stderr', '-p', folder, '-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

function runCaddy(config: string, { folder, file, port }: Places): ChildProcess {
  const site = config.replace(
    `${NAME} {`,
    `https://localhost:${port} {\n\ttls ${join(folder, 'tls.pem')} ${join(folder, 'tls.key')}`,
  );
  const globals = '{\n\tadmin off\n\tauto_https off\n}\n';
  writeFileSync(file, `${globals}${site}\n`);
  mkdirSync(join(folder, 'home'));
  return spawn('caddy', ['run', '--config', file, '--adapter', 'caddyfile'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: join(folder, 'home') },
  });
}

/** Writes `tls.key` and `tls.pem`, and returns the certificate. */
function createCertificate(folder: string): Buffer {
  const [key, certificate] = [join(folder, 'tls.key'), join(folder, 'tls.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const out = ['-keyout', key, '-out', certificate, '-days', '1'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, ...out], { stdio: 'ignore' });
  return readFileSync(certificate);
}

function sendRequest(options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    call.on('error', reject).end();
  });
}
