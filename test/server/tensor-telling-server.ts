/**
 * The server, for tests: at SIGUSR2 it writes how many tensors are alive.
 */
import { countTensors } from '../../worker/tensorflow/backend.ts';

process.on('SIGUSR2', () => process.stdout.write(`${JSON.stringify({ event: 'tensors', count: countTensors() })}\n`));

await import('../../server/main.ts');
