/** Shows what `gpu-check` found on people's GPUs: the files in bench/results/gpu. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { momentSchema, parseAs } from '../shared/schema.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { describeCheck } from '../trainer/cli/gpu-check.ts';
import type { GpuCheck } from '../trainer/gpu-check/check.ts';

/** A GPU that computes right. Software in place of a GPU says nothing of speed. */
const checkSchema = v.looseObject({
  schema: v.literal(1),
  startedAt: momentSchema,
  gpu: v.looseObject({ description: v.string(), isSoftware: v.literal(false) }),
  problem: v.null(),
  comparisons: v.pipe(v.array(v.looseObject({ isRight: v.literal(true) })), v.minLength(1)),
});

/**
 * Renders the section of docs/speed.md, in Markdown.
 * @param folder  The checks' folder; it may be absent.
 * @throws ExpectedError  When a file is no check of a GPU that computes right.
 */
export async function renderGpuChecks(folder: string): Promise<string[]> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  const lines = ['## Training on a GPU', ''];
  for (const name of names.filter((each) => each.endsWith('.json')).toSorted()) {
    const file = join(folder, name);
    try {
      const check = parseAs(checkSchema, JSON.parse(await readFile(file, 'utf8')));
      const { startedAt, gpu } = check;
      const text = describeCheck(check as unknown as GpuCheck);
      lines.push(`### ${gpu.description}`, '', `\`gpu-check\`, ${startedAt.slice(0, 10)}:`, '');
      lines.push('```text', text, '```', '');
    } catch (cause) {
      throw new ExpectedError(
        `${file} is no check of a GPU that computes right, by ./digitmint gpu-check --json FILE: ` +
          (cause as Error).message,
        { cause },
      );
    }
  }
  const none =
    'No GPU was measured yet. [Training on a GPU](gpu.md#send-us-yours) tells how to measure yours.';
  return lines.length > 2 ? lines : [...lines, none, ''];
}
