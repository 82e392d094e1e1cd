/** Shows what `gpu-check` found on people's GPUs: the files in bench/results/gpu. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { ExpectedError } from '../shared/expected-error.ts';
import { writeMarkdownTable } from '../shared/text.ts';
import { formatFigure } from './record.ts';

const speedSchema = z.object({
  backend: z.string(),
  preset: z.string(),
  batch: z.int(),
  skipped: z.string().optional(),
  msPerStep: z.number().optional(),
  imagesPerSecond: z.number().optional(),
  javascriptMs: z.number().optional(),
  dispatches: z.int().optional(),
  gpuMs: z.number().optional(),
  gpuShare: z.number().optional(),
  gpuBytes: z.number().optional(),
});

/** The parts of `GpuCheck` in trainer/gpu-check/check.ts that the page shows. */
const checkSchema = z.object({
  schema: z.literal(1),
  startedAt: z.iso.datetime(),
  versions: z.object({ node: z.string(), tfjs: z.string() }),
  machine: z.object({ system: z.string(), processor: z.string(), cores: z.int() }),
  vulkan: z.object({ nvidia: z.string().optional() }).nullable(),
  gpu: z.object({ description: z.string(), isSoftware: z.boolean() }),
  problem: z.null(),
  comparisons: z
    .array(z.object({ preset: z.string(), isRight: z.literal(true), difference: z.number() }))
    .min(1),
  speeds: z.array(speedSchema),
});

type GpuCheck = z.infer<typeof checkSchema>;

/**
 * Reads the JSON files of a folder, which may be absent.
 * @throws ExpectedError  When one is no check of a GPU that computes right.
 */
export async function loadGpuChecks(folder: string): Promise<GpuCheck[]> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  const checks: GpuCheck[] = [];
  for (const name of names.filter((each) => each.endsWith('.json')).toSorted()) {
    const file = join(folder, name);
    const text = await readFile(file, 'utf8');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new ExpectedError(`${file} is no JSON: ${(cause as Error).message}`, { cause });
    }
    const parsed = checkSchema.safeParse(value);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new ExpectedError(
        `${file} is no check of a GPU that computes right (${issue?.path.join('.')}: ${issue?.message}). ` +
          'Write it by ./digitmint gpu-check --json FILE.',
      );
    }
    if (parsed.data.gpu.isSoftware) {
      throw new ExpectedError(`${file} is of software in place of a GPU: it says nothing of speed`);
    }
    checks.push(parsed.data);
  }
  return checks;
}

const HEADS = [
  'preset',
  'computes',
  'batch',
  'ms a step',
  'images/s',
  'dispatches',
  'JavaScript, ms',
  'GPU, ms',
  'GPU’s share',
  'memory, MiB',
];

/** Renders the section of docs/speed.md, in Markdown. */
export function renderGpuChecks(checks: readonly GpuCheck[]): string[] {
  return [
    '## Training on a GPU',
    '',
    ...(checks.length === 0
      ? [
          'No GPU was measured yet. [Training on a GPU](gpu.md#send-us-yours) tells how to measure yours.',
        ]
      : checks.flatMap(renderCheck)),
    '',
  ];
}

function renderCheck(check: GpuCheck): string[] {
  const { startedAt, versions, machine, vulkan, gpu, comparisons, speeds } = check;
  const driver = vulkan?.nvidia === undefined ? '' : `; NVIDIA’s driver ${vulkan.nvidia}`;
  const right = comparisons.map(
    ({ preset, difference }) => `${preset} ${difference.toExponential(1)}`,
  );
  const show = (value: number | undefined): string =>
    value === undefined ? '–' : formatFigure(value);
  const rows = speeds
    .filter(({ msPerStep }) => msPerStep !== undefined)
    .map((speed) => [
      speed.preset,
      speed.backend,
      String(speed.batch),
      show(speed.msPerStep),
      show(speed.imagesPerSecond),
      String(speed.dispatches ?? '–'),
      show(speed.javascriptMs),
      show(speed.gpuMs),
      speed.gpuShare === undefined ? '–' : `${(100 * speed.gpuShare).toFixed(0)}%`,
      show(speed.gpuBytes === undefined ? undefined : speed.gpuBytes / 2 ** 20),
    ]);
  const skipped = speeds
    .filter((speed) => speed.skipped !== undefined)
    .map(({ preset, backend, batch, skipped: why }) => `${preset}, ${backend}, ${batch}: ${why}.`);
  return [
    `### ${gpu.description}`,
    '',
    ...writeMarkdownTable(HEADS, rows, 2),
    '',
    `Largest difference from plain JavaScript: ${right.join(', ')}.`,
    ...skipped.map((line) => `Not timed: ${line}`),
    '',
    `<sub>\`gpu-check\`, ${startedAt.slice(0, 10)}: ${machine.cores} cores of ${machine.processor},`,
    `${machine.system}${driver}; node ${versions.node}; tfjs ${versions.tfjs}.</sub>`,
    '',
  ];
}
