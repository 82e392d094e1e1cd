/**
 * Builds the Node server once for all test files that run it. vitest.config.ts names this file as
 * their set-up.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { buildServer } from '../../../dev/build/server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Absolute path of the folder with the built server. */
    serverFolder: string;
  }
}

export default async function setUp(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'digitmint-server-'));
  await buildServer(folder);
  project.provide('serverFolder', folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
