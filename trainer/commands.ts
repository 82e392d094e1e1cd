/** The commands by name. A command is loaded when it is called: TensorFlow.js takes a while. */
import type { Command } from 'commander';

export const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => (await import('./cli/train.ts')).buildTrainCommand(),
  sample: async () => (await import('./cli/sample.ts')).buildSampleCommand(),
  quantize: async () => (await import('./cli/quantize.ts')).buildQuantizeCommand(),
  report: async () => (await import('./cli/train.ts')).buildReportCommand(),
  evaluate: async () => (await import('./cli/evaluate.ts')).buildEvaluateCommand(),
  experiment: async () => (await import('./cli/experiment.ts')).buildExperimentCommand(),
  'train-classifier': async () =>
    (await import('./cli/train-classifier.ts')).buildTrainClassifierCommand(),
  'gpu-check': async () => (await import('./cli/gpu-check.ts')).buildGpuCheckCommand(),
  'train-encoder': async () =>
    (await import('./encoder/train-encoder.ts')).buildTrainEncoderCommand(),
  'evaluate-encoder': async () =>
    (await import('./encoder/evaluate-encoder.ts')).buildEvaluateEncoderCommand(),
  publish: async () => (await import('./cli/publish.ts')).buildPublishCommand(),
  models: async () => (await import('./cli/models.ts')).buildModelsCommand(),
};
