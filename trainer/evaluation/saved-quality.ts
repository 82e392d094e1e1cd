/**
 * Writes for `npm run evaluate -- --keep`: the figures in the model's manifest, which makes a new
 * version, a model card, and a file in the run's folder for its report.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { wholeSchema } from '../../shared/schema.ts';
import { escapeCell } from '../../shared/text.ts';
import {
  encodeManifest,
  MANIFEST_FILE,
  sealManifest,
  type Manifest,
} from '../../shared/model/artifact.ts';
import { encodeEncoder, ENCODER_FILE, parseEncoder } from '../../shared/model/encoder.ts';
import { HANDWRITTEN_DIGITS } from '../../shared/model/subject.ts';
import { parseJson } from '../../storage/file-lock.ts';
import { readIfThere, writeJson } from '../../storage/files.ts';
import { readFiles, writeModelFolder } from '../export/artifact-writer.ts';
import { CARD_FILE, CARD_MARK, isHandmadeCard, readSameModel } from '../publish/artifact-folder.ts';
import { locate } from '../run/run-folder.ts';
import type { EvaluationReport } from './evaluation.ts';
import type { Figures } from './figures.ts';

const QUALITY_FILE = 'quality.json';

const qualitySchema = v.strictObject({
  schema: v.literal(1),
  /** Name and version. */
  model: v.string(),
  n: wholeSchema(),
  /** In words: what samples are compared with, and by which features. */
  against: v.string(),
  features: v.string(),
  rows: v.array(
    v.strictObject({
      title: v.string(),
      value: v.string(),
      real: v.string(),
      explanation: v.string(),
    }),
  ),
});
export type Quality = v.InferOutput<typeof qualitySchema>;

/**
 * Saves the figures of each model of a report. An encoder stays the model's.
 * @param features  The features in words.
 * @returns         The models as they are now, name@version by their folders.
 * @throws ExpectedError
 */
export async function saveQuality(
  report: EvaluationReport,
  features: string,
): Promise<ReadonlyMap<string, string>> {
  const saved = new Map<string, string>();
  for (const [i, { samples, figures }] of report.columns.entries()) {
    const place = String(samples['folder']);
    const model = await readSameModel(place, samples['version']);
    const { folder } = model;
    const { version: _before, ...content } = model.manifest;
    const measured = listMeasured(figures, report.floorFigures, report.n);
    const sealed = sealManifest({ ...content, figures: { ...content.figures, ...measured } });
    const quality: Quality = {
      schema: 1,
      model: `${sealed.name}@${sealed.version}`,
      n: report.n,
      against: report.reference.source,
      features,
      rows: report.rows.map(({ title, values, floor, explanation }) => ({
        title,
        explanation,
        value: values[i] as string,
        real: floor,
      })),
    };
    const files = await readFiles(folder);
    files[MANIFEST_FILE] = encodeManifest(sealed);
    const encoder = model.encoder.get(ENCODER_FILE);
    if (encoder !== undefined) {
      const { description } = parseEncoder(encoder, model);
      const { name, version } = sealed;
      files[ENCODER_FILE] = encodeEncoder({ ...description, model: { name, version } });
    }
    const card = files[CARD_FILE];
    if (card === undefined || !isHandmadeCard(card)) {
      files[CARD_FILE] = new TextEncoder().encode(writeCard(sealed, quality));
    }
    await writeModelFolder(folder, files);
    if (existsSync(locate(place).options)) {
      await writeJson(join(place, QUALITY_FILE), quality);
    }
    saved.set(place, quality.model);
  }
  return saved;
}

/** Lists figures by the names that the manifest gives them, each with that of real pictures. */
function listMeasured(own: Figures, real: Figures, n: number): Record<string, number> {
  const measured: [name: string, value: number][] = [['quality.samples', n]];
  for (const [id, figure] of Object.entries(own) as [keyof Figures, Figures[keyof Figures]][]) {
    for (const [suffix, value] of [
      ['', figure],
      ['.real', real[id]],
    ] as const) {
      const number =
        typeof value === 'object' && value !== null
          ? 'mean' in value
            ? value.mean
            : value.accuracy
          : value;
      if (number !== null && Number.isFinite(number)) {
        measured.push([`quality.${id}${suffix}`, number]);
      }
    }
  }
  return Object.fromEntries(measured);
}

function writeCard(manifest: Manifest, quality: Quality): string {
  const { name, version, image, classes, training, subject = HANDWRITTEN_DIGITS } = manifest;
  const rows = quality.rows.map(
    ({ title, value, real, explanation }) =>
      `| ${[title, value, real, explanation].map(escapeCell).join(' | ')} |`,
  );
  const colours = image.channels === 1 ? 'grey' : 'RGB';
  return `${CARD_MARK}

# \`${name}\`

Draws ${subject.many} of ${image.width} × ${image.height} pixels, ${colours}${classes.length > 0 ? `, of ${classes.length} classes` : ''}.

| | |
| --- | --- |
| version | \`${name}@${version}\` |
| data | ${escapeCell(training.dataset.name)}, ${training.dataset.images.toLocaleString('en')} pictures, SHA-256 \`${training.dataset.sha256.slice(0, 16)}…\` |
| recipe | preset \`${training.preset}\`, ${training.steps.toLocaleString('en')} steps of ${training.batchSize}, seed ${escapeCell(JSON.stringify(training.seed))} |
| backend | ${training.backend} |

## How good it is

${quality.n.toLocaleString('en')} samples against ${quality.against}. Features: ${quality.features}.

| | samples | real pictures | what it says |
| --- | --: | --: | --- |
${rows.join('\n')}
`;
}

/** Reads the saved figures of a run; undefined without any. */
export async function loadQuality(folder: string): Promise<Quality | undefined> {
  const text = (await readIfThere(join(folder, QUALITY_FILE))) ?? '';
  return parseJson(qualitySchema, text) ?? undefined;
}
