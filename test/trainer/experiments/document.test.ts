import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseXml } from '@rgrove/parse-xml';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ARMS, QUESTIONS, type ArmName } from '../../../trainer/experiments/arms.ts';
import {
  buildDocument,
  requireDocumentPlace,
  saveDocument,
} from '../../../trainer/experiments/document.ts';
import {
  collectRecords,
  loadRecords,
  locateExperiment,
  saveResult,
} from '../../../trainer/experiments/records.ts';
import { TRAINER } from '../../support/trainer-program.ts';
import { makeArm } from './fixtures.ts';

const RESULTS = (Object.keys(ARMS) as ArmName[]).flatMap((name, i) =>
  makeArm(name, { frechet: [600, 500, 400 - 20 * i], classes: 1 + (i % 10) }),
);
const ROOT = join(import.meta.dirname, '..', '..', '..');

let files: ReadonlyMap<string, string>;
beforeAll(async () => {
  files = await buildDocument(RESULTS);
});

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'digitmint-document-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

describe('the document', () => {
  it('is the same for the same records, whatever their order', async () => {
    expect([...(await buildDocument([...RESULTS].reverse()))]).toEqual([...files]);
  });

  it('answers every question, with well-formed curves', async () => {
    const text = files.get('experiments.md') as string;
    for (const { title } of Object.values(QUESTIONS)) {
      expect(text).toContain(`\n## ${title}\n`);
    }
    const pictures = [...text.matchAll(/\]\((experiments\/[^)]+\.svg)\)/g)].map(
      ([, path]) => path as string,
    );
    expect(pictures).toHaveLength(5 * Object.keys(QUESTIONS).length);
    expect([...files.keys()].sort()).toEqual([...pictures, 'experiments.md'].sort());
    for (const path of pictures) {
      const svg = files.get(path) as string;
      expect(parseXml(svg).root?.name).toBe('svg');
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    }
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is made of runs that all diverged', async () => {
    const failure = 'diverged before step 1000';
    const runs = makeArm('tutorial', { frechet: [600, 500, 400], failure });
    const text = (await buildDocument(runs)).get('experiments.md');
    expect(text).toContain('After 1,000 steps, 3 of 3 runs are collapsed.');
  });

  it('says when no run exists', async () => {
    expect([...(await buildDocument([]))].map(([name]) => name)).toEqual(['experiments.md']);
  });

  it('is made from the records, which are collected from the finished runs', async () => {
    const [runs, docs] = [join(root, 'runs'), join(root, 'docs')];
    for (const result of RESULTS) {
      const folder = join(runs, `${result.arm}-${result.seed}`);
      const paths = locateExperiment(folder);
      await mkdir(folder, { recursive: true });
      await saveResult(paths.result, result);
      await writeFile(paths.grid, 'a picture');
    }
    await mkdir(join(runs, 'r1-9')); // This run is under way.
    const flags = ['experiment', '--report', '--out', runs, '--docs', docs];
    const { stdout } = await promisify(execFile)(process.execPath, [TRAINER, ...flags]);
    expect(stdout).toContain(`with ${RESULTS.length} runs`);
    const text = await readFile(join(docs, 'experiments.md'), 'utf8');
    expect(text).toBe(files.get('experiments.md'));
    expect(await readFile(join(docs, 'experiments', 'runs', 'r1-2.png'), 'utf8')).toBe('a picture');
    expect(await loadRecords(docs)).toHaveLength(RESULTS.length);
    // Without the runs' folder: from the records alone.
    expect(await collectRecords(join(root, 'nowhere'), docs)).toBe(0);
    await requireDocumentPlace(docs);
    await requireDocumentPlace('docs');
    await writeFile(join(docs, 'experiments.md'), '# Notes of my own');
    await expect(requireDocumentPlace(docs)).rejects.toThrow('that this command did not make');
    await saveDocument(docs);
    expect(await readFile(join(docs, 'experiments.md'), 'utf8')).toBe(text);
  });

  it('in the repository matches its records', async () => {
    const docs = join(ROOT, 'docs');
    for (const [name, text] of await buildDocument(await loadRecords(docs))) {
      expect(
        await readFile(join(docs, name), 'utf8'),
        `${name}: make it again by npm run trainer -- experiment --report`,
      ).toBe(text);
    }
  });
});

it('`npm run trainer -- experiment` without a question is refused with a list of the questions', async () => {
  const run = promisify(execFile)(process.execPath, [TRAINER, 'experiment']);
  await expect(run).rejects.toThrow(
    /expected one or more of depth, prior, vae-init, collapse, or --all/,
  );
});
