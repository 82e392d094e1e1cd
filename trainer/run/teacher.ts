/** Loads the model that a run's generator imitates, and checks that both go together. */
import { ExpectedError } from '../../shared/expected-error.ts';
import { decodeWeights, hashBytes } from '../../shared/model/artifact.ts';
import { planGenerator, type GeneratorConfig } from '../../shared/model/generator.ts';
import type { TrainingConfig } from '../gan/preset.ts';
import type { TeacherModel } from '../gan/step.ts';
import { readArtifactFolder } from '../publish/artifact-folder.ts';

/** How much a difference between the pixels counts at first: models/digits-small/README.md. */
const WEIGHT = Number(process.env['TEACHER_WEIGHT'] ?? 50);

/** @throws ExpectedError  When there is no model, or one of other input or images. */
export async function loadTeacher(
  folder: string,
  student: GeneratorConfig,
): Promise<{ config: NonNullable<TrainingConfig['teacher']>; teacher: TeacherModel }> {
  const model = await readArtifactFolder(folder);
  const { manifest, plan, weightsFile } = model;
  const [expected, given] = [planGenerator(student), plan].map(describe);
  if (given !== expected) {
    throw new ExpectedError(`--teacher ${folder}: expected a model of ${expected}, got ${given}`);
  }
  return {
    config: {
      model: `${manifest.name}@${manifest.version}`,
      sha256: hashBytes(weightsFile),
      weight: WEIGHT,
    },
    teacher: { plan, pixelRange: manifest.image.range, weights: decodeWeights(model, weightsFile) },
  };
}

function describe({ outputShape, config }: ReturnType<typeof planGenerator>): string {
  return `${outputShape.join(' x ')} numbers from ${config.latentSize} and ${config.classes} classes`;
}
