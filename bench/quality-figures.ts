/**
 * Reads the figures of models from files of `npm run evaluate -- --json`. All files must have the
 * same terms, or figures could not be compared.
 */
import canonicalize from 'canonicalize';
import * as z from 'zod';
import { ExpectedError } from '../shared/expected-error.ts';
import { REPORT_SCHEMA } from '../trainer/evaluation/evaluation.ts';

const figuresSchema = z.object({
  frechetDistance: z.number(),
  precision: z.number(),
  recall: z.number(),
  coverage: z.number(),
  classAccuracy: z.object({ accuracy: z.number() }).nullable(),
});

/** Whatever figures depend on beside the model. */
const termsSchema = z.object({
  protocol: z.record(z.string(), z.union([z.number(), z.boolean()])),
  seed: z.string(),
  n: z.number(),
  reference: z.object({
    split: z.string(),
    source: z.string(),
    count: z.number(),
    sha256: z.string(),
  }),
  floor: z.object({ trainingDigits: z.number(), sha256: z.string() }),
  classifier: z.object({ sha256: z.string() }),
});

const reportSchema = termsSchema.extend({
  schema: z.literal(REPORT_SCHEMA),
  floorFigures: figuresSchema,
  columns: z.array(
    z.object({
      samples: z.object({ name: z.string().optional(), version: z.string().optional() }),
      figures: figuresSchema,
    }),
  ),
});

export type QualityFigures = z.infer<typeof figuresSchema>;

/** Figures that cannot be used. The message names the file. */
export class QualityError extends ExpectedError {
  override name = 'QualityError' as const;
}

/**
 * Joins reports.
 *
 * @param reports  At least one: the JSON of `npm run evaluate` and its file's name, for errors.
 * @returns        The terms of all, and figures by name@version.
 * @throws QualityError  When one is no such report, or has other terms than the first.
 */
export function joinReports(reports: readonly { source: string; report: unknown }[]) {
  const [first, ...others] = reports.map(({ source, report }) => {
    const parsed = reportSchema.safeParse(report);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      throw new QualityError(
        `${source}: expected what \`npm run --silent evaluate -- --model DIR --json\` prints, ` +
          `schema ${REPORT_SCHEMA}; ${issue?.path.join('.')}: ${issue?.message}`,
      );
    }
    return { source, ...parsed.data, terms: termsSchema.parse(parsed.data) };
  });
  if (first === undefined) {
    throw new QualityError('no figures: expected at least one report');
  }
  for (const other of others) {
    const names = Object.keys(first.terms) as (keyof typeof first.terms)[];
    const different = names.filter(
      (name) => canonicalize(first.terms[name]) !== canonicalize(other.terms[name]),
    );
    if (different.length > 0) {
      throw new QualityError(
        `${other.source}: its ${different.join(', ')} differs from that of ${first.source}; ` +
          'figures can be compared under the same terms only',
      );
    }
  }
  const models = [first, ...others].flatMap(({ columns }) =>
    columns.map(({ samples, figures }) => [`${samples.name}@${samples.version}`, figures] as const),
  );
  return {
    terms: first.terms,
    floorFigures: first.floorFigures,
    models: new Map<string, QualityFigures>(models),
  };
}
