/**
 * vegeta asks a server many things at once: as often as told, whether answers come or not (so that what waits is counted as
 * waiting), or as fast as answers come. Written in Go, and compiled to .digitmint/bin on first use.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../shared/expected-error.ts';
import { quoteLastLines, runCommand } from '../trainer/tensorflow/setup/command.ts';

export const VEGETA_VERSION = 'v12.13.0';
const MODULE = 'github.com/tsenart/vegeta/v12';
const FOLDER = join(import.meta.dirname, '../.digitmint/bin');
const PROGRAM = join(FOLDER, 'vegeta');

/** vegeta cannot be had here, or failed. The message says why and what to do. */
export class VegetaError extends ExpectedError {
  override name = 'VegetaError' as const;
}

/** One kind of request. */
export interface Target {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Attack {
  /** Asked in turn. */
  readonly targets: readonly Target[];
  /** Requests a second, or as many as `connections` at once bring. */
  readonly rate: number | 'most';
  readonly seconds: number;
  readonly connections: number;
  /** It shall keep to this core; it may move when undefined. */
  readonly core?: number | undefined;
}

export interface AttackResult {
  readonly requests: number;
  /** Answers a second. */
  readonly throughput: number;
  /** Answers of each status; 0 where none came. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Milliseconds. */
  readonly latency: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
}

/** @throws VegetaError  When Go or the network is missing. */
export async function prepareVegeta(log: (line: string) => void): Promise<void> {
  if (existsSync(PROGRAM)) {
    const found = await runCommand('go', ['version', '-m', PROGRAM], { env: process.env });
    if (found?.stdout.includes(`${MODULE}\t${VEGETA_VERSION}`) === true) {
      return;
    }
  }
  log(`Compiling vegeta ${VEGETA_VERSION} to .digitmint/bin, once…`);
  const installed = await runCommand(
    'go',
    ['install', '-trimpath', `${MODULE}@${VEGETA_VERSION}`],
    {
      env: { ...process.env, GOBIN: FOLDER, CGO_ENABLED: '0' },
    },
  );
  if (installed?.status !== 0) {
    const said =
      installed === undefined
        ? '    (there is no go on the PATH; see https://go.dev/doc/install)'
        : quoteLastLines(installed);
    throw new VegetaError(`vegeta could not be compiled. It said:\n${said}`);
  }
}

/** Asks. @throws VegetaError  When vegeta fails; answers with errors are no failure. */
export async function attack({
  targets,
  rate,
  seconds,
  connections,
  core,
}: Attack): Promise<AttackResult> {
  const folder = await mkdtemp(join(tmpdir(), 'digitmint-load-'));
  try {
    const [list, results] = [join(folder, 'targets'), join(folder, 'results')];
    await writeFile(list, targets.map(describeTarget).join('\n'));
    await run(
      [
        'attack',
        `-targets=${list}`,
        `-output=${results}`,
        `-duration=${seconds}s`,
        `-connections=${connections}`,
        `-max-connections=${connections}`,
        ...(rate === 'most'
          ? ['-rate=0', `-max-workers=${connections}`]
          : [`-rate=${Math.round(rate * 60)}/1m`]),
        // Bodies are read to their end, and not kept.
        '-max-body=0',
      ],
      core,
    );
    const report = JSON.parse(await run(['report', '-type=json', results])) as {
      requests: number;
      throughput: number;
      status_codes: Record<string, number>;
      latencies: { '50th': number; '99th': number; max: number };
    };
    const plot = await run(['report', '-type=hdrplot', results]);
    const p999 = plot
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
      .find(([, percentile = NaN]) => percentile >= 0.999)?.[0];
    const { latencies } = report;
    return {
      requests: report.requests,
      throughput:
        Object.values(report.status_codes).reduce((sum, count) => sum + count, 0) / seconds,
      statuses: report.status_codes,
      latency: {
        p50: latencies['50th'] / 1e6,
        p99: latencies['99th'] / 1e6,
        p999: p999 ?? NaN,
        max: latencies.max / 1e6,
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function describeTarget({ url, headers = {} }: Target): string {
  return [
    `GET ${url}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    '',
  ].join('\n');
}

function run(args: readonly string[], core?: number): Promise<string> {
  const command =
    core === undefined ? [PROGRAM, ...args] : ['taskset', '-c', String(core), PROGRAM, ...args];
  return new Promise((resolve, reject) => {
    const [program, ...rest] = command as [string, ...string[]];
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    child.on('error', reject);
    child.on('close', (status) =>
      status === 0
        ? resolve(output.stdout)
        : reject(new VegetaError(`vegeta ${args[0]} failed:\n${output.stderr}`)),
    );
  });
}
