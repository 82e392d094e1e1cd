/**
 * Python's TensorFlow in a virtual environment of its own, .digitmint/keras-venv, made on first use.
 */
import { join } from 'node:path';
import { preparePython } from './python-environment.ts';

/**
 * Makes the environment unless it is there.
 *
 * @param log  Tells a person what is going on.
 * @returns    Path of its Python.
 * @throws PythonEnvironmentError  When Python, venv, pip or the network is missing.
 */
export function prepareKeras(log: (line: string) => void): Promise<string> {
  return preparePython(
    {
      name: 'keras-venv',
      requirements: join(import.meta.dirname, 'keras-requirements.txt'),
      // Those that TensorFlow 2.15.1 exists for come first.
      interpreters: ['python3.11', 'python3.10', 'python3.9', 'python3', 'python'],
      size: 'downloads about 300 MB, takes 1.2 GB',
      advice:
        'TensorFlow 2.15.1 needs Python 3.9 to 3.11,\nx64; any of python3.11, python3.10, python3.9 on the PATH is taken before python3.',
    },
    log,
  );
}
