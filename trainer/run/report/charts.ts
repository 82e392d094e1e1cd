/**
 * Which figures of a run are worth a picture, and what each shows. Pure.
 */
import type { MetricsLine } from '../log/metrics.ts';
import type { TrainingConfig } from '../../gan/preset.ts';
import type { Chart, Series } from './chart.ts';

type Figure = Exclude<keyof MetricsLine, 'warnings'>;

/** Loss of a player who guesses: log 2, and twice that for the discriminator of two kinds of images. */
const GUESSING = {
  relativistic: Math.LN2,
  generator: Math.LN2,
  discriminator: 2 * Math.LN2,
} as const;

/** Lays out a run's charts; those without any figure are left out. */
export function planCharts(
  metrics: readonly MetricsLine[],
  config: Partial<TrainingConfig>,
): Chart[] {
  const marks = metrics.filter(({ warnings = [] }) => warnings.length > 0).map(({ step }) => step);
  const pick = (figure: Figure): Series['points'] =>
    metrics.flatMap((line) =>
      line[figure] === undefined ? [] : [[line.step, line[figure]] as const],
    );
  const pickBoth = (discriminator: Figure, generator: Figure): Series[] => [
    { label: 'D', tone: 'discriminator', points: pick(discriminator) },
    { label: 'G', tone: 'generator', points: pick(generator) },
  ];
  const isRelativistic = config.objective?.type === 'relativistic';
  const charts: Chart[] = [
    {
      id: 'losses',
      title: 'Losses',
      note: `Discriminator (D) and generator (G), before the step's updates. Across: the loss of one who guesses. Low is not good: it does not tell how the samples look.`,
      scale: 'log',
      series: pickBoth('discriminatorLoss', 'generatorLoss'),
      references: isRelativistic
        ? [{ value: GUESSING.relativistic, label: 'guessing' }]
        : [
            { value: GUESSING.discriminator, label: 'D guessing' },
            { value: GUESSING.generator, label: 'G guessing' },
          ],
      marks,
    },
    {
      id: 'diversity',
      title: 'Diversity',
      note: 'How different the samples are from each other, in parts of what real images are. Towards 0 the generator collapses.',
      scale: 'linear',
      series: [{ label: 'samples', tone: 'plain', points: pick('diversity') }],
      references: [{ value: 1, label: 'real images' }],
      marks,
    },
    {
      id: 'gradients',
      title: 'Gradient norms',
      note: 'Length of each network’s whole gradient. Steep ways up are explosions, near 0 nothing is learnt.',
      scale: 'log',
      series: pickBoth('discriminatorGradientNorm', 'generatorGradientNorm'),
      marks,
    },
    {
      id: 'penalties',
      title: 'Penalties',
      note: 'Mean squared gradient of the discriminator by real images (R1) and by generated ones (R2), before gamma / 2.',
      scale: 'log',
      series: [
        { label: 'R1', tone: 'discriminator', points: pick('r1') },
        { label: 'R2', tone: 'generator', points: pick('r2') },
      ],
      marks,
    },
    {
      id: 'speed',
      title: 'Images a second',
      note: 'Real images trained on a second, pictures and checkpoints included, since the point before.',
      scale: 'linear',
      series: [{ label: 'images/s', tone: 'plain', points: pick('imagesPerSecond') }],
      marks: [],
    },
  ];
  const residentMebibytes: Series['points'] = pick('residentBytes').map(([step, bytes]) => [
    step,
    bytes / 2 ** 20,
  ]);
  charts.push({
    id: 'memory',
    title: 'Memory',
    note: 'Resident memory of the process in MiB. A line that keeps rising is a leak.',
    scale: 'linear',
    series: [{ label: 'MiB', tone: 'plain', points: residentMebibytes }],
    marks: [],
  });
  if ((config.finalFactor ?? 1) !== 1) {
    charts.push({
      id: 'factor',
      title: 'Schedule',
      note: 'What learning rates and gamma are multiplied with.',
      scale: 'linear',
      series: [{ label: 'factor', tone: 'plain', points: pick('learningRateFactor') }],
      marks: [],
    });
  }
  return charts.filter(({ series }) =>
    series.some(({ points }) => points.some(([, value]) => Number.isFinite(value))),
  );
}
