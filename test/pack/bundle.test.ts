/**
 * Packs the trainer and runs it where nothing but a C library is: no npm, no network, no Vulkan.
 * `npm run hunt -- bundle` trains there on SwiftShader, which takes minutes.
 */
import { execFile } from 'node:child_process';
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packData } from '../../dev/pack/bundle.ts';
import { loadDataFolder } from '../../trainer/data/data-folder.ts';
import { encodeIdx } from '../../shared/array-headers.ts';
import { createBareRoot, type BareRoot } from './bare-root.ts';
import { writeSmallMnist } from '../support/training/small-mnist.ts';
import { swiftShaderMissing } from '../support/training/swiftshader.ts';

const PACK = join(import.meta.dirname, '../../dev/pack/main.ts');
const run = promisify(execFile);
const pack = (...words: string[]) =>
  run(process.execPath, [PACK, ...words]).then(
    ({ stdout }) => stdout,
    ({ stderr }: { stderr: string }) => stderr,
  );

describe('the data of a bundle', () => {
  it('is read as it was, with the labels of QMNIST or without labels', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'digitmint-pack-data-'));
    const pictures = encodeIdx([12, 8, 8], new Uint8Array(768).fill(9).fill(200, 300));
    // [12, 8] integers of 32 bits. The first of each row is the class.
    const labels = Buffer.alloc(12 + 12 * 8 * 4, '00000c020000000c00000008', 'hex').fill(7, 12);
    Array.from({ length: 12 }, (_, i) => labels.writeInt32BE(3 + (i % 2), 12 + i * 32));
    const files = {
      labelled: { 'train-images-idx3-ubyte': pictures, 'train-labels-idx2-int': labels },
      plain: { 'pictures-idx3-ubyte': pictures },
    };
    for (const [name, contents] of Object.entries(files)) {
      const [from, to] = [join(parent, name), join(parent, `${name}-packed`)];
      await mkdir(from);
      for (const [file, bytes] of Object.entries(contents)) {
        await writeFile(join(from, file), bytes);
      }
      await packData(to, from);
      const [before, after] = [await loadDataFolder(from), await loadDataFolder(to)];
      expect({ ...after.dataset, name: '' }).toEqual({ ...before.dataset, name: '' });
      expect(after.dataset.classes).toEqual(name === 'plain' ? [] : ['3', '4']);
    }
    await rm(parent, { recursive: true });
  });
});

