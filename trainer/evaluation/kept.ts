/** Results that take long and depend on known facts alone: files named after the facts' hash. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hashValue } from '../../shared/model/artifact.ts';
import { writeJson } from '../../storage/files.ts';

/** The folder of kept results. Safe to delete. */
const KEPT_FOLDER = join(import.meta.dirname, '../../.digitmint/evaluation');

export interface Keeping {
  readonly keptFolder?: string;
  /** Computes again what was kept. */
  readonly fresh?: boolean;
}

/**
 * Reads the result that was kept of some facts, or computes it and keeps it. Numbers that are not
 * finite were kept as null.
 * @param facts  All that decides the result, which survives JSON.
 */
export async function recall<T>(
  facts: object,
  compute: () => Promise<T>,
  { keptFolder = KEPT_FOLDER, fresh = false }: Keeping,
): Promise<{ result: T; isKept: boolean }> {
  const name = hashValue(facts).slice(0, 32);
  const path = join(keptFolder, `${name}.json`);
  const kept = fresh ? null : await readKept<T>(path, name);
  if (kept !== null) {
    return { result: kept.result, isKept: true };
  }
  const result = await compute();
  try {
    await mkdir(keptFolder, { recursive: true });
    await writeJson(path, { sha256: hashResult(name, result), result });
  } catch {
    // The folder of a shared bundle is read-only, and a disk may be full: the result counts.
  }
  return { result, isKept: false };
}

/** @returns  Null when there is no whole file of these facts. */
async function readKept<T>(path: string, name: string): Promise<{ result: T } | null> {
  try {
    const kept = JSON.parse(await readFile(path, 'utf8')) as { sha256: string; result: T };
    return kept.sha256 === hashResult(name, kept.result) ? kept : null;
  } catch {
    return null;
  }
}

function hashResult(name: string, result: unknown): string {
  return hashValue([name, JSON.stringify(result)]);
}
