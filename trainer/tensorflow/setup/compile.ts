/**
 * Compiles tfjs-node's binding, which comes as two C++ files inside the package, against N-API and libtensorflow.
 */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { quoteLastLines, runCommand } from './command.ts';
import { isDiskFull, SetUpProblem } from './problem.ts';

/** The N-API version of the binding: Node 12.22 and everything newer has it, so one binding fits every Node. */
export const NAPI_VERSION = 8;

/** A compiler as the words of its command line. */
export type Compiler = readonly [string, ...string[]];

/**
 * Finds a C++ compiler: $CXX if it is set (it may hold arguments), else g++, c++ or clang++.
 *
 * @returns  Undefined when there is none that runs.
 */
export async function findCompiler(env: NodeJS.ProcessEnv): Promise<Compiler | undefined> {
  const wanted = env['CXX']?.trim();
  const candidates = wanted ? [wanted.split(/\s+/)] : [['g++'], ['c++'], ['clang++']];
  for (const [command = '', ...args] of candidates) {
    const result = await runCommand(command, [...args, '--version'], { env });
    if (result?.status === 0) {
      return [command, ...args];
    }
  }
  return undefined;
}

/**
 * Finds N-API's headers, without the download that node-gyp would make: every Node but some distributions' brings them.
 *
 * @param nodeModules  This project's node_modules: the npm packages of Node have the headers too.
 */
export function findNodeHeaders(nodeModules: string): string | undefined {
  const candidates = [
    join(dirname(dirname(process.execPath)), 'include', 'node'),
    join(nodeModules, `node-${process.platform}-${process.arch}`, 'include', 'node'),
    '/usr/include/node',
    '/usr/include/nodejs/src',
  ];
  return candidates.find((folder) => existsSync(join(folder, 'node_api.h')));
}

export interface CompileOptions {
  readonly compiler: Compiler;
  readonly nodeHeaders: string;
  /** tfjs-node's folder, with the sources. */
  readonly packageFolder: string;
  /** Holds `lib` and `include` of libtensorflow. */
  readonly depsFolder: string;
  /** The file to write. */
  readonly output: string;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Compiles the binding. Takes about 5 s.
 *
 * @throws SetUpProblem  When the compiler fails, with its own last lines.
 */
export async function compileBinding(options: CompileOptions): Promise<void> {
  const { compiler, nodeHeaders, packageFolder, depsFolder, output, env } = options;
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((file) =>
    join(packageFolder, 'binding', file),
  );
  const libraries = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
  const [command, ...args] = compiler;
  args.push('-O2', '-fPIC', '-shared', '-std=c++17');
  args.push(`-DNAPI_VERSION=${NAPI_VERSION}`, '-DNODE_GYP_MODULE_NAME=tfjs_binding');
  args.push('-I', nodeHeaders, '-I', join(depsFolder, 'include'), ...sources, '-o', output);
  args.push(...libraries.map((file) => join(depsFolder, 'lib', file)));
  // From lib/napi-v8/, where tfjs-node looks for the binding.
  args.push('-Wl,-rpath,$ORIGIN/../../deps/lib');
  await mkdir(dirname(output), { recursive: true });
  const result = await runCommand(command, args, { env });
  if (result?.status !== 0) {
    const said = result === undefined ? `    ${command} is gone` : quoteLastLines(result, 20);
    throw new SetUpProblem(
      isDiskFull(said)
        ? `The disk of ${output} is full: free some room and run this again.`
        : `${compiler.join(' ')} could not compile tfjs-node's binding; it needs C++17 (g++ 8 or newer). It said:\n${said}`,
    );
  }
}
