/**
 * The command line of the installed package: the bytes of the real worker, on every Node at hand;
 * what it refuses, and where.
 */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { PNG } from 'pngjs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { POINTER_KEY } from '../../shared/model/artifact.ts';
import { hasCommands } from '../support/clients/installed.ts';
import { buildFixture, buildPointer, writeModel } from '../support/models/fixture-artifact.ts';
import {
  installClient,
  listNodes,
  type InstalledClient,
} from '../support/hosts/installed-client.ts';
import { putArtifact, startWorker, type TestWorker } from '../support/hosts/workerd.ts';

const pets = buildFixture({
  name: 'pets',
  alter: (content) => ({ ...content, classes: [...'abcdefghij'] }),
});

let worker: TestWorker;
let client: InstalledClient;
let folder: string;
beforeAll(async () => {
  [worker, client] = await Promise.all([
    startWorker(async (bucket) => {
      await putArtifact(bucket, pets);
      await bucket.put(POINTER_KEY, buildPointer(pets));
    }),
    installClient(),
  ]);
});
afterAll(async () => {
  await worker.close();
  await client.remove();
});
beforeEach(async () => {
  folder = join(client.folder, 'work');
  await mkdir(folder);
});
afterEach(() => rm(folder, { recursive: true }));

/** The system's Node, which may be older, draws each format. The tests' own Node does the rest. */
const SYSTEM_NODE = listNodes().at(-1);

const MAX_OUTPUT = 64 * 1024 * 1024;

interface Ended {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

function run(args: readonly string[]): Promise<Ended> {
  const cli = join(client.path, 'cli.js');
  return new Promise((resolve) => {
    const options = { cwd: folder, encoding: 'buffer', maxBuffer: MAX_OUTPUT } as const;
    execFile(process.execPath, [cli, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr: stderr.toString() }),
    );
  });
}

/** Runs commands one after the other, and prints how each ended as JSON. */
const IN_ONE = `
const [cli, ...commands] = process.argv.slice(1);
const { stdout, stderr } = process;
[stdout, stderr].forEach((stream) => stream.setMaxListeners(0));
const print = stdout.write.bind(stdout);
const ended = [];
for (const [i, command] of commands.entries()) {
  const [written, told] = [[], []];
  stdout.write = (part) => written.push(Buffer.from(part)) > 0;
  stderr.write = (part) => told.push(Buffer.from(part)) > 0;
  process.argv = [process.execPath, cli, ...command.split(' ')];
  process.exitCode = 0;
  await import(cli + '?' + i);
  ended.push({
    code: process.exitCode,
    base64: Buffer.concat(written).toString('base64'),
    stderr: Buffer.concat(told).toString(),
  });
}
process.exitCode = 0;
print(JSON.stringify(ended));`;

/** Runs commands in one process, whose start takes longer than they do. */
async function runInOne(
  commands: readonly string[],
  node = process.execPath,
  cwd = client.folder,
): Promise<ReadonlyMap<string, Ended>> {
  const cli = pathToFileURL(join(client.path, 'cli.js')).href;
  const args = ['--input-type=module', '--eval', IN_ONE, cli, ...commands];
  const options = { cwd, maxBuffer: MAX_OUTPUT };
  const { stdout } = await promisify(execFile)(node, args, options);
  const ended = JSON.parse(stdout) as readonly (Omit<Ended, 'stdout'> & { base64: string })[];
  return new Map(
    ended.map(({ base64, ...rest }, i) => [
      commands[i] as string,
      { ...rest, stdout: Buffer.from(base64, 'base64') },
    ]),
  );
}

/** Runs commands that need no process of their own in the test's folder. */
async function runEach<const Commands extends readonly string[]>(...commands: Commands) {
  const ended = await runInOne(commands, process.execPath, folder);
  return commands.map((command) => ended.get(command)) as { [I in keyof Commands]: Ended };
}

const writePets = (): Promise<void> => writeModel(join(folder, 'my-pets'), pets);

