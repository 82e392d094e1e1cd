/**
 * `npm run check` runs this first. It reports, as file:line, comments and Markdown prose wider than
 * 100 columns, comments with a sentence that begins like a riddle, folders with more than 12 source
 * files, and imports against the arrows of docs/architecture.md. The formatter checks the width of
 * code; the linter checks import circles.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

const MAX_COLUMNS = 100;
const MAX_FILES = 12;

const HASH = /(^|\s)#\s/;
/** How a comment begins, by `kindOf` the file. The pattern must not match inside of URLs. */
const COMMENTS: Readonly<Record<string, RegExp>> = {
  '.ts': /^\s*\*|(^|\s)\/[*/]/,
  '.mjs': /^\s*\*|(^|\s)\/[*/]/,
  '.js': /^\s*\*|(^|\s)\/[*/]/,
  '.css': /^\s*\*|(^|\s)\/\*/,
  '.py': /(^|\s)#\s|^\s*"""/,
  '.sh': HASH,
  '.toml': HASH,
  '.yml': HASH,
  Dockerfile: HASH,
  run: HASH,
};

/** "What a caller does wrong" says less than "Requests with faults". Questions may begin so. */
const RIDDLE =
  /(?:^\s*(?:\*|\/\*\*?|\/\/)|[.:!?]|@\w+ +\w+) +(Of|What|Who|Whoever|Whatever) [^?]*$/;

/** Marks a page that a command writes. Its paragraphs may be one line. */
const GENERATED = /^<!-- (?:Written|Made) by `npm run /m;

/** The folders that each folder may import from. `bench`, `dev` and `test` may import from all. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  storage: ['shared'],
  trainer: ['shared', 'storage'],
  worker: ['shared'],
  server: ['shared', 'storage', 'worker'],
  page: ['shared', 'worker'],
  client: ['shared', 'worker'],
};

/** Finds all problems. @param files  The text of each file, by its path from the root. */
export function findProblems(files: ReadonlyMap<string, string>): string[] {
  const sources = [...files.keys()].filter((path) => kindOf(path) in COMMENTS);
  return [
    ...[...files].flatMap(([path, text]) => findWideLines(path, text)),
    ...sources.flatMap((path) => findRiddles(path, files.get(path) ?? '')),
    ...findFullFolders(sources),
    ...sources.flatMap((path) => findWrongImports(path, files.get(path) ?? '')),
  ];
}

/** Tells the extension of a file or, without one, its name. */
function kindOf(path: string): string {
  return extname(path) || basename(path);
}

function findWideLines(path: string, text: string): string[] {
  const kind = kindOf(path);
  const comment = COMMENTS[kind];
  const lines = kind === '.md' ? keepProse(text) : comment === undefined ? [] : text.split('\n');
  return lines.flatMap((line, i) => {
    // A URL cannot be wrapped, so it does not count.
    const columns = [...line.replaceAll(/https?:\/\/\S+/g, '')].length;
    return columns > MAX_COLUMNS && (comment === undefined || comment.test(hideTexts(line)))
      ? [`${path}:${i + 1}: ${columns} columns, at most ${MAX_COLUMNS} allowed`]
      : [];
  });
}

function findRiddles(path: string, text: string): string[] {
  const comment = COMMENTS[kindOf(path)] as RegExp;
  return text.split('\n').flatMap((line, i) => {
    const code = hideTexts(line);
    const start = comment.exec(code)?.index;
    const word = start === undefined ? undefined : RIDDLE.exec(code.slice(start))?.[1];
    return word === undefined
      ? []
      : [`${path}:${i + 1}: a sentence begins with “${word}”: name it`];
  });
}

/** Blanks the lines of Markdown that may be wide: code samples, tables, images, linked headings. */
function keepProse(text: string): string[] {
  if (GENERATED.test(text)) {
    return [];
  }
  let isCode = false;
  return text.split('\n').map((line) => {
    const isFence = /^\s*(```|~~~)/.test(line);
    isCode = isFence ? !isCode : isCode;
    return isCode || isFence || /^\s*(\||!\[| {4}|#+ .*\]\()/.test(line) ? '' : line;
  });
}

/** Removes string literals, in which a comment cannot begin. */
function hideTexts(line: string): string {
  return line.replaceAll(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)+"|`(?:[^`\\]|\\.)*`/g, "''");
}

function findFullFolders(sources: readonly string[]): string[] {
  return [...Map.groupBy(sources, dirname)]
    .filter(([, { length }]) => length > MAX_FILES)
    .map(
      ([folder, { length }]) => `${folder}: ${length} source files, at most ${MAX_FILES} allowed`,
    );
}

function findWrongImports(path: string, text: string): string[] {
  const [room = ''] = path.split('/');
  const allowed = ARROWS[room];
  if (allowed === undefined) {
    return [];
  }
  return text.split('\n').flatMap((line, i) => {
    const target = /(?:from|import) ?\(?'(\.[^']*)'/.exec(line)?.[1];
    const [other = ''] = target === undefined ? [room] : join(dirname(path), target).split('/');
    const isRoom = other in ARROWS || ['bench', 'dev', 'test'].includes(other);
    return other === room || !isRoom || allowed.includes(other)
      ? []
      : [`${path}:${i + 1}: ${room}/ must not import ${other}/`];
  });
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
  const paths = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0');
  const texts = paths
    .filter((path) => kindOf(path) in COMMENTS || path.endsWith('.md'))
    // Git also lists files that were deleted but not committed.
    .filter((path) => existsSync(join(root, path)))
    .map((path) => [path, readFileSync(join(root, path), 'utf8')] as const);
  const problems = findProblems(new Map(texts));
  if (problems.length > 0) {
    console.error(`${problems.join('\n')}\n${problems.length} problems in texts and imports`);
    process.exitCode = 1;
  }
}
