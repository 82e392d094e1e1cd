/**
 * The trainer's command line. The only file that ends the process.
 */
import { Command } from 'commander';
import { ArtifactError } from '../shared/artifact.ts';
import { buildEvaluateCommand } from './commands/evaluate.ts';
import { buildExperimentCommand } from './commands/experiment.ts';
import { buildModelsCommand } from './commands/models.ts';
import { buildPublishCommand } from './commands/publish.ts';
import { buildQuantizeCommand } from './commands/quantize.ts';
import { buildReportCommand } from './commands/report.ts';
import { buildSampleCommand } from './commands/sample.ts';
import { buildTrainClassifierCommand } from './commands/train-classifier.ts';
import { buildTrainCommand } from './commands/train.ts';
import { ExpectedError } from './expected-error.ts';

const program = new Command('digitmint')
  .description(
    'Trains generators of handwritten digits, draws from them, makes them small and publishes them.',
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

/** Sub-commands that are added do not inherit how errors are shown. */
function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent);
    inheritSettings(command);
  }
}
