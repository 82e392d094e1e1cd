#!/usr/bin/env node
/** `digitmint` on the command line: the only file that ends the process. */
import { describeFault, EXIT } from './output.ts';
import { run } from './program.ts';

process.stdout.on('error', (cause: NodeJS.ErrnoException) => {
  // EPIPE: the reader has stopped reading, as `head` does.
  if (cause.code !== 'EPIPE') {
    process.stderr.write(
      `digitmint: standard output cannot be written (${describeFault(cause)})\n`,
    );
    process.exit(EXIT.failed);
  }
});
// If the reader has closed the pipe, nobody can read a report.
process.stderr.on('error', () => undefined);

process.exitCode = await run(process.argv.slice(2));
