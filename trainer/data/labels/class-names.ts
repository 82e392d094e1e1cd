/** Names of classes that a set numbers, in a list beside it: classes.txt, class_names.json. */
import { nameSome, areWholeNumbers, type Sample } from '../layouts/source.ts';
import { readFile, type TreeFile } from '../layouts/tree.ts';
import { decodeText, parseJson } from './text-encoding.ts';

const LIST =
  /(?:^|\/)(?:(?:class(?:es)?|labels?|categor(?:y|ies))(?:[-_ ]?(?:names?|map|list))?|names)\.(?:txt|json)$/i;
const MAX_BYTES = 1024 * 1024;

/**
 * @param files  Those that were not used for anything else.
 * @returns  Null when labels are no numbers, or no list names all of them.
 */
export async function findClassNames(
  files: readonly TreeFile[],
  samples: readonly Sample[],
): Promise<{ path: string; classNames: readonly string[]; note: string } | null> {
  const labels = new Set(samples.flatMap(({ label }) => (label === null ? [] : [String(label)])));
  const largest = [...labels].reduce((most, label) => Math.max(most, Number(label)), 0);
  if (labels.size < 2 || !areWholeNumbers(labels)) {
    return null;
  }
  for (const file of files.filter(({ path }) => LIST.test(path))) {
    const bytes = await readFile(file, MAX_BYTES).catch(() => new Uint8Array());
    const text = decodeText(bytes);
    const names = /json$/i.test(file.path) ? listNames(parseJson(text)) : parseLines(text);
    if (names.length > largest && new Set(names).size === names.length && !names.includes('')) {
      const note = `The classes are named by ${file.path}: 0 is ${nameSome([names[0] as string])}.`;
      return { path: file.path, classNames: names, note };
    }
  }
  return null;
}

/** Lines may begin with their number: "0 cat", "1: dog". */
function parseLines(text: string): string[] {
  const lines = text
    .trimEnd()
    .split(/\r?\n/)
    .map((line) => line.trim());
  const numbered = lines.map((line, i) => {
    const [number = ''] = /^\d+[\s:,;=]+/.exec(line) ?? [];
    return number !== '' && parseInt(number, 10) === i ? line.slice(number.length) : undefined;
  });
  return numbered.every((name) => name !== undefined) ? numbered : lines;
}

/** ["cat", "dog"], {"0": "cat"} or {"cat": 0}. */
function listNames(content: unknown): string[] {
  const pairs = Object.entries(content ?? {}).map(([key, value]: [string, unknown]) =>
    typeof value === 'number' ? [value, key] : [Number(key), String(value)],
  );
  const names = new Map(pairs as [number, string][]);
  return Array.from({ length: names.size }, (_, i) => names.get(i) ?? '');
}
