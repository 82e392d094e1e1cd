/** Samples of code for an operation. Each one runs as it stands, but for words in capitals. */
import type { AnswerBody, Operation } from '../../http/operation.ts';

/** @param path  An example of the operation, such as `/digit.png?n=16`. */
export function writeSamples(
  { method, kind, summary, answers, body }: Operation,
  path: string,
  base: string,
): readonly (readonly [language: string, text: string])[] {
  const url = base + path;
  const isPicture = /^[^?]*\.(?:png|svg|gif)(?:\?|$)/.test(path);
  const decoder = chooseDecoder(answers, path);
  const picture = body === undefined ? undefined : `${base}/digit.png?label=7&seed=Ada`;
  const options = [
    ...(method === undefined ? [] : [`method: '${method}'`]),
    ...(kind === 'owner' ? ["headers: { Authorization: 'Bearer SECRET' }"] : []),
    ...(picture === undefined ? [] : ['body: picture']),
  ];
  const init = options.length === 0 ? '' : `, { ${options.join(', ')} }`;
  const curl = [
    picture === undefined ? 'curl' : `curl "${picture}" | curl`,
    ...(method === undefined ? [] : [`-X ${method}`]),
    ...(kind === 'owner' ? ['-H "Authorization: Bearer SECRET"'] : []),
    ...(picture === undefined ? [] : ['--data-binary @-']),
    ...(decoder === 'blob' ? ['-OJ'] : []),
    `"${url}"`,
  ];
  const javascript = [
    ...(picture === undefined ? [] : [`const picture = await (await fetch('${picture}')).blob();`]),
    `const answer = await fetch('${url}'${init});`,
    `console.log(await answer.${decoder}());`,
  ];
  const data = picture === undefined ? '' : ', data=picture';
  const python = [
    ...(decoder === 'json' ? ['import json'] : []),
    'import urllib.request',
    '',
    ...(picture === undefined ? [] : [`picture = urllib.request.urlopen("${picture}").read()`]),
    ...(options.length === 0
      ? [`answer = urllib.request.urlopen("${url}")`]
      : [
          `request = urllib.request.Request("${url}", method="${method ?? 'GET'}"${data})`,
          ...(kind === 'owner' ? ['request.add_header("Authorization", "Bearer SECRET")'] : []),
          'answer = urllib.request.urlopen(request)',
        ]),
    {
      json: 'print(json.load(answer))',
      text: 'print(answer.read().decode())',
      blob: 'print(len(answer.read()), "bytes")',
    }[decoder],
  ];
  return [
    ['curl', curl.join(' ')],
    ['JavaScript', javascript.join('\n')],
    ['Python', python.join('\n')],
    ...(isPicture
      ? ([['HTML', `<img src="${url.replaceAll('&', '&amp;')}" alt="${summary}" />`]] as const)
      : []),
  ];
}

/** Chooses by the media type or, of several, by the example's extension: bytes are the default. */
function chooseDecoder(
  answers: Readonly<Record<string, AnswerBody>>,
  path: string,
): 'json' | 'text' | 'blob' {
  const [only, ...others] = Object.values(answers);
  if (others.length > 0) {
    return /^[^?]*\.json(?:\?|$)/.test(path) ? 'json' : 'blob';
  }
  return only === 'bytes' ? 'blob' : only === 'text' ? 'text' : 'json';
}