async function getBytes(path: string): Promise<Buffer> {
  const answer = await worker.fetch(path);
  expect([path, answer.status]).toEqual([path, 200]);
  return Buffer.from(await answer.arrayBuffer());
}

/** A seven on light paper, as a PNG of 84 x 84 pixels. */
function writeSeven(): Buffer {
  const png = new PNG({ width: 84, height: 84 });
  png.data.fill(255);
  for (let y = 14; y < 70; y++) {
    const middle = y < 22 ? [22, 62] : [62 - (y - 14) * 0.5 - 8, 62 - (y - 14) * 0.5];
    for (let x = Math.round(middle[0] as number); x < (middle[1] as number); x++) {
      png.data.fill(0, (y * 84 + x) * 4, (y * 84 + x) * 4 + 3);
    }
  }
  return PNG.sync.write(png);
}

test('hand reads a picture, and writes numbers in it as the worker does', async () => {
  await writeFile(join(folder, 'seven.png'), writeSeven());
  const read = await run(['hand', 'seven.png', '--refine', '2']);
  expect([read.code, read.stderr]).toEqual([
    0,
    expect.stringMatching(
      /^digitmint: read as 7 \(\d+% sure\); redrawn, it differs by [\d.]+ of 255 grey levels\n$/,
    ),
  ]);
  const hand = read.stdout.toString().trim();
  const answer = await worker.fetch('/hand?model=digits&refine=2', {
    method: 'POST',
    body: writeSeven() as Uint8Array<ArrayBuffer>,
  });
  expect(await answer.json()).toMatchObject({ hand });
  const drawn = await run(['--number', '2026', '--hand', hand, '--format', 'png']);
  expect(drawn.stdout).toEqual(await getBytes(`/number/2026.png?hand=${hand}`));
});

test('hand reads several digits of one person, each guessed or with its label', async () => {
  await writeFile(join(folder, 'seven.png'), writeSeven());
  await writeFile(join(folder, '7=x.png'), writeSeven());
  const read = await run(['hand', '7=seven.png', '7=x.png', '--refine', '1']);
  expect([read.code, read.stderr]).toEqual([
    0,
    expect.stringMatching(/^(digitmint: read as 7 .*\n){2}$/),
  ]);
  const form = new FormData();
  form.append('7', new Blob([writeSeven() as Uint8Array<ArrayBuffer>]));
  form.append('picture', new Blob([writeSeven() as Uint8Array<ArrayBuffer>]));
  const sent = { method: 'POST', body: form };
  const answer = await worker.fetch('/hand?model=digits&refine=1', sent);
  expect(await answer.json()).toMatchObject({ hand: read.stdout.toString().trim() });
});

test('hand says what it cannot read, and that a model has no encoder', async () => {
  await writePets();
  await writeFile(join(folder, 'empty.png'), '');
  await writeFile(join(folder, 'seven.png'), writeSeven());
  const [empty, none, bare] = await runEach(
    'hand empty.png',
    'hand none.png',
    'hand seven.png --model my-pets',
  );
  expect(empty.stderr).toContain('digitmint: empty.png is empty');
  expect(none.stderr).toContain('none.png cannot be read (no such file or directory)');
  expect([bare.code, bare.stderr]).toEqual([2, expect.stringContaining('has no encoder')]);
});

