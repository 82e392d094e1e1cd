/** The flag `--backend`, for all commands that compute with TensorFlow.js. */
import { Option } from 'commander';
import { BACKEND_NAMES, type BackendName } from './open-backend.ts';

export const BACKEND_CHOICES = ['auto', ...BACKEND_NAMES] as const;

export type BackendChoice = 'auto' | BackendName;

/** @param help  The work of the backend. */
export function buildBackendOption(help: string): Option {
  return new Option('--backend <name>', help).choices(BACKEND_CHOICES).default('auto');
}
