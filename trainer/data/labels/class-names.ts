/** Names of classes that a set numbers, in a list beside it: classes.txt, class_names.json. */
import { ExpectedError } from '../../../shared/expected-error.ts';
import { nameSome, areWholeNumbers, within, type Sample } from '../layouts/source.ts';
import { readFile, type TreeFile } from '../layouts/tree.ts';
import { decodeText, parseJson } from './text-encoding.ts';

const LIST =
  /(?:^|\/)(?:(?:class(?:es)?|labels?|categor(?:y|ies))(?:[-_ ]?(?:names?|map|list))?|names)\.(?:txt|json)$/i;
const MAPPING = /(?:^|\/)emnist-[a-z]+-mapping\.txt$/;
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
  const lists = files.filter(({ path }) => LIST.test(path) || MAPPING.test(path));
  for (const file of lists) {
    const bytes = await readFile(file, MAX_BYTES).catch(() => new Uint8Array());
    const text = decodeText(bytes);
    const names = MAPPING.test(file.path)
      ? await within(`${file.path} `, () => parseMapping(text))
      : /json$/i.test(file.path)
        ? listNames(parseJson(text))
        : parseLines(text);
    const known = Object.values(names);
    if (names.length > largest && new Set(known).size === known.length && !names.includes('')) {
      const [label = '', name = ''] = Object.entries(names)[0] ?? [];
      const note = `The classes are named by ${file.path}: ${label} is ${nameSome([name])}.`;
      return { path: file.path, classNames: names, note };
    }
  }
  return null;
}

/**
 * Reads EMNIST's lists of labels and their characters in ASCII: "10 65 97" is A, and a.
 * @returns  The first character of each label, by label.
 * @throws ExpectedError  For a line of anything else.
 */
export function parseMapping(text: string): string[] {
  return nameCharacters(
    text
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [, label, code] = /^\s*(\d{1,3})\s+(\d{1,5})(?:\s|$)/.exec(line) ?? [];
        if (label === undefined) {
          throw new ExpectedError(
            `has the line ${JSON.stringify(line.slice(0, 40))}: expected a label and a character's number`,
          );
        }
        return [Number(label), Number(code)];
      }),
  );
}

/** @param pairs  Labels and numbers of characters. @returns  The characters, by label. */
export function nameCharacters(pairs: readonly (readonly number[])[]): string[] {
  const names: string[] = [];
  for (const [label = 0, code = 0] of pairs) {
    names[label] = String.fromCodePoint(code);
  }
  return names;
}

/** Lines may begin with their number: "0 cat", "1: dog". */
function parseLines(text: string): string[] {
  const lines = text
    .trimEnd()
    .split('\n')
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
