/**
 * Reads the figures of models from files of `npm run evaluate -- --json`. All files must have the
 * same terms, or figures could not be compared.
 */
import canonicalize from 'canonicalize';
import * as z from 'zod';
import { REPORT_SCHEMA } from '../../trainer/evaluation/evaluation.ts';
import { ExpectedError } from '../../shared/expected-error.ts';

const accuracySchema = z.object({
  accuracy: z.number(),
  worst: z.object({ label: z.number(), accuracy: z.number() }),
});

const figuresSchema = z.object({
  frechetDistance: z.number(),
  kernelDistance: z.object({ mean: z.number(), standardError: z.number() }),
  precision: z.number(),
  recall: z.number(),
  density: z.number(),
  coverage: z.number(),
  classAccuracy: accuracySchema.nullable(),
  classBalance: z.number(),
  classificationAccuracyScore: z.number().nullable(),
  diversity: z.number(),
  memorisation: z.number(),
  sharpness: z.number(),
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
      samples: z.object({
        kind: z.string(),
        name: z.string().optional(),
        version: z.string().optional(),
      }),
      figures: figuresSchema,
    }),
  ),
});

export type QualityFigures = z.infer<typeof figuresSchema>;
export type QualityTerms = z.infer<typeof termsSchema>;

/** Figures of models under the same terms. */
export interface MeasuredQuality {
  readonly terms: QualityTerms;
  readonly floorFigures: QualityFigures;
  /** By name@version. */
  readonly models: ReadonlyMap<string, QualityFigures>;
}

/** Figures that cannot be used. The message names the file. */
export class QualityError extends ExpectedError {
  override name = 'QualityError' as const;
}

/**
 * Joins reports.
 *
 * @param reports  At least one: the JSON of `npm run evaluate` and its file's name, for errors.
 * @throws QualityError  When one is no such report, or has other terms than the first.
 */
export function joinReports(
  reports: readonly { readonly source: string; readonly report: unknown }[],
): MeasuredQuality {
  const parsed = reports.map(({ source, report }) => ({ source, ...parseReport(source, report) }));
  const [first] = parsed;
  if (first === undefined) {
    throw new QualityError('no figures: expected at least one report');
  }
  for (const other of parsed) {
    const names = Object.keys(first.terms) as (keyof QualityTerms)[];
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
  const models = parsed.flatMap(({ columns }) =>
    columns.map(({ samples, figures }) => [`${samples.name}@${samples.version}`, figures] as const),
  );
  return { terms: first.terms, floorFigures: first.floorFigures, models: new Map(models) };
}

function parseReport(source: string, report: unknown) {
  const parsed = reportSchema.safeParse(report);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new QualityError(
      `${source}: expected what \`npm run --silent evaluate -- --model DIR --json\` prints, ` +
        `schema ${REPORT_SCHEMA}; ${issue?.path.join('.')}: ${issue?.message}`,
    );
  }
  return { ...parsed.data, terms: termsSchema.parse(parsed.data) };
}
