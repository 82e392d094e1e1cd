/** Compares the answers that tests get with the OpenAPI document. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Described {
  readonly description: string;
  readonly responses: Readonly<Record<string, unknown>>;
}

interface Pattern {
  readonly methods: Readonly<Record<string, Described>>;
  readonly pattern: RegExp;
}

let known: readonly Pattern[] | undefined;

/** Reads the document, which is built before a service starts, and its paths as patterns. */
function readPatterns(): readonly Pattern[] {
  const text = readFileSync(join(import.meta.dirname, '../../.digitmint/openapi.bin'), 'utf8');
  const { paths } = JSON.parse(text) as { paths: Readonly<Record<string, Pattern['methods']>> };
  return Object.entries(paths)
    .map(([path, methods]) => {
      const parts = path.split(/\{\w+\}/);
      const pattern = parts.map((part) => part.replaceAll('.', '\\.')).join('[^/]+');
      return { methods, letters: parts.join('').length, pattern: new RegExp(`^${pattern}$`) };
    })
    .toSorted((a, b) => b.letters - a.letters); // Those with the most letters of their own.
}

/**
 * Checks that the document names the status and the error's code of an answer. A path that is no
 * operation's is not described. Nor is a 304: it has no type, so generated clients in Python would
 * have none for all answers, and none of them sends If-None-Match.
 * @throws Error
 */
export async function checkDocumented(method: string, answer: Response): Promise<void> {
  const { pathname } = new URL(answer.url);
  known ??= readPatterns();
  const { methods } = known.find(({ pattern }) => pattern.test(pathname)) ?? {};
  const operation = methods?.[method === 'HEAD' ? 'get' : method.toLowerCase()];
  if (operation === undefined || answer.status === 304) {
    return;
  }
  const code = await readCode(answer);
  const isDescribed = code === undefined || operation.description.includes(`\`${code}\``);
  if (!(answer.status in operation.responses) || !isDescribed) {
    throw new Error(
      `${method} ${pathname}: expected OpenAPI to name ${answer.status} ${code ?? ''}, not only ${Object.keys(operation.responses).join(', ')} and "${operation.description}"`,
    );
  }
}

/** Reads the code of problem details; of a drawn or written error from the name of its file. */
async function readCode(answer: Response): Promise<string | undefined> {
  if (answer.headers.get('content-type') === 'application/problem+json') {
    const text = await answer.clone().text();
    return text === '' ? undefined : (JSON.parse(text) as { code: string }).code; // '' of a HEAD.
  }
  return /filename="error-(\w+)\./.exec(answer.headers.get('content-disposition') ?? '')?.[1];
}
