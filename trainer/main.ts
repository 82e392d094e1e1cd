/** The trainer's command line. */
import { Command } from 'commander';
import {
  refuseEmptyArguments,
  refuseSwallowedFlags,
  refuseUnmeant,
  runProgram,
} from './cli/arguments.ts';
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
program.hook('preAction', (_program, command) => refuseEmptyArguments(command));

await runProgram(async () => {
  refuseSwallowedFlags(program);
  await program.parseAsync();
});

/** `addCommand` does not pass on the settings of errors, help and values. */
function inheritSettings(parent: Command): void {
  for (const command of parent.commands) {
    command.copyInheritedSettings(parent);
    refuseUnmeant(command);
    inheritSettings(command);
  }
}