if (swiftShaderMissing !== undefined) {
  console.warn(`Skipped: ${swiftShaderMissing}`);
}
describe.skipIf(swiftShaderMissing !== undefined)('a bundle of the trainer', () => {
  let parent: string;
  let bundle: string;
  let bare: BareRoot;
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'digitmint-pack-'));
    const data = join(parent, 'data');
    await writeSmallMnist(data, 300);
    bundle = join(parent, 'bundle');
    await pack('--out', bundle, '--data', data);
    bare = await createBareRoot(bundle, false);
  });
  afterAll(async () => {
    await bare.remove();
    await rm(parent, { recursive: true, force: true });
  });

  it('holds Node without its symbols, the code, WebGPU, a Vulkan loader and the data', async () => {
    expect((await readdir(bundle)).filter((name) => !name.startsWith('.')).toSorted()).toEqual([
      'README.md',
      'app',
      'data',
      'digitmint',
      'gpu-trial',
      'node',
    ]);
    expect((await stat(join(bundle, 'node'))).size).toBeLessThan(
      (await stat(process.execPath)).size,
    );
    const webgpu = join(bundle, 'app/node_modules/webgpu/dist');
    expect(await readdir(webgpu, { recursive: true })).toEqual([
      'linux-x64',
      'linux-x64/dawn.node',
      'linux-x64/libvulkan.so.1',
    ]);
  });

  it('trains on its own data in a bare root, resumes, samples and publishes to a folder', async () => {
    const words = ['--preset', 'seed', '--backend', 'wasm', '--batch', '64', '--out', 'run'];
    const first = await bare.run(['train', ...words, '--steps', '2']);
    expect(first).toMatchObject({ code: 0 });
    expect(first.output).toMatch(/publishes +nothing/);
    const rest = ['--resume', 'run', '--steps', '3', '--to', './bucket'];
    expect(await bare.run(['train', ...rest])).toMatchObject({ code: 0 });
    expect(await readdir(join(bare.folder, 'work/bucket'))).toContain('models');
    const sample = ['--model', 'run/model', '--n', '4', '--out', 'four.png'];
    expect(await bare.run(['sample', ...sample])).toMatchObject({ code: 0 });
    expect((await stat(join(bare.folder, 'work/four.png'))).size).toBeGreaterThan(100);
  });

  it('says in gpu-check that no driver is there, where it looked and what to do, also as JSON', async () => {
    const { code, output } = await bare.run(['gpu-check']);
    expect(code).toBe(1);
    expect(output).toMatch(
      /no GPU +there is no GPU with a Vulkan driver \(no description in .*\/usr\/share\/vulkan.*install/,
    );
    expect(await readdir(join(bare.folder, 'work'))).toContain('gpu-check.json');
  });

  it('trains from a disk that is read-only, and asks for a place that is not, in one line', async () => {
    const words = ['--preset', 'seed', '--backend', 'wasm', '--batch', '16', '--steps', '1'];
    expect(await bare.run(['train', ...words, '--out', '/tmp/run'], true)).toMatchObject({
      code: 0,
    });
    expect(await bare.run(['train', ...words, '--out', 'run'], true)).toMatchObject({
      code: 1,
      output: expect.stringMatching(
        /^digitmint: .*is read-only here; name another folder by --out$/m,
      ),
    });
    expect(await bare.run(['gpu-check'], true)).toEqual({
      code: 1,
      output: expect.stringMatching(
        /^digitmint: .*is read-only here; name another file by --json\n$/,
      ),
    });
  });

  it('leaves the result of each stage of a trial, also where every stage fails', async () => {
    const out = join(parent, 'trial');
    const env = { ...process.env, OUT: out, VK_DRIVER_FILES: '/nowhere' };
    const trial = run('sh', [join(bundle, 'gpu-trial')], { env });
    await expect(trial).rejects.toMatchObject({ code: 1 });
    const lines = (await readFile(join(out, 'stages.jsonl'), 'utf8')).trim().split('\n');
    const stages = lines.map((line) => JSON.parse(line) as { stage: string; status: number });
    expect(stages.map(({ stage, status }) => [stage, status])).toEqual(
      ['gpu-check', 'train', 'evaluate'].map((stage) => [stage, 1]),
    );
    const check = JSON.parse(await readFile(join(out, 'gpu-check.json'), 'utf8')) as object;
    expect(check).toMatchObject({ problem: expect.stringMatching(/no GPU/) });
    expect(await readFile(join(out, 'train.log'), 'utf8')).toMatch(/webgpu: there is no GPU/);
  });

  it('names its platform and the system that it needs where its Node does not start', async () => {
    const other = join(parent, 'other');
    await cp(join(bundle, 'digitmint'), join(other, 'digitmint'));
    await writeFile(join(other, 'node'), '\x7fELF for another machine', { mode: 0o755 });
    const link = join(parent, 'link');
    await symlink(join(other, 'digitmint'), link);
    const { stderr } = await run(link, ['train']).catch((error: { stderr: string }) => error);
    expect(stderr).toMatch(
      /this bundle is for linux-x64, and its Node does not start.*--platform/s,
    );
    expect(stderr).toContain(join(other, 'node'));
  });

  it('is not packed over a folder or file of the user, nor with data that cannot be trained on', async () => {
    expect(await pack('--out', join(parent, 'data'))).toMatch(/which no build made/);
    const archive = join(parent, 'mine.tgz');
    await writeFile(archive, 'mine');
    expect(await pack('--out', archive)).toMatch(/is there already, and is not written over/);
    const empty = await mkdtemp(join(parent, 'empty-'));
    expect(await pack('--out', join(parent, 'new'), '--data', empty)).toMatch(/empty-/);
    expect(await readdir(parent)).not.toContain('new');
  });
});
