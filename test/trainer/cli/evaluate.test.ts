/**
 * Tests `npm run evaluate` end to end in processes of its own, on the shipped models, with few
 * samples on any backend.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { WEIGHTS_FILE } from '../../../shared/model/artifact.ts';
import { buildEvaluateCommand, describeReport } from '../../../trainer/cli/evaluate.ts';
import type { EvaluationReport } from '../../../trainer/evaluation/evaluation.ts';
import {
  readArtifactFolder,
  type ArtifactFolder,
} from '../../../trainer/publish/artifact-folder.ts';
import { TRAINER } from '../../support/trainer-program.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly progress: string;
}

function evaluate(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [TRAINER, 'evaluate', ...args],
      { cwd: root },
      (error, output, progress) => {
        resolve({ code: error === null ? 0 : Number(error.code), output, progress });
      },
    );
  });
}

function tellFacts({ manifest, plan, files }: ArtifactFolder) {
  return {
    name: manifest.name,
    version: manifest.version,
    weightsType: manifest.weights.dtype,
    weightsBytes: files.get(WEIGHTS_FILE)?.length,
    multiplyAccumulates: plan.macs,
  };
}

const QUICK = ['--n', '200', '--quick', '--seed', 'a test'];

describe('the evaluation of two models', () => {
  let ended: Ended;
  let report: EvaluationReport;
  let digits: ArtifactFolder;
  let seed: ArtifactFolder;
  beforeAll(async () => {
    [digits, seed] = [
      await readArtifactFolder(`${root}models/digits`),
      await readArtifactFolder(`${root}models/seed`),
    ];
    ended = await evaluate(
      '--model',
      'models/digits',
      '--model',
      'models/seed',
      ...QUICK,
      '--fresh',
      '--json',
    );
    report = JSON.parse(ended.output) as EvaluationReport;
  });

  it('prints one JSON object with a column for each', () => {
    expect(ended.code).toBe(0);
    expect(report).toMatchObject({
      schema: 2,
      seed: 'a test',
      n: 200,
      protocol: { version: 2, quick: true },
      reference: { split: 'test', count: 10_000 },
      floor: { kept: false, trainingDigits: 10_000 },
      columns: [
        { samples: { folder: 'models/digits', ...tellFacts(digits) } },
        { samples: { folder: 'models/seed', ...tellFacts(seed) } },
      ],
    });
    expect(report.columns.map(({ label }) => label)).toEqual(
      [digits, seed].map(
        ({ manifest: { name, version, weights } }) => `${name}@${version}, ${weights.dtype}`,
      ),
    );
    expect(report.rows.every(({ values }) => values.length === 2)).toBe(true);
  });

  it('distinguishes them from each other and from real digits', () => {
    const [better, worse] = report.columns.map(({ figures }) => figures);
    const floor = report.floorFigures;
    for (const figures of [better, worse, floor]) {
      for (const part of [figures?.precision, figures?.recall, figures?.coverage]) {
        expect(part).toBeGreaterThan(0);
        expect(part).toBeLessThan(1);
      }
    }
    expect(better?.frechetDistance).toBeLessThan((worse?.frechetDistance ?? 0) / 3);
    expect(floor.frechetDistance).toBeLessThan((worse?.frechetDistance ?? 0) / 3);
    expect(better?.recall).toBeGreaterThan(worse?.recall ?? 1);
    expect(better?.classAccuracy?.accuracy).toBeGreaterThan(0.95);
    expect([worse?.classAccuracy, better?.classificationAccuracyScore]).toEqual([null, null]);
    expect(floor.classAccuracy?.accuracy).toBeCloseTo(report.classifier.testAccuracy ?? NaN, 3);
  });

  it('draws both before it scores, and computes the floor once', () => {
    const stages = ended.progress.trim().split('\n');
    const places = (pattern: RegExp): number[] =>
      stages.flatMap((stage, i) => (pattern.test(stage) ? [i] : []));
    expect(places(/^drawing 200 samples of (digits|seed)@/)).toEqual([1, 2]);
    expect(places(/^floor: features/)).toHaveLength(1);
    expect(Object.keys(report.timings)).toContain('total');
  });

  it('shows them side by side in the table', () => {
    const table = describeReport(report);
    expect(table).toMatch(
      /^ +models\/seed: seed@[0-9a-f]{16}, \w+, \d+ kB, \d\.\d\d M multiply-accumulates$/m,
    );
    const lines = table.split('\n');
    const head = lines.find((line) => line.startsWith('figure')) ?? '';
    expect(head).toMatch(/^figure +\w+ +\w+ +real digits +better$/);
    expect(head.length).toBeLessThanOrEqual(80);
  });

  it('gives each the same figures as alone, with the cached floor', async () => {
    const { code, output } = await evaluate('--model', 'models/seed', ...QUICK);
    expect(code).toBe(0);
    expect(output).toMatch(
      /^samples +200: seed@[0-9a-f]{16}, drawn as it is served, seed "a test"$/m,
    );
    expect(output).toMatch(/^real digits +200 of .*; kept from an earlier run/m);
    expect(output).toMatch(/^figure +samples +real digits +better +what it says$/m);
    for (const { title, values, floor } of report.rows) {
      expect(output).toContain(`\n${title} `);
      expect(output.replace(/ +/g, ' ')).toContain(`${title} ${values[1]} ${floor} `);
    }
  });
});

describe('a wrong command', () => {
  it.each([
    [
      ['--model', 'models/digits', '--model', 'models/classifier'],
      /^models\/classifier: .*export the model again$/m,
    ],
    [
      ['--model', 'models/seed', '--model', '/nowhere'],
      /^\/nowhere: expected a folder .* got nothing there$/m,
    ],
    [
      ['--model', 'models/seed', '--split', 'validation'],
      /^--split validation: draws from .* by --data$/m,
    ],
  ])('%j is refused with the reason, before any digit is drawn', async (args, message) => {
    const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const running = buildEvaluateCommand().parseAsync(args, { from: 'user' });
    await expect(running).rejects.toThrow(ExpectedError);
    await expect(running).rejects.toThrow(message);
    const progress = written.mock.calls.join('');
    written.mockRestore();
    expect(progress).not.toContain('drawing');
  });
});
