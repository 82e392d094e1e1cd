/**
 * The launcher, in small projects of its own with a local dependency: what a fresh machine does,
 * without the registry. Then the programs that it starts here.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startServer } from './support/hosts/node-server.ts';

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

/** Makes the project one without dependencies, which needs no installation. */
async function dropDependencies(): Promise<void> {
  await mkdir(join(project, 'node_modules'));
  for (const file of ['package-lock.json', 'node_modules/.package-lock.json']) {
    await writeFile(join(project, file), '{ "packages": {} }');
  }
}

function launch(
  args: string[],
  env: Record<string, string | undefined> = {},
  cwd = project,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['launch.mjs', ...args],
      { cwd, env: { ...process.env, ...env } },
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
    const first = await launch(['program.ts', 'a b', '--c']);
    expect(first).toMatchObject({ code: 7, stdout: '42 a b|--c\n' });
    expect(first.stderr).toContain('Installing dependencies, once');
    const second = await launch(['program.ts']);
    expect(second).toMatchObject({ code: 7, stdout: '42 \n', stderr: '' });
  });

  it('installs again when the lock file asks for another version', async () => {
    await writeFile(join(project, 'program.ts'), 'console.log(1);\n');
    await launch(['program.ts']);
    const lock = join(project, 'package-lock.json');
    await writeFile(
      join(project, 'local', 'package.json'),
      JSON.stringify({ name: 'local', version: '2.0.0', type: 'module', main: 'main.js' }),
    );
    await writeFile(lock, (await readFile(lock, 'utf8')).replace('"1.0.0"', '"2.0.0"'));
    expect((await launch(['program.ts'])).stderr).toContain('Installing dependencies');
    // Node itself is such a package, one for each platform.
    const optional = (await readFile(lock, 'utf8')).replace('"2.0.0"', '"3.0.0","optional":true');
    await writeFile(lock, optional);
    expect((await launch(['program.ts'])).stderr).toContain('Installing dependencies');
  });

  it('installs again after a full disk cut the list of what is installed', async () => {
    await writeFile(join(project, 'program.ts'), 'console.log(1);\n');
    await mkdir(join(project, 'node_modules'));
    await writeFile(join(project, 'node_modules', '.package-lock.json'), '{ "packa');
    const { code, stderr } = await launch(['program.ts']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Installing dependencies')]);
  });

  it('waits while another process installs, and not for a killed one', async () => {
    await writeFile(join(project, 'program.ts'), "console.log('up');\n");
    const lock = join(project, '.digitmint', 'installing');
    await mkdir(join(project, '.digitmint'));
    await writeFile(lock, String(spawnSync(process.execPath, ['--version']).pid));
    const first = await launch(['program.ts']);
    expect(first).toMatchObject({ code: 0, stdout: 'up\n' });
    // Killed before it wrote its number. Nor does it matter which package manager starts it.
    await writeFile(lock, '');
    await utimes(lock, 1, 1);
    await rm(join(project, 'node_modules'), { recursive: true });
    const byYarn = await launch(['program.ts'], { npm_execpath: '/usr/lib/yarn.js' });
    expect(byYarn).toMatchObject({ code: 0, stdout: 'up\n' });
    const installed = join(project, 'node_modules', '.package-lock.json');
    const list = await readFile(installed);
    await rm(installed);
    await writeFile(lock, String(process.pid));
    const child = spawn(process.execPath, ['launch.mjs', 'program.ts'], { cwd: project });
    const told = await new Promise<string>((resolve) =>
      child.stderr.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    expect(told).toContain(`Process ${process.pid} installs the dependencies`);
    await writeFile(installed, list);
    await rm(lock);
    expect(await readText(child.stdout)).toBe('up\n');
    await expect(readFile(lock)).rejects.toThrow('ENOENT');
  });

  it('says so when the installation fails', async () => {
    await writeFile(
      join(project, 'package.json'),
      '{ "name": "p", "dependencies": { "local": "9.9.9" } }',
    );
    const { code, stderr } = await launch(['program.ts']);
    expect(code).toBe(1);
    expect(stderr).toContain('`npm ci` failed: see above');
  });

  it('waits for the program to end as it likes after Ctrl-C', async () => {
    await dropDependencies();
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
    await dropDependencies();
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

  it('installs all dependencies on a machine that is set up for production', async () => {
    for (const file of ['package.json', 'package-lock.json']) {
      const path = join(project, file);
      const text = (await readFile(path, 'utf8')).replace('"dependencies"', '"devDependencies"');
      await writeFile(path, text.replace('"link":true', '"link":true,"dev":true'));
    }
    await writeFile(
      join(project, 'program.ts'),
      "import { answer } from 'local';\nconsole.log(answer, process.env['NODE_ENV'], process.env['npm_config_omit']);\n",
    );
    const production = { NODE_ENV: 'production', npm_config_omit: 'dev optional' };
    const { stdout } = await launch(['program.ts'], production);
    expect(stdout).toBe('42 undefined undefined\n');
  });

  it('installs in a folder that another project calls a workspace', async () => {
    await writeFile(
      join(project, 'program.ts'),
      "import { answer } from 'local';\nconsole.log(answer);\n",
    );
    const outer = await mkdtemp(join(tmpdir(), 'digitmint-outer-'));
    await cp(project, join(outer, 'inner'), { recursive: true });
    await writeFile(join(outer, 'package.json'), '{ "name": "outer", "workspaces": ["*"] }');
    const { stdout } = await launch(['program.ts'], {}, join(outer, 'inner'));
    await rm(outer, { recursive: true });
    expect(stdout).toBe('42\n');
  });

  it('sends requests to this machine past a proxy', async () => {
    await dropDependencies();
    await writeFile(
      join(project, 'program.ts'),
      `import { createServer } from 'node:http';
       const server = createServer((_, response) => response.end('answered')).listen(0, 'localhost');
       await new Promise((resolve) => server.once('listening', resolve));
       const answer = await fetch('http://localhost:' + server.address().port);
       console.log(await answer.text(), process.env.NO_PROXY);
       process.exit();`,
    );
    const proxy = {
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: 'a.example',
    };
    const { stdout } = await launch(['program.ts'], { ...proxy, no_proxy: undefined });
    expect(stdout).toBe('answered a.example,localhost,127.0.0.1,::1\n');
  });

  it('works with a home folder that cannot be written', async () => {
    await writeFile(join(project, 'program.ts'), "console.log(process.env['XDG_CONFIG_HOME']);\n");
    const home = join(project, 'package.json', 'home'); // Below a file: not even root can make it.
    const { code, stdout } = await launch(['program.ts'], {
      HOME: home,
      npm_config_cache: join(home, '.npm'),
      XDG_CONFIG_HOME: undefined,
    });
    expect([code, stdout]).toEqual([0, `${join(project, '.digitmint', 'config')}\n`]);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('ends the program when npm gets %s', async (signal) => {
    await writeFile(
      join(project, 'package.json'),
      '{ "type": "module", "scripts": { "go": "exec node launch.mjs program.ts" } }',
    );
    await dropDependencies();
    await writeFile(
      join(project, 'program.ts'),
      `process.on('${signal}', () => { console.log('once'); setTimeout(() => process.exit(0), 1000); });\nsetInterval(() => {}, 1000);\nconsole.log(process.pid);\n`,
    );
    for (const isGroup of [false, true]) {
      const child = spawn('npm', ['run', '--silent', 'go'], {
        cwd: project,
        detached: true,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (/^\d+\n$/.test(output)) {
          process.kill(isGroup ? -(child.pid as number) : (child.pid as number), signal);
        }
      });
      await new Promise((resolve) => child.on('close', resolve));
      const [pid = '', ...received] = output.trimEnd().split('\n');
      // The program gets a signal to the whole group itself, and copies of it.
      expect(isGroup ? received.slice(0, 1) : received).toEqual(['once']);
      expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
    }
  });

  it('says that tests cannot run where vitest cannot', async () => {
    const folder = join(project, 'a#b');
    await mkdir(folder);
    await copyFile(launcher, join(folder, 'launch.mjs'));
    const program = 'node_modules/vitest/vitest.mjs';
    const { code, stderr } = await launch([program], {}, folder);
    expect([code, stderr]).toEqual([1, expect.stringContaining('# and ? in a path') as unknown]);
  });
});

it('npm start refuses a HOST where nothing on this machine would reach it', async () => {
  const program = fileURLToPath(new URL('../dev/start.ts', import.meta.url));
  const options = { env: { PATH: process.env['PATH'], HOST: '192.0.2.1' } };
  const failure = await new Promise<string>((resolve) => {
    execFile(process.execPath, [program], options, (_error, _stdout, stderr) => resolve(stderr));
  });
  expect(failure).toMatch(
    /digitmint: HOST is "192\.0\.2\.1", expected one of localhost, 127\.0\.0\.1/,
  );
});

it('npm run serve becomes the server, with its flags and without the memory of the bundler', async () => {
  const script = fileURLToPath(new URL('../dev/serve.ts', import.meta.url));
  const args = ['--security-contact', 'mailto:a@b.example'];
  const server = await startServer({ script, args });
  const answer = await server.fetch('/.well-known/security.txt');
  expect(await answer.text()).toContain('Contact: mailto:a@b.example');
  expect((await server.fetch('/digit.png')).headers.get('digitmint-model-source')).toBe('bundled');
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${server.child.pid}/status`, 'utf8');
    // A tenth of a gigabyte; with wrangler it was three times as much.
    expect(Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1])).toBeLessThan(200 * 1024);
  }
  expect(await server.stop()).toBe(0);
});
