/**
 * The software and machine that a run was started or resumed on.
 */
import { readFile } from 'node:fs/promises';
import { cpus, release, totalmem, type } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import type { SelectedBackend } from '../tensorflow/backend.ts';

/** A start or resumption: one line of sessions.jsonl. */
export interface Session {
  /** ISO 8601. */
  readonly startedAt: string;
  /** Its first step. */
  readonly step: number;
  readonly backend: {
    readonly name: string;
    readonly description: string;
    readonly threads: number | null;
  };
  readonly versions: { readonly digitmint: string; readonly node: string; readonly tfjs: string };
  readonly machine: {
    readonly system: string;
    readonly processor: string;
    readonly cores: number;
    readonly memoryGiB: number;
  };
}

/** Describes the session that starts now. @param step  Its first step. */
export async function describeSession(
  step: number,
  { name, description, threads }: SelectedBackend,
): Promise<Session> {
  const { version } = JSON.parse(
    await readFile(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string };
  return {
    startedAt: new Date().toISOString(),
    step,
    backend: { name, description, threads: threads ?? null },
    versions: { digitmint: version, node: process.versions.node, tfjs: tf.version_core },
    machine: describeMachine(),
  };
}

export function describeMachine(): Session['machine'] {
  const processors = cpus();
  return {
    system: `${type()} ${release()} ${process.arch}`,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}