describe('draws the worker’s bytes', () => {
  const DRAWN: readonly [args: string, path: string][] = [
    ['7 --seed a', '/digit.png?label=7&seed=a'],
    [
      '--seed Ada --n 16 --scale 3 --gap 2 --margin 5 --cols 5 --format png',
      '/digit.png?seed=Ada&n=16&scale=3&gap=2&margin=5&cols=5',
    ],
    [
      '--seed Ada --fg 1d2430 --bg transparent --smooth --scale 4',
      '/digit.png?seed=Ada&fg=1d2430&bg=transparent&smooth=1&scale=4',
    ],
    [
      '--seed 😀 --dark-fg fff --dark-bg 000 --format svg',
      '/digit.svg?seed=%F0%9F%98%80&dark_fg=fff&dark_bg=000',
    ],
    ['--number 2026 --seed a --format svg', '/number/2026.svg?seed=a'],
    ['--n 4 --gap 1 --margin 2 --dpr 2 --seed a', '/digit.png?n=4&scale=2&gap=2&margin=4&seed=a'],
    ['--number -3.14 --seed a --scale 2', '/number/-3.14.png?scale=2&seed=a'],
    ['--number 007 --seed a --format npy', '/number/007.npy?seed=a'],
    ['--n 3 --start 9 --seed b --format txt', '/digit.txt?n=3&start=9&seed=b'],
    ['--n 70 --seed b --format npy', '/digit.npy?n=70&seed=b'],
    ['--n 2 --seed b --json --base BASE', '/digit.json?n=2&seed=b'],
    ['--n 70 --seed b --format ndjson --base BASE', '/digit.ndjson?n=70&seed=b'],
    ['morph --digits 9876543210 --seed Ada --format gif', '/morph.gif?digits=9876543210&seed=Ada'],
    [
      'morph --n 3 --label 7 --start 4 --frames 6 --fps 30 --hold 0 --seed a --scale 2 --margin 3 --smooth --fg 1d2430 --bg transparent',
      '/morph.png?n=3&label=7&start=4&frames=6&fps=30&hold=0&seed=a&scale=2&margin=3&smooth=1&fg=1d2430&bg=transparent',
    ],
    ['dataset --n 70 --seed c --format idx', '/dataset.idx?n=70&seed=c'],
    [
      'dataset --n 70 --seed c --format npy --label 3 --start 4',
      '/dataset.npy?n=70&seed=c&label=3&start=4',
    ],
    ['dataset --n 70 --seed c --format npy --part labels', '/dataset.npy?n=70&seed=c&part=labels'],
    ['dataset --seed c --format csv --n 5', '/dataset.csv?n=5&seed=c'],
    ['dataset --seed c --format npz --n 70', '/dataset.npz?n=70&seed=c'],
    ['dataset --seed c --format parquet --n 70', '/dataset.parquet?n=70&seed=c'],
    ['dataset --seed c --format ndjson --n 5 --base BASE', '/dataset.ndjson?n=5&seed=c'],
  ];
  const insertBase = (args: string): string => args.replace('BASE', worker.url.href);

  let ended: ReadonlyMap<string, Ended>;
  beforeAll(async () => {
    ended = await runInOne(
      DRAWN.map(([args]) => insertBase(args)),
      SYSTEM_NODE,
    );
  });

  test.each(DRAWN)('%s', async (args, path) => {
    const { code, stdout, stderr } = ended.get(insertBase(args)) as Ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.equals(await getBytes(`${path}&model=digits`))).toBe(true);
  });

  test('the path of --base is in every URL', async () => {
    const { stdout } = await run([
      '--json',
      '--seed',
      'a',
      '--base',
      'https://example.org/digits/',
    ]);
    const { digits } = JSON.parse(stdout.toString()) as { digits: { url: string }[] };
    expect(digits[0]?.url).toMatch(/^https:\/\/example\.org\/digits\/digit\.png\?/);
  });

  test('without URLs of pictures that no service has', async () => {
    const strip = (digit: object) => ({ ...digit, url: undefined });
    const whole = {
      '--n 2 --seed b --json --latent': '/digit.json?n=2&seed=b&latent=1',
      '--number 7 --seed b --json': '/number/7.json?seed=b',
    };
    const lines = ['', 'dataset '].map((command) => `${command}--n 1 --seed b --format ndjson`);
    const drawn = await runInOne([...Object.keys(whole), ...lines]);
    const read = (args: string): unknown => JSON.parse(String(drawn.get(args)?.stdout));
    for (const [args, path] of Object.entries(whole)) {
      const own = read(args) as { digits: object[] };
      const { digits, ...head } = JSON.parse(
        (await getBytes(`${path}&model=digits`)).toString(),
      ) as { digits: object[] };
      expect(own).toEqual({ ...head, digits: digits.map(strip) });
      expect(own.digits[0]).not.toHaveProperty('url');
    }
    for (const args of lines) {
      expect(read(args)).not.toHaveProperty('url');
    }
  });

  test('of a model of one’s own', async () => {
    await writePets();
    const { stdout } = await run(['c', '--model', 'my-pets', '--seed', 'a', '--format', 'png']);
    expect(stdout.equals(await getBytes('/digit.png?label=c&seed=a'))).toBe(true);
    await writeFile(
      join(folder, 'my-pets', 'weights.bin'),
      new Uint8Array(pets.files.get('weights.bin')?.length ?? 0),
    );
    const broken = await run(['--model', 'my-pets', '--format', 'png']);
    expect([broken.code, broken.stderr]).toEqual([
      1,
      expect.stringMatching(
        /^digitmint: model pets@[0-9a-f]{16} does not draw: weights\.bin has SHA-256 /,
      ) as unknown,
    ]);
  });

  test('sets larger than the API’s, as one file', async () => {
    await writePets();
    const { code, stderr } = await run(
      'dataset --n 10003 --seed c --model my-pets --out digits.npy --labels labels.npy'.split(' '),
    );
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^digits\.npy: 10,003 samples, seed c, model pets@/) as unknown,
    ]);
    const npy = await readFile(join(folder, 'digits.npy'));
    expect(npy.toString('latin1', 10, 128)).toContain("'shape': (10003, 28, 28)");
    const ranges = [
      await getBytes('/dataset.idx?n=10000&seed=c'),
      await getBytes('/dataset.idx?n=3&start=10000&seed=c'),
    ];
    expect(npy.subarray(128).equals(Buffer.concat(ranges.map((idx) => idx.subarray(16))))).toBe(
      true,
    );
    const labels = await readFile(join(folder, 'labels.npy'));
    const last = await getBytes('/dataset.idx?n=3&start=10000&seed=c&part=labels');
    expect(labels.subarray(-3).equals(last.subarray(8))).toBe(true);
    expect(labels.toString('latin1', 10, 128)).toContain("'shape': (10003,)");

    const csv = (
      await run('dataset --n 10001 --seed c --format csv --label e --model my-pets'.split(' '))
    ).stdout.toString();
    const lines = csv.trimEnd().split('\n');
    expect([lines.length, lines.filter((line) => line.startsWith('label,')).length]).toEqual([
      10_002, 1,
    ]);
    const [, row] = (await getBytes('/dataset.csv?n=1&start=10000&seed=c&label=e'))
      .toString()
      .split('\n');
    expect(lines.at(-1)).toBe(row);
  });
});

