import { expect, it } from 'vitest';
import { findProblems } from '../dev/check-text.ts';

const LONG = 'word '.repeat(20).trimEnd(); // The text has 99 columns.
const URL = `https://example.org/${'a'.repeat(90)}`;

function check(path: string, text: string): string[] {
  return findProblems(new Map([[path, text]]));
}

it.each([
  ['shared/a.ts', `const a = 1;\n// ${LONG}\n`, 'shared/a.ts:2: 102 columns, at most 100 allowed'],
  ['a.ts', `/**\n * ${LONG}\n */\n`, 'a.ts:2: 102 columns, at most 100 allowed'],
  ['a.ts', `call('x'); // ${LONG}\n`, 'a.ts:1: 113 columns, at most 100 allowed'],
  ['a.mjs', `  /* ${LONG} */\n`, 'a.mjs:1: 107 columns, at most 100 allowed'],
  ['a.css', `/* ${LONG} */\n`, 'a.css:1: 105 columns, at most 100 allowed'],
  ['a.py', `a = 1  # ${LONG}\n`, 'a.py:1: 108 columns, at most 100 allowed'],
  ['a.sh', `# ${LONG}\n`, 'a.sh:1: 101 columns, at most 100 allowed'],
  ['a.toml', `a = 1 # ${LONG}\n`, 'a.toml:1: 107 columns, at most 100 allowed'],
  ['a.yml', `# ${LONG}\n`, 'a.yml:1: 101 columns, at most 100 allowed'],
  ['a/Dockerfile', `# ${LONG}\n`, 'a/Dockerfile:1: 101 columns, at most 100 allowed'],
  ['a.md', `Text.\n\n- ${LONG}\n`, 'a.md:3: 101 columns, at most 100 allowed'],
])('a wide comment or paragraph is reported: %s', (path, text, problem) => {
  expect(check(path, text)).toEqual([problem]);
});

it.each([
  ['a.ts', `// ${LONG.slice(3)}\n`],
  ['a.ts', `// ${URL}\n`],
  ['a.ts', `const text = 'see // ${LONG}';\n`],
  ['a.ts', `const text = \`${URL} ${LONG}\`;\n`],
  ['a.md', `| ${LONG} |\n`],
  ['a.md', `\`\`\`sh\n${LONG} ${LONG}\n\`\`\`\n`],
  ['a.md', `![${LONG}](a.png)\n`],
  ['a.md', `## [${LONG}](a.md)\n`],
  ['a.md', `See ${URL}\n`],
  [
    'a.md',
    `# Title\n\n<!-- Written by \`npm run bench\`: change it there. -->\n\n${LONG}, ${LONG}\n`,
  ],
  ['a.json', `"// ${LONG}"\n`],
])('a wide line that cannot be wrapped is not reported: %s %#', (path, text) => {
  expect(check(path, text)).toEqual([]);
});

it.each([
  ['// What a caller does wrong.', 'What'],
  ['/** Draws digits. Of two with one name the first counts. */', 'Of'],
  [' * @param key  Of the seed.', 'Of'],
  ['call(); // Whoever asks gets it.', 'Whoever'],
])('a sentence that begins like a riddle is reported: %s', (line, word) => {
  expect(check('a.ts', line)).toEqual([`a.ts:1: a sentence begins with “${word}”: name it`]);
});

it.each([
  '// What decides? The seed.',
  "const text = 'What a day';",
  '// The name of what is drawn.',
])('a question, a text and an object are not riddles: %s', (line) => {
  expect(check('a.ts', line)).toEqual([]);
});

it('a folder with more than 12 source files is reported', () => {
  const files = (count: number) =>
    new Map(Array.from({ length: count }, (_, i) => [`worker/routes/file-${i}.ts`, '']));
  expect(findProblems(new Map([...files(12), ['worker/routes/notes.md', '']]))).toEqual([]);
  expect(findProblems(files(13))).toEqual(['worker/routes: 13 source files, at most 12 allowed']);
});

it.each([
  ['shared/model/a.ts', "import { a } from '../../worker/a.ts';", 'shared', 'worker'],
  ['storage/a.ts', "import type { A } from '../trainer/a.ts';", 'storage', 'trainer'],
  ['trainer/gan/a.ts', "export { a } from '../../server/a.ts';", 'trainer', 'server'],
  ['worker/a.ts', "const a = await import('../storage/a.ts');", 'worker', 'storage'],
  ['server/a.ts', "import { a } from '../dev/a.ts';", 'server', 'dev'],
])('an import against the arrows is reported: %s', (path, text, room, other) => {
  expect(check(path, `\n${text}\n`)).toEqual([`${path}:2: ${room}/ must not import ${other}/`]);
});

it.each([
  ['storage/a.ts', "import { a } from '../shared/a.ts';"],
  ['server/a.ts', "import { a } from '../storage/a.ts';"],
  ['worker/routes/a.ts', "import { a } from '../formats/a.ts';"],
  ['bench/a.ts', "import { a } from '../trainer/a.ts';"],
])('an import along the arrows passes: %s', (path, text) => {
  expect(check(path, text)).toEqual([]);
});
