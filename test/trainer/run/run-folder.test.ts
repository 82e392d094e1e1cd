import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { PRESETS, type TrainingConfig } from '../../../trainer/gan/preset.ts';
import {
  chooseRunFolder,
  createRunFolder,
  hashRun,
  loadGrids,
  loadRunOptions,
  locate,
  lockRun,
  reopenRunFolder,
  saveGrid,
} from '../../../trainer/run/run-folder.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'digitmint-run-folder-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

describe('sample grids and runs', () => {
  it('with more digits than places keep the order of their steps', async () => {
    await mkdir(locate(parent).images);
    for (const step of [100_000_000, 9_999_999, 10_000_000, 20]) {
      await saveGrid(parent, step, new Uint8Array([step % 255]));
    }
    expect((await loadGrids(parent)).map(({ step }) => step)).toEqual([
      20, 9_999_999, 10_000_000, 100_000_000,
    ]);
  });

  it('are at most 100 for a report and an animation, spread over the run', async () => {
    await mkdir(locate(parent).images);
    for (let step = 0; step <= 300; step++) {
      await saveGrid(parent, step, new Uint8Array([step % 255]));
    }
    const steps = (await loadGrids(parent)).map(({ step }) => step);
    expect([steps.length, ...steps.slice(0, 3), steps.at(-1)]).toEqual([100, 0, 3, 6, 300]);
  });

  it('with more digits than places are counted, so that the next run gets a folder of its own', async () => {
    for (const name of ['99999-digits', '100000-seed', 'experiments']) {
      await mkdir(join(parent, name));
    }
    expect(await chooseRunFolder(parent, 'digits')).toBe(join(parent, '100001-digits'));
  });
});

const { clampsPixels: _, ...PRESET } = PRESETS.digits;
/** As the preset was when the hashes below were computed. */
const CONFIG: TrainingConfig = { ...PRESET, steps: 16_000, pixelRange: [-1, 1], seed: '1' };
const DATA = { name: 'digits', images: 600, sha256: '0'.repeat(64) };
const OPTIONS = { config: CONFIG, dataset: DATA };

describe('the hash of a run', () => {
  /** In these settings the learning rates stay, and the penalties change until the last step. */
  const buildConfig = (steps: number, finalGamma?: number): TrainingConfig => ({
    ...CONFIG,
    steps,
    finalFactor: 1,
    objective: { type: 'relativistic', gamma: 0.5, ...(finalGamma && { finalGamma }) },
  });
  const hash = (config: TrainingConfig) => hashRun({ config, dataset: DATA });

  it('covers the number of steps when the penalties’ schedule depends on it, and only then', () => {
    expect(hash(buildConfig(100, 0.25))).not.toBe(hash(buildConfig(200, 0.25)));
    expect(hash(buildConfig(100, 0.5))).toBe(hash(buildConfig(200, 0.5)));
    expect(hash(buildConfig(100))).toBe(hash(buildConfig(200)));
  });

  it('stays what the checkpoints of these settings carry', () => {
    expect(hash(CONFIG)).toBe('04bfdf874e77ba7cd0b958f31bf45801fb1ee331332579401a9bb4c0f22db7a9');
  });

  it('covers the names of the classes that a run learns, which older records lack', () => {
    const name = (...classes: string[]) =>
      hashRun({ config: CONFIG, dataset: { ...DATA, classes } });
    expect(name('a', 'b')).not.toBe(name('b', 'a'));
    expect(name('a', 'b')).not.toBe(hash(CONFIG));
    const seed = { ...PRESETS.seed, seed: '1' };
    expect(hashRun({ config: seed, dataset: { ...DATA, classes: ['a', 'b'] } })).toBe(hash(seed));
  });
});

describe('a run’s lock', () => {
  it('is had once, and names the folder and its holder to the others', async () => {
    const lock = await lockRun(parent);
    await expect(lockRun(parent)).rejects.toThrow(ExpectedError);
    await expect(lockRun(parent)).rejects.toThrow(
      new RegExp(`--resume ${parent}: another process \\(${process.pid}\\) holds .*\\.lock; if it`),
    );
    await lock.release();
    await (await lockRun(parent)).release();
    expect(await readdir(parent)).toEqual([]);
  });

  it('tells its holder that it was lost', async () => {
    const lock = await lockRun(parent);
    await lock.assure();
    await rm(locate(parent).lock);
    const next = await lockRun(parent);
    await expect(lock.assure()).rejects.toThrow(/lost the run's lock .* wrote nothing more/);
    await lock.release();
    await next.assure();
  });

  it('of a process that was killed is taken over, even by a process with the same id', async () => {
    const lock = await lockRun(parent);
    const kept = join(parent, 'kept');
    await cp(locate(parent).lock, kept);
    await lock.release();
    // The next process of a container often has the id of the one before.
    await cp(kept, locate(parent).lock);
    await (await lockRun(parent)).assure();
  });
});

describe('a new run’s folder', () => {
  it('may hold what a killed start left, and nothing else', async () => {
    await mkdir(locate(parent).images);
    await writeFile(join(parent, '.options.json.12.tmp'), '{');
    await writeFile(join(parent, 'Thumbs.db'), '');
    await createRunFolder(parent, OPTIONS);
    await rm(join(parent, 'Thumbs.db'));
    expect((await readdir(parent)).sort()).toEqual(['checkpoints', 'images', 'options.json']);
    const mine = join(parent, 'mine');
    await mkdir(mine);
    await writeFile(join(mine, 'thesis.txt'), 'mine');
    await writeFile(join(mine, '.thesis.12.tmp'), 'mine');
    await writeFile(join(mine, '.DS_Store'), ''); // From macOS' Finder.
    await expect(createRunFolder(mine, OPTIONS)).rejects.toThrow(
      /holds \.thesis\.12\.tmp, thesis\.txt, and no run\. Name a folder that is new or empty/,
    );
    expect((await readdir(mine)).sort()).toEqual(['.DS_Store', '.thesis.12.tmp', 'thesis.txt']);
  });

  it('keeps files of its user when it is reopened', async () => {
    await createRunFolder(parent, OPTIONS);
    await mkdir(join(parent, 'notes'));
    await writeFile(join(parent, 'notes', '.draft.12.tmp'), 'mine');
    await writeFile(join(locate(parent).images, '.step-0000001.png.12.tmp'), 'half');
    const { model } = locate(parent);
    await mkdir(model);
    await writeFile(join(model, '.manifest.json.12.tmp'), 'half');
    await reopenRunFolder(parent, 0);
    expect(await readdir(model)).toEqual([]);
    await writeFile(join(model, 'notes.txt'), 'mine');
    await expect(reopenRunFolder(parent, 0)).rejects.toThrow('notes.txt, which would be deleted');
    expect(await readdir(join(parent, 'notes'))).toEqual(['.draft.12.tmp']);
    expect(await readdir(locate(parent).images)).toEqual([]);
  });

  it.each(['[]', 'null', '{"config":3}', '{', '"digits"'])(
    'whose settings are %s is refused with the file’s name',
    async (text) => {
      await writeFile(locate(parent).options, text);
      await expect(loadRunOptions(parent)).rejects.toThrow(ExpectedError);
      await expect(loadRunOptions(parent)).rejects.toThrow(
        /expected the settings of a run in .*json/,
      );
    },
  );
});
