/**
 * Tests the image without building it: the first stage's build from the build context alone, and
 * the second stage's commands. dev/build-image.sh builds and runs it, in the gate.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startServer } from '../support/hosts/node-server.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCKERFILE = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');

let scratch: string;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'digitmint-image-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Runs a command with the given environment only. */
function runBare(args: readonly string[], cwd: string, env: Record<string, string> = {}) {
  return spawnSync(process.execPath, args, {
    cwd,
    env: { PATH: '/usr/bin:/bin', ...env },
    encoding: 'utf8',
  });
}

test('the image is built from the files that .dockerignore allows, with the same bytes', () => {
  const context = join(scratch, 'src');
  const [everything, ...kept] = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(everything).toBe('*');
  for (const line of kept) {
    expect(line).toMatch(/^![a-zA-Z0-9./-]+$/);
    cpSync(join(ROOT, line.slice(1)), join(context, line.slice(1)), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(context, 'node_modules')); // As `npm ci` makes it.
  expect(DOCKERFILE).toContain('RUN node dev/build/main.ts server /app\n');
  const built = join(scratch, 'app');
  expect(runBare(['dev/build/main.ts', 'server', built], context)).toMatchObject({
    status: 0,
    stderr: '',
  });
  const [ours, theirs] = [inject('serverFolder'), built].map((folder) =>
    readFileSync(join(folder, 'server.js'), 'utf8'),
  );
  expect(theirs === ours).toBe(true);
});

test('the image checks its health by its own command, does not run as root, and stops in time', async () => {
  const [, command] = /^HEALTHCHECK .*\\\n\s+CMD (\[.*\])$/m.exec(DOCKERFILE) ?? [];
  const [program, ...args] = JSON.parse(command ?? '[]') as string[];
  expect(program).toBe('node');
  expect(DOCKERFILE).toMatch(/\nUSER 1000:1000\n/);
  expect(DOCKERFILE).toMatch(/\nCMD \["node", "server\.js"\]\n$/);
  const environment =
    /^ENV (.*)$/m
      .exec(DOCKERFILE)?.[1]
      ?.split(' ')
      .map((pair) => pair.split('=') as [string, string]) ?? [];
  const server = await startServer({ env: { ...Object.fromEntries(environment), PORT: '0' } });
  for (const PORT of [server.url.port, ` ${server.url.port} `]) {
    expect(runBare(args, scratch, { PORT })).toMatchObject({ status: 0, stderr: '' });
  }
  expect(args.at(-1)).toContain(`|| ${/ PORT=(\d+)$/m.exec(DOCKERFILE)?.[1]}}/healthz`);
  expect(await server.stop()).toBe(0);
  expect(runBare(args, scratch, { PORT: server.url.port }).status).toBe(1);
});
