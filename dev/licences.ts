/**
 * The licences of what a bundle holds: its makers ask that they go along.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

const ROOT = join(import.meta.dirname, '..');

/**
 * Writes the licences of all packages that some byte of a bundle comes from, by name.
 * @throws Error  When a package has neither a licence's text nor its name.
 */
export function describeLicences({ outputs }: Metafile): string {
  const folders = new Set<string>();
  for (const { inputs } of Object.values(outputs)) {
    for (const path of Object.keys(inputs)) {
      const folder = /node_modules\/(?:.*node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
      if (folder !== undefined) {
        folders.add(folder);
      }
    }
  }
  return [...folders].sort().map(describeLicence).join('\n');
}

function describeLicence(folder: string): string {
  const path = join(ROOT, folder);
  const { name, version, license } = JSON.parse(
    readFileSync(join(path, 'package.json'), 'utf8'),
  ) as Record<string, string>;
  const file = readdirSync(path).find((each) => /^licen[cs]e/i.test(each));
  if (license === undefined && file === undefined) {
    throw new Error(`${folder} tells no licence: do not bundle it before that is known`);
  }
  const title = `${name} ${version} (${license ?? 'see below'})`;
  const text = file === undefined ? '' : `\n${readFileSync(join(path, file), 'utf8').trim()}\n`;
  return `${title}\n${'='.repeat(title.length)}\n${text}`;
}