describe('writes', () => {
  test('a file whose extension decides, and says what repeats it', async () => {
    const { code, stdout, stderr } = await run(['7', '--out', 'seven.png']);
    expect([code, stdout.length]).toEqual([0, 0]);
    const seed = /^seven\.png: seed ([\w-]{16}), model digits@[0-9a-f]{16}\n$/.exec(
      stderr,
    )?.[1] as string;
    const png = await readFile(join(folder, 'seven.png'));
    expect(PNG.sync.read(png).width).toBe(28);
    const [again] = await runEach(`7 --seed ${seed}`, '7 --out seven.svg', '7 --out seven --json');
    expect(again.stdout.equals(png)).toBe(true);
    expect(await readFile(join(folder, 'seven.svg'), 'utf8')).toMatch(/^<svg /);
    expect(JSON.parse(await readFile(join(folder, 'seven'), 'utf8'))).toMatchObject({ n: 1 });
  });

  test('a compressed set by the whole extension', async () => {
    const { code } = await run('dataset --n 70 --seed c --out d.idx.gz'.split(' '));
    const idx = gunzipSync(await readFile(join(folder, 'd.idx.gz')));
    expect([code, idx.equals(await getBytes('/dataset.idx?n=70&seed=c&model=digits'))]).toEqual([
      0,
      true,
    ]);
  });

  test('a loop by the extension too', async () => {
    for (const format of ['gif', 'png']) {
      const { code, stdout, stderr } = await run(
        `morph --digits 42 --frames 3 --seed a --out loop.${format}`.split(' '),
      );
      expect([code, stdout.length, stderr]).toEqual([
        0,
        0,
        expect.stringMatching(
          new RegExp(`^loop\\.${format}: seed a, model digits@[0-9a-f]{16}\n$`),
        ) as unknown,
      ]);
      const expected = await getBytes(`/morph.${format}?digits=42&frames=3&seed=a&model=digits`);
      expect((await readFile(join(folder, `loop.${format}`))).equals(expected)).toBe(true);
    }
  });

  test('a loop of a model of one’s own', async () => {
    await writePets();
    const { stdout } = await run(
      'morph --label c --n 2 --frames 3 --seed a --model my-pets'.split(' '),
    );
    expect(stdout.equals(await getBytes('/morph.png?label=c&n=2&frames=3&seed=a'))).toBe(true);
  });

  test('all of a file or nothing', async () => {
    await writeFile(join(folder, 'old.png'), 'old');
    const [refused, denied, labelled] = await runEach(
      '--scale 99 --out old.png',
      '--out nowhere/seven.png',
      'dataset --n 2 --out a.npy --labels nowhere/b.npy',
    );
    expect(refused.code).toBe(2);
    expect(await readFile(join(folder, 'old.png'), 'utf8')).toBe('old');
    expect([denied.code, denied.stderr]).toEqual([
      1,
      'digitmint: --out nowhere/seven.png: cannot be written (no such file or directory)\n',
    ]);
    expect(labelled.stderr).toContain('--labels nowhere/b.npy: cannot be written');
    expect(await readdir(folder)).toEqual(['old.png']);
    // Nor a second file that replaces the first one.
    await symlink('a.npy', join(folder, 'link.npy'));
    const linked = ['dataset', '--n', '2', '--out', 'a.npy', '--labels', 'link.npy'];
    expect((await run(linked)).stderr).toContain('two files, and --out is the same');
  });

  test.skipIf(process.platform === 'win32')('the file that a link names', async () => {
    await writeFile(join(folder, 'old.png'), 'old');
    await symlink('old.png', join(folder, 'link.png'));
    expect((await run(['7', '--seed', 'a', '--out', 'link.png'])).code).toBe(0);
    expect(await readlink(join(folder, 'link.png'))).toBe('old.png');
    expect(await readFile(join(folder, 'old.png'), 'latin1')).toContain('PNG');
    expect(await readdir(folder)).toEqual(['link.png', 'old.png']);
  });

  test('nothing when a signal ends it half-way', async () => {
    const cli = join(client.path, 'cli.js');
    const args = [cli, 'dataset', '--n', '200000', '--out', 'a.npy'];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' });
    const ended = once(child, 'exit');
    await expect.poll(() => readdir(folder)).toEqual([`a.npy.${child.pid}.part`]);
    child.kill('SIGINT');
    expect(await ended).toEqual([null, 'SIGINT']);
    expect(await readdir(folder)).toEqual([]);
  });

  test('to a device as to a device', async () => {
    const { code, stderr } = await run(['7', '--format', 'png', '--out', '/dev/null']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('/dev/null: seed ') as unknown]);
    expect(existsSync('/dev/null')).toBe(true);
  });

  test.each(['dataset --n 9000 --format csv', '--help'])(
    'no complaint to a reader of %s who has seen enough',
    async (args) => {
      const command = [join(client.path, 'cli.js'), ...args.split(' ')];
      const child = spawn(process.execPath, command, { cwd: folder });
      let complaints = '';
      child.stderr.on('data', (part: Buffer) => {
        complaints += part.toString();
      });
      if (args === '--help') {
        child.stdout.destroy();
      } else {
        child.stdout.once('data', () => child.stdout.destroy());
      }
      const code = await new Promise((resolve) => child.once('exit', resolve));
      expect([code, complaints]).toEqual([0, '']);
    },
  );

  // Linux's device for a full disk.
  test.runIf(existsSync('/dev/full'))('one line when the disk is full', async () => {
    const runShell = (command: string): Promise<Ended> =>
      new Promise((resolve) => {
        const line = `"${process.execPath}" "${join(client.path, 'cli.js')}" ${command}`;
        execFile('/bin/sh', ['-c', line], { cwd: folder, encoding: 'buffer' }, (error, out, told) =>
          resolve({
            code: error === null ? 0 : Number(error.code),
            stdout: out,
            stderr: told.toString(),
          }),
        );
      });
    for (const args of ['7 --format png', '--help', '--version', 'dataset --format csv']) {
      const { code, stderr } = await runShell(`${args} > /dev/full`);
      expect([args, code, stderr]).toEqual([
        args,
        1,
        'digitmint: standard output cannot be written (no space left on device)\n',
      ]);
    }
    // Only the report is lost.
    expect((await runShell('7 --out seven.png 2> /dev/full')).code).toBe(0);
    expect(await readdir(folder)).toEqual(['seven.png']);
  });

  test.runIf(process.platform === 'linux' && hasCommands('script'))(
    'text to a screen, and nothing binary',
    async () => {
      const onScreen = (args: string): Promise<Ended> =>
        new Promise((resolve) => {
          const command = `${process.execPath} ${join(client.path, 'cli.js')} ${args}`;
          execFile(
            'script',
            ['-qec', command, '/dev/null'],
            { cwd: folder, encoding: 'buffer' },
            (error, stdout, stderr) =>
              resolve({
                code: error === null ? 0 : Number(error.code),
                stdout,
                stderr: stderr.toString(),
              }),
          );
        });
      const drawn = await onScreen('7 --seed a');
      const text = drawn.stdout.toString().replaceAll('\r', '');
      const expected = (await getBytes('/digit.txt?label=7&seed=a&model=digits')).toString();
      expect([drawn.code, text.replace(/seed a, model .*\n/, '')]).toEqual([0, expected]);
      expect(text).toContain('seed a, model digits@');
      const refused = await onScreen('7 --format png');
      expect([refused.code, refused.stdout.toString()]).toEqual([
        2,
        'digitmint: --format png: not to a screen. Write it to a file: --out digit.png, or into a pipe\r\n',
      ]);
      for (const [args, name] of [
        ['morph', 'loop.png'],
        ['morph --format gif --out -', 'loop.gif'],
      ] as const) {
        expect((await onScreen(args)).stdout.toString()).toBe(
          `digitmint: --format ${name.slice(-3)}: not to a screen. Write it to a file: --out ${name}, or into a pipe\r\n`,
        );
      }
      expect((await onScreen('dataset --format npy --n 1')).stdout.toString()).toContain(
        '--format npy: not to a screen',
      );
      expect((await onScreen('--n 1 --json')).stdout.toString()).toContain('"pixels":[');
    },
  );
});

