/**
 * The folders that builds write. A build replaces what a build made, and nothing else: a list in
 * the folder names what that is. The old build stays until the new one is whole.
 */
import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ExpectedError } from '../../shared/expected-error.ts';
import { nameTemporary, OF_SYSTEM, replaceFolder } from '../../storage/files.ts';

const LIST_FILE = '.digitmint-files.json';
/** Files that a message names. */
const MAX_NAMED = 3;

/**
 * Builds a folder anew.
 * @param folder  Absolute path.
 * @param build   Gets an empty folder, which takes the name afterwards.
 * @throws ExpectedError  When the folder holds something that no build made, or cannot be made.
 *                        Nothing is changed.
 */
export async function replaceBuild(
  folder: string,
  build: (temporary: string) => Promise<void>,
): Promise<void> {
  // A link stays, and what it leads to is replaced.
  const place = fs.existsSync(folder) ? fs.realpathSync(folder) : folder;
  refuseForeign(folder, place);
  const temporary = nameTemporary(place);
  try {
    fs.mkdirSync(dirname(place), { recursive: true });
    fs.rmSync(temporary, { recursive: true, force: true });
    fs.mkdirSync(temporary);
  } catch (cause) {
    throw new ExpectedError(`${folder} cannot be made: ${(cause as Error).message}`, { cause });
  }
  try {
    await build(temporary);
    const list = `${JSON.stringify(listFiles(temporary), null, 2)}\n`;
    fs.writeFileSync(join(temporary, LIST_FILE), list);
    refuseForeign(folder, place);
    await replaceFolder(temporary, place);
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

function refuseForeign(folder: string, place: string): void {
  const facts = fs.lstatSync(place, { throwIfNoEntry: false });
  if (facts === undefined) {
    return;
  }
  if (!facts.isDirectory()) {
    throw new ExpectedError(`${folder}: expected a folder, got a file; name another one`);
  }
  const made = readList(place);
  // Without a list the folder may be a large one, of a home for instance.
  const files = made === null ? fs.readdirSync(place) : listFiles(place);
  const foreign = files.filter(
    (file) => file !== LIST_FILE && made?.has(file) !== true && !OF_SYSTEM.test(basename(file)),
  );
  if (foreign.length > 0) {
    const more = foreign.length > MAX_NAMED ? `, and ${foreign.length - MAX_NAMED} more` : '';
    throw new ExpectedError(
      `${folder} holds ${foreign.slice(0, MAX_NAMED).join(', ')}${more}, which no build made; ` +
        'name a folder that is new or empty, or move that elsewhere',
    );
  }
}

/** @returns  null without a list. */
function readList(place: string): Set<string> | null {
  try {
    const list: unknown = JSON.parse(fs.readFileSync(join(place, LIST_FILE), 'utf8'));
    return Array.isArray(list) ? new Set(list.map(String)) : null;
  } catch {
    return null;
  }
}

/** Lists files, and links and empty folders, by their paths from the folder. */
function listFiles(folder: string): string[] {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const inner = entry.isDirectory() ? listFiles(join(folder, entry.name)) : [];
      return inner.length === 0 ? [entry.name] : inner.map((file) => `${entry.name}/${file}`);
    })
    .sort();
}
