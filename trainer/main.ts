/** The trainer's command line. */
import { Command } from 'commander';
import { ArtifactError } from '../shared/model/artifact.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { refuseSwallowedFlags } from './cli/arguments.ts';

/** A command's code is loaded when it is called: TensorFlow.js takes a while. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
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

const program = new Command('digitmint')
  .description(
    'Trains generators of handwritten digits, draws from them, quantizes them and publishes them.',
  )
  .showSuggestionAfterError()
  .showHelpAfterError('(--help tells what is allowed)');
const [called = ''] = process.argv.slice(2);
for (const name of Object.hasOwn(COMMANDS, called) ? [called] : Object.keys(COMMANDS)) {
  program.addCommand((await COMMANDS[name]?.()) as Command);
}
inheritSettings(program);

try {
  refuseSwallowedFlags(program);
  await program.parseAsync();
} catch (error) {
  const expected = error instanceof ExpectedError || error instanceof ArtifactError;
  console.error(expected ? `digitmint: ${error.message}` : error);
  process.exitCode = 1;
}

/** `addCommand` does not pass on the settings of errors and help. */
function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent);
    inheritSettings(command);
  }
}