describe('refuses, and names the flag', () => {
  const HAND = `1.digits.0123456789abcdef.${'A'.repeat(86)}`;
  const REFUSED: readonly [args: string, message: string][] = [
    ['--n 0', '--n is "0", expected a whole number from 1 to 256.'],
    ['--scale 1e1', '--scale is "1e1", expected a whole number from 1 to 16.'],
    [
      '--dark-fg bluish',
      '--dark-fg is "bluish", expected a colour by its CSS name, as 3, 4, 6 or 8 hex digits without #, or transparent.',
    ],
    ['cat', 'label: Model digits has no label "cat", expected one of 0 to 9.'],
    ['7 --label 3', '--label beside 7: the label is given twice, leave one out'],
    [
      'dataset --out a.npy --labels ./a.npy',
      '--labels ./a.npy: images and labels need two files, and --out is the same',
    ],
    ['7 --seed --json', '--seed has no value before --json: give one, or leave it out'],
    ['7 --seed a --seed b', '--seed is given twice: leave one out'],
    [
      'dataset --out a.npy --labels A.npy',
      '--labels A.npy: images and labels need two files, and --out is the same',
    ],
    [
      'dataset --format idx --labels -',
      '--labels -: images and labels need two files, and --out is the same',
    ],
    [
      '--number 12a',
      '--number is "12a", expected 1 to 32 characters: at least one digit, among them - + . , : \' and single spaces, but no %, € or $.',
    ],
    [
      '--number 12 --n 3 --gap 2',
      '--n, --gap beside --number: a number is one picture, leave one out',
    ],
    [
      '--n 256 --scale 16',
      'The picture would have 7168 x 7168 pixels, at most 4000000 allowed: lower --n, --scale or --dpr.',
    ],
    [
      '--out a.gif',
      '--out a.gif: its extension names no format, expected one of png, json, svg, txt, npy, ndjson, or --format',
    ],
    ['--format gif', '--format is "gif", expected one of png, json, svg, txt, npy, ndjson'],
    ['--json --format png', '--json beside --format png: leave one out'],
    [
      '--json --out a.PNG',
      '--out a.PNG: its extension names png, but the format is json: change one of them',
    ],
    [
      'morph --format gif --out loop.png',
      '--out loop.png: its extension names png, but the format is gif: change one of them',
    ],
    [
      'dataset --format idx.gz --out a.csv',
      '--out a.csv: its extension names csv, but the format is idx.gz: change one of them',
    ],
    [
      'dataset --out a.idx --labels l.npy',
      '--labels l.npy: its extension names npy, but the format is idx: change one of them',
    ],
    [
      'dataset --format npy --pixels base64 --strict',
      '--strict refuses what has no effect in npy: --pixels. Leave them out.',
    ],
    [
      '--format svg --base https://digits.example --strict',
      '--strict refuses what has no effect in svg: --base. Leave it out.',
    ],
    [
      '--seed a --json morph',
      '--seed, --json before morph: flags of a command stand after its name',
    ],
    [
      'hand 7=a.png 2=b.png --label 7',
      '--label beside LABEL=FILE: the label is given twice, leave one out',
    ],
    [
      '--format txt --scale 3 --dark-bg 000 --strict',
      '--strict refuses what has no effect in txt: --scale, --dark-bg. Leave them out.',
    ],
    ['--base digits', '--base is "digits", expected an address such as https://digits.example'],
    ['morph --n 1', '--n is "1", expected a whole number from 2 to 16.'],
    ['morph --digits 12x', '--digits is "12x", expected 2 to 16 digits from 0 to 9.'],
    ['morph --digits 12 --n 3', '--n is "3", expected none beside --digits, which replaces it.'],
    [
      'morph --digits 12 --label digits',
      '--label is "digits", expected none beside --digits, which replaces it.',
    ],
    ['morph --label cat', 'label: Model digits has no label "cat", expected one of 0 to 9.'],
    [
      'morph --n 16 --frames 32 --scale 4',
      'The picture would have 512 frames of 112 x 112 pixels, at most 6000000 pixels in all allowed: lower --n, --frames, --scale or --dpr.',
    ],
    ['morph --format webp', '--format is "webp", expected one of png, gif'],
    [
      'morph --out loop.svg',
      '--out loop.svg: its extension names no format, expected one of png, gif, or --format',
    ],
    ['morph --gap 2', "unknown option '--gap'\n(--help lists what is allowed)"],
    [
      'dataset --n 5',
      '--format is missing, expected one of idx, idx.gz, npy, npz, parquet, csv, ndjson, or --out with such an extension',
    ],
    ['dataset --n 0 --format csv', '--n is "0", expected a whole number from 1 to 1000000000.'],
    [
      'dataset --format csv --start -1',
      '--start is "-1", expected a whole number from 0 to 999999999.',
    ],
    [
      'dataset --format csv --labels l.csv',
      '--labels l.csv: only beside idx, idx.gz and npy without --part, else they are in --out',
    ],
    [
      'dataset --n 60001 --format npz',
      '--n is "60001", expected at most 60000 in npz: the other formats have no limit.',
    ],
    [
      'dataset --start 999999990 --n 20000 --format csv',
      '--n is "20000", expected at most 10 beside --start 999999990.',
    ],
    [
      `--hand ${HAND}`,
      'No model "digits@0123456789abcdef" is here, and --hand belongs to it: make a new hand by digitmint hand.',
    ],
    [
      `morph --digits 12 --hand ${HAND} --to ${HAND.replace('digits', 'other')}`,
      'The hand belongs to other@0123456789abcdef, not to digits@0123456789abcdef: make a hand of digits@0123456789abcdef by digitmint hand.',
    ],
    ['--bogus', "unknown option '--bogus'\n(--help lists what is allowed)"],
    ['--sede a', "unknown option '--sede'\n(Did you mean --seed?)\n(--help lists what is allowed)"],
    [
      '7 8',
      'too many arguments. Expected 1 argument but got 2: 7, 8.\n(--help lists what is allowed)',
    ],
  ];

  let ended: ReadonlyMap<string, Ended>;
  beforeAll(async () => {
    ended = await runInOne(REFUSED.map(([args]) => args));
  });

  test.each(REFUSED)('%s', (args, message) => {
    const told = { code: 2, stdout: Buffer.alloc(0), stderr: `digitmint: ${message}\n` };
    expect(ended.get(args)).toEqual(told);
  });

  test('a folder that is no model, with a status of its own', async () => {
    const { code, stderr } = await run(['--model', 'nowhere']);
    expect([code, stderr]).toEqual([
      1,
      'digitmint: --model nowhere: manifest.json cannot be read (no such file or directory), expected a model’s folder, such as a run’s model/\n',
    ]);
    await writeFile(join(folder, 'manifest.json'), '{}');
    expect(await run(['--model', '.'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--model .: manifest.json is malformed: schema') as unknown,
    });
  });

  test('an old Node, with one line', () => {
    const aged =
      'data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"18.20.8"}})';
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', aged, join(client.path, 'cli.js'), '7'],
      { encoding: 'utf8' },
    );
    expect([status, stderr]).toEqual([
      1,
      `digitmint: expected Node 20 or newer, this is ${process.version}\n`,
    ]);
  });

  test('nothing where it only warns', async () => {
    const warned = {
      '--format txt --scale 3 --fg fff': 'digitmint: without effect in txt: --scale, --fg\n',
      '--format png --vary 0.5 --dark-fg fff':
        'digitmint: without effect in png: --vary without --hand, --dark-fg\n',
      'dataset --format npy --n 2 --pixels base64 --vary 0.3 --base https://digits.example':
        'digitmint: without effect in npy: --base\n' +
        'digitmint: without effect in npy: --vary without --hand, --pixels\n',
    };
    const drawn = await runInOne(Object.keys(warned));
    for (const [args, stderr] of Object.entries(warned)) {
      expect(drawn.get(args)).toMatchObject({ code: 0, stderr });
    }
  });
});

test('says what it can do, and its version', async () => {
  const commands = ['--help', '-h', 'help', 'dataset --help', 'help morph', '--version'];
  const told = await runInOne(commands);
  const read = (args: string): string => String(told.get(args)?.stdout);
  const help = read('--help');
  expect(told.get('--help')).toMatchObject({ code: 0, stderr: '' });
  for (const word of [
    '--dark-fg',
    '--number',
    'dataset',
    '--model',
    'Exit status',
    'png, json, svg, txt, npy or ndjson',
  ]) {
    expect(help.replaceAll(/\s+/g, ' ')).toContain(word);
  }
  // After "(default: 0)" people would write --smooth 1, and get the class 1.
  expect(help.replaceAll(/\s+/g, ' ')).not.toMatch(/--smooth [^-]*\(default/);
  expect(read('dataset --help')).toContain('--labels <file>');
  expect([read('-h'), read('help')]).toEqual([help, help]);
  const loops = read('help morph');
  expect(
    ['--digits <text>', '--hold <number>', 'png or gif', '--model'].filter(
      (word) => !loops.includes(word),
    ),
  ).toEqual([]);
  const { version } = JSON.parse(await readFile(join(client.path, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(read('--version')).toBe(`${version}\n`);
});
