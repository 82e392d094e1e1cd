import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../shared/expected-error.ts';
import { appendToLog, removeLeftovers, writeAtomically } from '../../storage/files.ts';
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
