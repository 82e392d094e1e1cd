/**
 * The launcher, in small projects of its own with a local dependency: what a fresh machine does, without the registry.
 */
import { execFile, spawn } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const launcher = fileURLToPath(new URL('../launch.mjs', import.meta.url));

let project: string;
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'digitmint-launch-'));
  await copyFile(launcher, join(project, 'launch.mjs'));
  await mkdir(join(project, 'local'));
  await writeFile(
    join(project, 'local', 'package.json'),
    JSON.stringify({ name: 'local', version: '1.0.0', type: 'module', main: 'main.js' }),
  );
  await writeFile(join(project, 'local', 'main.js'), 'export const answer = 42;\n');
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'p', type: 'module', dependencies: { local: 'file:./local' } }),
  );
  await writeFile(
    join(project, 'package-lock.json'),
    JSON.stringify({
      name: 'p',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': { name: 'p', dependencies: { local: 'file:./local' } },
        local: { version: '1.0.0' },
        'node_modules/local': { resolved: 'local', link: true },
      },
    }),
  );
});
afterEach(() => rm(project, { recursive: true, force: true }));

function launch(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['launch.mjs', ...args],
      { cwd: project },
      (error, stdout, stderr) => {
        resolve({ code: Number(error?.code ?? 0), stdout, stderr });
      },
    );
  });
}

describe('the launcher', () => {
  it('installs what is missing, once, and passes arguments and exit status on', async () => {
    await writeFile(
      join(project, 'program.ts'),
      "import { answer } from 'local';\nconst text: string = process.argv.slice(2).join('|');\nconsole.log(answer, text);\nprocess.exitCode = 7;\n",
    );
    const first = await launch('program.ts', 'a b', '--c');
    expect(first).toMatchObject({ code: 7, stdout: '42 a b|--c\n' });
    expect(first.stderr).toContain('Installing dependencies, once');
    const second = await launch('program.ts');
    expect(second).toMatchObject({ code: 7, stdout: '42 \n', stderr: '' });
  });

  it('installs again when the lock file asks for another version', async () => {
    await writeFile(join(project, 'program.ts'), 'console.log(1);\n');
    await launch('program.ts');
    const lock = join(project, 'package-lock.json');
    await writeFile(
      join(project, 'local', 'package.json'),
      JSON.stringify({ name: 'local', version: '2.0.0', type: 'module', main: 'main.js' }),
    );
    await writeFile(lock, (await readFile(lock, 'utf8')).replace('"1.0.0"', '"2.0.0"'));
    expect((await launch('program.ts')).stderr).toContain('Installing dependencies');
  });

  it('says so when the installation fails', async () => {
    await writeFile(
      join(project, 'package.json'),
      '{ "name": "p", "dependencies": { "local": "9.9.9" } }',
    );
    const { code, stderr } = await launch('program.ts');
    expect(code).toBe(1);
    expect(stderr).toContain('`npm ci` failed: see above');
  });

  it('waits for the program to end as it likes after Ctrl-C', async () => {
    await writeFile(
      join(project, 'program.ts'),
      "process.on('SIGINT', () => setTimeout(() => { console.log('ended well'); process.exit(3); }, 100));\nsetInterval(() => {}, 1000);\nconsole.log('up');\n",
    );
    const child = spawn(process.execPath, ['launch.mjs', 'program.ts'], {
      cwd: project,
      detached: true,
    });
    let output = '';
    const ended = new Promise((resolve) => child.on('exit', resolve));
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output === 'up\n') {
        // To the whole group, as a terminal does.
        process.kill(-(child.pid as number), 'SIGINT');
      }
    });
    expect(await ended).toBe(3);
    expect(output).toBe('up\nended well\n');
  });

  it('passes SIGTERM on', async () => {
    await writeFile(
      join(project, 'program.ts'),
      "setInterval(() => {}, 1000);\nconsole.log('up');\n",
    );
    const child = spawn(process.execPath, ['launch.mjs', 'program.ts'], { cwd: project });
    child.stdout.on('data', () => child.kill('SIGTERM'));
    expect(
      await new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal ?? code))),
    ).toBe('SIGTERM');
  });
});
