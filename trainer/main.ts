/** The trainer's command line. The only file that ends the process. */
import { Command } from 'commander';
import { ArtifactError } from '../shared/model/artifact.ts';
import { buildEvaluateCommand } from './cli/evaluate.ts';
import { buildExperimentCommand } from './cli/experiment.ts';
import { buildModelsCommand } from './cli/models.ts';
import { buildPublishCommand } from './cli/publish.ts';
import { buildQuantizeCommand } from './cli/quantize.ts';
import { buildSampleCommand } from './cli/sample.ts';
import { buildTrainClassifierCommand } from './cli/train-classifier.ts';
import { buildReportCommand, buildTrainCommand } from './cli/train.ts';
import { ExpectedError } from '../shared/expected-error.ts';

const program = new Command('digitmint')
  .description(
    'Trains generators of handwritten digits, draws from them, quantizes them and publishes them.',
  )
  .showSuggestionAfterError()
  .showHelpAfterError('(--help tells what is allowed)')
  .addCommand(buildTrainCommand())
  .addCommand(buildSampleCommand())
  .addCommand(buildQuantizeCommand())
  .addCommand(buildReportCommand())
  .addCommand(buildEvaluateCommand())
  .addCommand(buildExperimentCommand())
  .addCommand(buildTrainClassifierCommand())
  .addCommand(buildPublishCommand())
  .addCommand(buildModelsCommand());
inheritSettings(program);

try {
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
