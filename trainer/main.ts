/** The trainer's command line. */
import { Command } from 'commander';
import { ArtifactError } from '../shared/model/artifact.ts';
import { ExpectedError } from '../shared/expected-error.ts';
import { refuseSwallowedFlags } from './cli/arguments.ts';
import { COMMANDS } from './commands.ts';

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
