import { spawnSync } from 'node:child_process';
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../shared/expected-error.ts';
import {
  appendToLog,
  prepareFile,
  removeLeftovers,
  replaceFolder,
  requireFree,
  restoreReplaced,
  writeAtomically,
} from '../../storage/files.ts';
import {
  appendSession,
  createRunFolder,
  loadSessions,
  type RunOptions,
  type Session,
} from '../../trainer/run/run-folder.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('half-written files of a killed process', () => {
  it('are deleted, files and folders, and nothing else is', async () => {
    await mkdir(join(folder, 'mine'));
    await mkdir(join(folder, '.model.12.tmp'));
    await writeAtomically(join(folder, 'options.json'), '{}');
    await writeFile(join(folder, '.options.json.4711.tmp'), '{');
    await writeFile(join(folder, '.model.12.tmp', 'model.json'), 'half');
    await writeFile(join(folder, 'mine', '.draft.12.tmp'), 'a file of the user');
    await writeFile(join(folder, 'mine.tmp'), 'a file of the user');
    await removeLeftovers(folder);
    expect((await readdir(folder, { recursive: true })).toSorted()).toEqual([
      'mine',
      'mine.tmp',
      'mine/.draft.12.tmp',
      'options.json',
    ]);
  });

  it('at the end of a list of sessions leave the next session complete', async () => {
    const session = (step: number) => ({ step }) as Session;
    await appendSession(folder, session(0));
    await appendFile(join(folder, 'sessions.jsonl'), '{"step":5,"bac');
    await appendSession(folder, session(7));
    expect((await loadSessions(folder)).map(({ step }) => step)).toEqual([0, 7]);
  });
});

describe('a folder that replaces another', () => {
  const write = async (name: string): Promise<string> => {
    await mkdir(join(folder, name), { recursive: true });
    await writeFile(join(folder, name, 'content'), name);
    return join(folder, name);
  };
  const read = (path: string) => readFile(join(path, 'content'), 'utf8');

  it('takes its name, and the old one is gone', async () => {
    const [model, next] = [await write('model'), await write('next')];
    await replaceFolder(next, model);
    expect([await read(model), await readdir(folder)]).toEqual(['next', ['model']]);
  });

  it('leaves the old one when it cannot take the name', async () => {
    const model = await write('model');
    await expect(replaceFolder(join(folder, 'missing'), model)).rejects.toThrow('ENOENT');
    expect([await read(model), await readdir(folder)]).toEqual(['model', ['model']]);
  });

  it.each([1, 2, 3, 4])('is killed before its write %i, and nothing is lost', async (killAt) => {
    const [model, next] = [await write('model'), await write('next')];
    const program = `
      import fs from 'node:fs';
      import { syncBuiltinESMExports } from 'node:module';
      let writes = 0;
      for (const name of ['rename', 'rm']) {
        const operate = fs.promises[name];
        fs.promises[name] = (...args) => {
          if (++writes === ${killAt}) {
            process.kill(process.pid, 'SIGKILL');
          }
          return operate(...args);
        };
      }
      syncBuiltinESMExports();
      const files = await import(${JSON.stringify(new URL('../../storage/files.ts', import.meta.url).href)});
      await files.replaceFolder(...${JSON.stringify([next, model])});`;
    const flags = ['--input-type=module', '--eval', program];
    const { signal } = spawnSync(process.execPath, flags, { encoding: 'utf8' });
    expect(signal).toBe('SIGKILL');
    await restoreReplaced(model);
    expect(await read(model)).toBe(killAt <= 3 ? 'model' : 'next');
    if (killAt <= 3) {
      expect(await read(next)).toBe('next');
    }
    await replaceFolder(await write('newest'), model);
    expect(await read(model)).toBe('newest');
  });
});

describe('a path that must be free', () => {
  it('is refused when a file, a folder, a device or a link lies there', async () => {
    await symlink('nowhere', join(folder, 'link'));
    for (const path of ['', folder, join(folder, 'link'), '/dev/null', process.execPath]) {
      expect(() => requireFree(path, '--out')).toThrow(
        `--out ${path}: is there already, and is not written over; name another one`,
      );
    }
    requireFree(join(folder, 'free'), '--out');
  });
});

describe('a file that is written after long work', () => {
  it('gets its folder before, or is refused', async () => {
    await prepareFile(join(folder, 'new', 'deep', 'a.json'), '--json');
    expect(await readdir(join(folder, 'new'))).toEqual(['deep']);
    for (const path of [folder, join(process.execPath, 'a.json')]) {
      await expect(prepareFile(path, '--json')).rejects.toThrow(ExpectedError);
    }
  });
});

describe('a file that cannot be written', () => {
  it('is named when it is a run’s folder', async () => {
    await writeFile(join(folder, 'file'), '');
    const making = createRunFolder(join(folder, 'file', 'run'), {} as RunOptions);
    await expect(making).rejects.toThrow(ExpectedError);
    await expect(making).rejects.toThrow(/run: cannot be written: ENOTDIR/);
  });

  it('is named when it is a log', async () => {
    const writing = appendToLog(join(folder, 'nowhere', 'metrics.jsonl'), 'line\n');
    await expect(writing).rejects.toThrow(ExpectedError);
    await expect(writing).rejects.toThrow(/metrics\.jsonl: cannot be written: /);
    expect(await readFile(join(folder, 'metrics.jsonl')).catch(() => 'nothing')).toBe('nothing');
  });
});
