/** The environments are those that npm 11 makes; the last tests ask the real npm. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeSwallowed, listFlags } from '../../shared/npm-flags.ts';
import { TRAINER } from '../support/trainer-program.ts';

const FLAGS = [
  '--dry-run',
  '--no-publish',
  '--json',
  '--steps <count>',
  '--seed <text>',
  '--model <folder>',
  '--to <target>',
  '--gamma <weight>',
];

const TRAIN = {
  npm_lifecycle_event: 'train',
  npm_lifecycle_script: 'exec node launch.mjs trainer/main.ts train',
};
const typed = (config: Record<string, string>, ...words: string[]) => {
  const env = Object.fromEntries(Object.entries(config).map(([k, v]) => [`npm_config_${k}`, v]));
  const text = describeSwallowed(FLAGS, {
    argv: ['node', 'main.ts', 'train', ...words],
    env: { ...TRAIN, ...env },
  });
  return /Type: (.*)$/.exec(text ?? '')?.[1];
};

describe('a flag that npm kept for itself', () => {
  it.each([
    [{ dry_run: 'true' }, [], '--dry-run'],
    [{ publish: '' }, [], '--no-publish'],
    [{ steps: '100' }, [], '--steps 100'],
    [{ steps: 'true' }, ['100'], '--steps 100'],
    [{ json: 'true', steps: 'true' }, ['list', '100'], 'list --json --steps 100'],
    [{ steps: 'true', seed: 'true' }, ['100', 'x'], '--steps <count> --seed <text>'],
    [{ model: 'a\n\nb c' }, [], '--model a --model "b c"'],
    [{ model: '$a' }, [], "--model '$a'"],
    [{ message: '', all: 'true' }, ['0.5'], '--gamma 0.5'],
    [{ token_description: './store' }, ['list'], 'list --to ./store'],
  ])('%j with the words %j is typed again as %s', (config, words, expected) => {
    expect(typed(config as Record<string, string>, ...words)).toBe(`npm run train -- ${expected}`);
  });

  it('is named with the reason', () => {
    const env = { ...TRAIN, npm_config_dry_run: 'true', npm_config_steps: '3' };
    expect(describeSwallowed(FLAGS, { argv: ['node', 'main.ts', 'train'], env })).toBe(
      'npm kept --dry-run, --steps for itself, because no `--` stands before it, so nothing was done. ' +
        'Type: npm run train -- --dry-run --steps 3',
    );
    expect(
      describeSwallowed(FLAGS, { argv: ['node', 'main.ts'], env }, 'npm run hunt -- crash'),
    ).toContain('Type: npm run hunt -- crash --dry-run --steps 3');
    expect(
      describeSwallowed([...FLAGS, '--n <count>'], { argv: ['node', 'main.ts', 'train'], env }),
    ).toContain('Add --n, too, if you gave it. Type: npm run train -- --dry-run --steps 3');
  });

  it.each([
    ['of npm, which the program does not have', { audit: '', registry: 'x', force: 'true' }, []],
    ['that the program got, too', { json: 'true' }, ['--json']],
    ['that the program got with a value', { steps: '3' }, ['--steps=3']],
    ['that npm has a default for', { message: 'v%s' }, []],
    ['that is off', { dry_run: '', json: 'false' }, []],
  ])('does not count when it is one %s', (_what, config, words) => {
    expect(typed(config as Record<string, string>, ...words)).toBeUndefined();
  });

  it('does not count outside of npm', () => {
    const env = { npm_config_dry_run: 'true' };
    expect(describeSwallowed(FLAGS, { argv: ['node', 'main.ts', 'train'], env })).toBeNull();
  });
});

it('the flags of the command that the words call are listed', () => {
  type Fake = Parameters<typeof listFlags>[0];
  const command = (name: string, flags: string[], ...commands: Fake[]): Fake => ({
    name: () => name,
    options: flags.map((each) => ({ flags: each })),
    commands,
  });
  const program = command(
    'digitmint',
    ['--version'],
    command('models', [], command('prune', ['--keep <n>', '--dry-run'])),
  );
  expect(listFlags(program, ['models', 'prune', '3'])).toEqual(['--keep <n>', '--dry-run']);
  expect(listFlags(program, [])).toEqual(['--version']);
});

describe('the real npm', () => {
  const root = join(import.meta.dirname, '../..');
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'digitmint-npm-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Finds the flags of all programs in their sources: `--steps <count>`, `--json`. */
  async function listAllFlags(): Promise<string[]> {
    const flags = new Map<string, string>();
    for (const parent of ['bench', 'dev', 'server', 'trainer', 'test/hunt', 'test/soak']) {
      for (const name of await readdir(join(root, parent), { recursive: true })) {
        const text = name.endsWith('.ts') ? await readFile(join(root, parent, name), 'utf8') : '';
        const isProgram = /new Command\(|usage: '--|FLAGS = \[/.test(text);
        const found = isProgram ? text.matchAll(/'(--[a-z][a-z-]*)( [<A-Z][^' ]*)?[',]/g) : [];
        for (const [, flag = '', placeholder = ''] of found) {
          flags.set(flag, flags.get(flag) || placeholder);
        }
      }
    }
    flags.delete('--version'); // npm prints its own.
    flags.delete('--quiet'); // It is pip's.
    return [...flags].map((each) => each.join(''));
  }

  /** Runs a script of the project's, with the Node of this process. */
  async function npm(script: string, ...args: string[]) {
    const { scripts } = (await import('../../package.json', { with: { type: 'json' } })).default;
    const command = (scripts as Record<string, string>)[script] as string;
    const here = command
      .replace('exec node launch.mjs ', `${process.execPath} ${root}/`)
      .replace(`${root}/trainer/main.ts`, TRAINER)
      .replace('sh dev/', `sh ${root}/dev/`);
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'p', version: '1.0.0', scripts: { [script]: here } }),
    );
    return new Promise<{ code: number; stderr: string }>((resolve) => {
      execFile('npm', ['run', script, ...args], { cwd: folder }, (error, _, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stderr }),
      );
    });
  }

  it('tells a program each of its flags, except two', async () => {
    const flags = await listAllFlags();
    expect(flags).toEqual(expect.arrayContaining(['--keep <n>', '--steps <count>', '--port PORT']));
    await writeFile(
      join(folder, 'package.json'),
      JSON.stringify({ name: 'p', scripts: { tell: "node -p 'JSON.stringify(process.env)'" } }),
    );
    const untold: string[] = [];
    for (const isNegated of [false, true]) {
      const some = flags.filter((flag) => flag.startsWith('--no-') === isNegated);
      const words = some.map((flag) => flag.replace(/ .*/, '=1'));
      const { stdout } = spawnSync('npm', ['run', '--silent', 'tell', ...words], {
        cwd: folder,
        encoding: 'utf8',
      });
      const env = JSON.parse(stdout) as Record<string, string>;
      const argv = ['node', 'main.ts'];
      untold.push(...some.filter((flag) => describeSwallowed([flag], { argv, env }) === null));
    }
    // Their commands need other flags, and the answer to those names these two.
    expect(untold.sort()).toEqual(['--format <format>', '--n <count>']);
  });

  it.each([
    ['train', ['--no-publish', '--steps=3'], 'npm run train -- --steps 3 --no-publish'],
    ['models', ['list', '--to', './x'], 'npm run models -- list --to ./x'],
    ['publish', ['--model=a', '--dry-run'], 'npm run publish -- --model a --dry-run'],
    [
      'trainer',
      ['experiment', '--all', '--seeds=2'],
      'npm run trainer -- experiment --all --seeds 2',
    ],
    ['bench', ['engine', '--quick'], 'npm run bench -- engine --quick'],
    ['build', ['kernels', '--check'], 'npm run build -- kernels --check'],
    ['serve', ['--port', '9000'], 'npm run serve -- --port 9000'],
    ['deploy', ['--dry-run'], 'npm run deploy -- --dry-run'],
    ['hunt', ['crash', '--kills', '3'], 'npm run hunt -- crash --kills 3'],
    ['setup:tensorflow', ['--undo'], 'npm run setup:tensorflow -- --undo'],
    ['release', ['0.2.0', '--dry-run'], 'npm run release -- 0.2.0 --dry-run'],
  ])('`npm run %s %j` does nothing, and says what to type', async (script, args, command) => {
    const { code, stderr } = await npm(script, ...args);
    expect(stderr).toContain(`Type: ${command}\n`);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(code).toBe(1);
  });
});
