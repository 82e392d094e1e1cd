/** Names of classes that a set numbers, in a list beside it: classes.txt, class_names.json. */
import { ExpectedError } from '../../../shared/expected-error.ts';
import { nameSome, areWholeNumbers, within, type Sample } from '../layouts/source.ts';
import { readFile, type TreeFile } from '../layouts/tree.ts';
import { decodeText, parseJson } from './text-encoding.ts';

const LIST =
  /(?:^|\/)(?:(?:class(?:es)?|labels?|categor(?:y|ies))(?:[-_ ]?(?:names?|map(?:ping)?|list|indices))?|names|synsets|(?:cat|class|label|id|idx|index)(?:[-_ ]to[-_ ]|2)(?:name|class|label|id|idx|index))\.(?:txt|json)$/i;
const MAPPING = /(?:^|\/)emnist-[a-z]+-mapping\.txt$/;
const MAX_BYTES = 1024 * 1024;

/** @param files  Those that were not used for anything else. */
export async function findClassNames(
  files: readonly TreeFile[],
  samples: readonly Sample[],
): Promise<{ path?: string; classNames?: readonly string[]; notes: readonly string[] }> {
  const known = new Set(samples.flatMap(({ label }) => (label === null ? [] : [String(label)])));
  const notes: string[] = [];
  if (known.size < 2 || !areWholeNumbers(known)) {
    return { notes };
  }
  const labels = [...known].map(Number).sort((a, b) => a - b);
  for (const file of files.filter(({ path }) => LIST.test(path) || MAPPING.test(path))) {
    const bytes = await readFile(file, MAX_BYTES).catch(() => Buffer.alloc(0));
    const text = decodeText(bytes);
    const names = MAPPING.test(file.path)
      ? await within(`${file.path} `, () => parseMapping(text))
      : /json$/i.test(file.path)
        ? listNames(parseJson(text))
        : parseLines(text, labels);
    const unnamed = labels.find((label) => !names[label]);
    const own = labels.map((label) => names[label] ?? '');
    const twice = own.find((name, i) => own.indexOf(name) !== i);
    if (unnamed === undefined && twice === undefined) {
      const note = `The classes are named by ${file.path}: ${labels[0]} is ${nameSome(own.slice(0, 1))}.`;
      return { path: file.path, classNames: names, notes: [...notes, note] };
    }
    const fault =
      unnamed === undefined ? `names two labels ${twice}` : `has no name for the label ${unnamed}`;
    notes.push(
      `${file.path} is not used for the names of classes: it ${fault}. Its names begin at label 0, or have their labels before them.`,
    );
  }
  return { notes };
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

/**
 * Reads a name from each line, from label 0 on, or the names of numbered lines: "0 cat", "1: dog".
 * @returns  The names by label, with holes where numbers lack.
 */
export function parseLines(text: string, labels: readonly number[]): string[] {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
  const numbered: string[] = [];
  const areNumbered = lines.every((line) => {
    const [, number, name = ''] = /^(\d{1,9})[\s:,;=]+([^\s:,;=].*)$/.exec(line) ?? [];
    numbered[Number(number ?? 0)] = name;
    return number !== undefined;
  });
  // Names may begin with numbers, too: "10 cent".
  return areNumbered && labels.every((label) => numbered[label]) ? numbered : lines;
}

/** ["cat", "dog"], {"0": "cat"} or {"cat": 0}. */
function listNames(content: unknown): string[] {
  const names: string[] = [];
  for (const [key, value] of Object.entries(content ?? {}) as [string, unknown][]) {
    const [label, name] = typeof value === 'number' ? [value, key] : [Number(key), String(value)];
    if (Number.isInteger(label) && label >= 0) {
      names[label] = name;
    }
  }
  return names;
}
