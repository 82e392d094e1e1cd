#!/usr/bin/env node
/** `digitmint` on the command line: the only file that ends the process. */
import { run } from './program.ts';

process.exitCode = await run(process.argv.slice(2));
