/**
 * Every code sample of the documentation. Other tests run many as they stand; this one checks the
 * rest: URLs against the worker, commands and their flags against the programs' own parsers.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseSettings } from '../../server/settings.ts';
import { PARAMETERS } from '../../shared/contract/parameters.ts';
import { COMMANDS } from '../../trainer/commands.ts';
import { hasTools, runPython } from '../support/data-tools/data-tools.ts';
import { startWorker, type TestWorker } from '../support/hosts/workerd.ts';
import { resolveReferences } from '../support/references.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface Sample {
  readonly file: string;
  readonly line: number;
  /** With what follows it in the fence, as in `json reader`. */
  readonly language: string;
  readonly code: string;
}

const FILES = [
  'README.md',
  'CONTRIBUTING.md',
  'client/README.md',
  'models/digits/README.md',
  'models/digits-small/README.md',
  ...readdirSync(join(ROOT, 'docs')).map((file) => `docs/${file}`),
].filter((file) => file.endsWith('.md'));

const SAMPLES: readonly Sample[] = FILES.flatMap((file) => {
  const text = read(file);
  return [...text.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map(
    ({ 1: language = '', 2: code = '', index }) => ({
      file,
      line: text.slice(0, index).split('\n').length,
      language,
      code,
    }),
  );
});

/** Samples by file and language that are run elsewhere, or that are no code. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'client/README.md js': 'test/client/readme.test.ts',
  'client/README.md jsx': 'test/client/frameworks.test.ts',
  'client/README.md html': 'test/client/readme.test.ts',
  'docs/api.md ts': 'test/generated/typescript/program.ts',
  'docs/api.md yaml': 'test/generated/clients.test.ts',
  'docs/embed.md html': 'test/client/embed-guide.test.ts',
  'docs/embed.md js': 'test/client/embed-guide.test.ts',
  'docs/embed.md css': 'test/client/embed-guide.test.ts',
  'docs/embed.md markdown': 'test/client/embed-guide.test.ts',
  'docs/embed.md ': 'test/client/embed-guide.test.ts',
  'docs/learn.md film digits': 'dev/build/film.ts', // No code: a figure.
  'docs/learn.md film seed': 'dev/build/film.ts',
  'docs/own-data.md ': 'test/own-data.test.ts', // No code: a folder, and a command's output.
  'docs/publication.md json reader': 'test/server/s3-rights.test.ts',
  'docs/publication.md json publisher': 'test/server/s3-rights.test.ts',
  'docs/quick-start.md html': 'test/client/embed-guide.test.ts',
  'docs/quick-start.md py': 'test/api/models/recipe.test.ts',
  'docs/recipe.md py': 'test/api/models/recipe.test.ts',
  'docs/self-host.md caddy': 'test/server/proxy.test.ts',
  'docs/self-host.md nginx': 'test/server/proxy.test.ts',
};

/** Programs of others, whose flags are theirs. */
const FOREIGN = [
  'git checkout',
  'awk',
  'cd',
  'cp',
  'docker',
  'find package',
  'mkdir',
  'openssl',
  'printf',
  'python',
  'scp',
  'ssh',
  'sort',
  'sudo',
  'tar',
  'xargs',
  'npx wrangler',
  'npx openapi-typescript',
  'openapi-python-client',
  'npx digitmint', // test/client/readme.test.ts runs them all.
];

const pick = (language: string) =>
  SAMPLES.filter((sample) => sample.language === language)
    .filter(({ file }) => !(`${file} ${language}` in ELSEWHERE))
    .map((sample) => [`${sample.file}:${sample.line}`, sample] as const);

let worker: TestWorker;
let methods: Record<string, Record<string, { parameters?: { name: string }[] }>>;
beforeAll(async () => {
  worker = await startWorker();
  const document = (await (await worker.fetch('/openapi.json')).json()) as { paths: object };
  methods = resolveReferences(document).paths as typeof methods;
});
afterAll(() => worker.close());

test('every sample has a test', () => {
  const known = new Set(['sh', 'json', 'html', 'python']);
  const unknown = SAMPLES.filter(({ language }) => !known.has(language))
    .map(({ file, language }) => `${file} ${language}`)
    .filter((name) => !(name in ELSEWHERE));
  expect(unknown).toEqual([]);
  const names = new Set(SAMPLES.map(({ file, language }) => `${file} ${language}`));
  expect(Object.keys(ELSEWHERE).filter((name) => !names.has(name))).toEqual([]);
  expect(Object.values(ELSEWHERE).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

/** Fills in what stands for the reader's own: address, hand, and in one guide model and class. */
function fill(url: string, { file }: Sample): URL {
  const own = url
    .replace(/^(?:https:\/\/YOUR-WORKER|http:\/\/localhost:8787)/, worker.url.origin)
    .replace(/hand=1\.[^&]*…/, `hand=${PARAMETERS.hand.example}`);
  return new URL(
    file === 'docs/own-data.md'
      ? own
          .replace(/circle|\bA\b/, '1')
          .replace('square', '2')
          .replace(/model=(?:letters|emoji)&/, '')
      : own,
  );
}

/** Asks for a URL of a sample; drawing routes refuse parameters that they do not know. */
async function ask(text: string, sample: Sample): Promise<void> {
  const url = fill(text, sample);
  expect([text, url.origin]).toEqual([text, worker.url.origin]);
  if (/^\/(?:digit|sample|number|morph|dataset)\b/.test(url.pathname)) {
    url.searchParams.set('strict', '1');
  }
  const answer = await fetch(url, { method: 'HEAD' });
  expect([text, answer.status]).toEqual([text, 200]);
}

/** Splits a shell's text into commands, and each command into words. */
function splitShell(code: string): string[][] {
  return code
    .replaceAll('\\\n', ' ')
    .split('\n')
    .flatMap((line) => {
      const commands: string[][] = [[]];
      for (const [token] of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g)) {
        if (token.startsWith('#')) {
          break;
        }
        if (/^(?:&&|\||>)$/.test(token)) {
          commands.push(token === '>' ? ['>'] : []);
        } else {
          commands.at(-1)?.push(token.replaceAll(/["']/g, ''));
        }
      }
      return commands.filter(([program]) => program !== undefined && program !== '>');
    });
}

/** Words after a flag of curl. */
const CURL_TAKES = ['-o', '-H', '-X', '-F', '--data-binary'];
const CURL_SENDS = ['-F', '--data-binary'];

async function checkCurl(words: readonly string[], sample: Sample): Promise<void> {
  const [url = ''] = words.filter(
    (word, i) => !word.startsWith('-') && !CURL_TAKES.includes(words[i - 1] ?? ''),
  );
  const [, method] = /(?:^| )-X (\S+)/.exec(words.join(' ')) ?? [];
  if (method === undefined && !CURL_SENDS.some((flag) => words.includes(flag))) {
    const [names, list = ''] = /\{([^{}]*)\}/.exec(url) ?? [''];
    for (const name of list.split(',')) {
      await ask(url.replace(names, name), sample);
    }
    return;
  }
  const { pathname, searchParams } = fill(url, sample);
  const { parameters = [] } = methods[pathname]?.[(method ?? 'POST').toLowerCase()] ?? {};
  expect(parameters.map(({ name }) => name)).toEqual(
    expect.arrayContaining([...searchParams.keys()]),
  );
}

/** Checks a command of the trainer by its own parser. */
async function checkTrainer([name = '', ...given]: readonly string[]): Promise<void> {
  const main = await COMMANDS[name]?.();
  const part = main?.commands.find((each) => each.name() === given[0]);
  const command = part ?? main;
  if (command === undefined) {
    throw new Error(`the trainer has no command ${name}`);
  }
  const words = part === undefined ? given : given.slice(1);
  const { operands, unknown } = command.exitOverride().parseOptions([...words]);
  expect([name, words, unknown]).toEqual([name, words, []]);
  const isVariadic = command.registeredArguments.some(({ variadic }) => variadic);
  expect(isVariadic || operands.length <= command.registeredArguments.length).toBe(true);
}

const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

async function checkNpm(words: readonly string[], env: Record<string, string>): Promise<void> {
  if (words.join(' ') === 'install digitmint' || words[0] === 'pack') {
    return; // Other people's packages, or ours once it is published.
  }
  if (words[0] === 'install' && words[1] === '--prefix') {
    expect(existsSync(join(ROOT, words[2] ?? '', 'package.json'))).toBe(true);
    return;
  }
  const [name = '', dashes, ...args] = words.filter((word) => !/^(?:run|--silent)$/.test(word));
  const script = scripts[name];
  expect([name, script === undefined, dashes ?? '--']).toEqual([name, false, '--']);
  const [, program = '', command] = /launch\.mjs (\S+)(?: (\S+))?/.exec(script ?? '') ?? [];
  if (program === 'trainer/main.ts') {
    await checkTrainer(command === undefined ? args : [command, ...args]);
  } else if (program === 'dev/serve.ts') {
    parseSettings(args, env);
  } else {
    // Smaller programs: the source names each flag, and the word before them.
    const source = args.length === 0 ? '' : read(program);
    const named = args.filter((word, i) => i === 0 || word.startsWith('--'));
    expect(named.filter((word) => !source.includes(word))).toEqual([]);
  }
}

test.each(pick('sh'))('commands: %s', async (_, sample) => {
  const variables: Record<string, string> = {};
  for (const words of splitShell(sample.code)) {
    const env: Record<string, string> = {};
    const isLasting = words.every((word) => /^(?:export$|[A-Za-z]\w*=)/.test(word));
    while (/^(?:export$|[A-Za-z]\w*=)/.test(words[0] ?? '')) {
      const [name = '', ...value] = (words.shift() ?? '').split('=');
      (isLasting ? variables : env)[name] = value.join('=').replace('…', 'X'); // The reader's own.
    }
    const [program, ...rest] = (words[0] === 'taskset' ? words.slice(3) : words).map((word) =>
      word.replaceAll(/\$(\w+)/g, (text, name: string) => variables[name] ?? text),
    );
    const all = [program, ...rest].join(' ');
    if (program === 'npm') {
      await checkNpm(rest, { ...variables, ...env });
    } else if (program === 'curl') {
      await checkCurl(rest, sample);
    } else if (program === './digitmint') {
      await checkTrainer(rest);
    } else if (program === 'node') {
      const [, file] = rest; // After the launcher, or a flag.
      if (file?.startsWith('dev/') === true) {
        expect(existsSync(join(ROOT, file))).toBe(true);
      } else {
        parseSettings(rest.slice(1), { ...variables, ...env });
      }
    } else if (program === 'bash') {
      expect(existsSync(join(ROOT, rest[0] ?? ''))).toBe(true);
    } else if (program !== undefined) {
      const known = FOREIGN.some((each) => all === each || all.startsWith(`${each} `));
      expect([all, known]).toEqual([all, true]);
    }
  }
});

test.each(pick('html'))('URLs: %s', async (_, sample) => {
  const urls = [...sample.code.matchAll(/https:\/\/YOUR-WORKER[^"\s]*/g)].map(([url]) => url);
  expect(urls).not.toEqual([]);
  for (const url of urls) {
    await ask(url, sample);
  }
});

test.each(pick('json'))('JSON: %s', (_, { code }) => {
  expect(() => JSON.parse(code) as unknown).not.toThrow();
});

/** In place of scikit-learn, which has 40 MB: the labels of the first samples. */
const NEIGHBOURS = `
import sys, types
class KNeighborsClassifier:
    def __init__(self, k): self.k = k
    def fit(self, x, y): self.x, self.y = x.astype(np.float32), y; return self
    def score(self, x, y):
        x = x.astype(np.float32)
        far = (self.x ** 2).sum(1) - 2 * x @ self.x.T
        return float((self.y[far.argmin(1)] == y).mean())
sys.modules["sklearn"] = sys.modules["sklearn.neighbors"] = types.ModuleType("sklearn")
sys.modules["sklearn"].KNeighborsClassifier = KNeighborsClassifier
`;

test.skipIf(!hasTools('tables'))(
  'the Python of the guide to sets draws one and learns from it',
  () => {
    const programs = pick('python').filter(([, { file }]) => file === 'docs/dataset.md');
    expect(programs).toHaveLength(2);
    const code = programs.map(([, sample]) => sample.code).join('\n');
    const own = code
      .replaceAll('60_000', '1_000')
      .replaceAll('http://localhost:8787', worker.url.origin);
    expect(Number(runPython('tables', NEIGHBOURS + own))).toBeGreaterThan(0.8);
  },
);

test
  .skipIf(!hasTools('tables'))
  .each(pick('python').filter(([, { file }]) => file !== 'docs/dataset.md'))(
  'Python that `npm run bench -- jobs` runs: %s',
  (_, { file, code }) => {
    expect(read('bench/checks/jobs.ts')).toContain(file);
    runPython('tables', `compile(${JSON.stringify(code)}, "${file}", "exec")`);
  },
);
