/** Samples of code for an operation, each complete as it stands. */
import type { Operation } from '../../http/operation.ts';

/** @param url  An example of the operation. */
export function writeSamples(
  { method, kind, summary }: Pick<Operation, 'method' | 'kind' | 'summary'>,
  url: string,
): readonly (readonly [language: string, text: string])[] {
  const isOwner = kind === 'owner';
  const isPicture = /\.(?:png|svg|gif)(?:\?|$)/.test(url);
  const isText = /\.(?:txt|csv|ndjson)(?:\?|$)/.test(url);
  const isJson = /\/(?:models|limits|healthz|oembed|openapi\.json)\b|\.json/.test(url);
  const [call, options, header] = [
    method === undefined ? '' : `-X ${method} `,
    [
      ...(method === undefined ? [] : [`method: '${method}'`]),
      ...(isOwner ? ["headers: { Authorization: 'Bearer SECRET' }"] : []),
    ],
    isOwner ? "-H 'Authorization: Bearer SECRET' " : '',
  ];
  const init = options.length === 0 ? '' : `, { ${options.join(', ')} }`;
  const read = isJson ? 'json' : isPicture || !isText ? 'blob' : 'text';
  const python = [
    ...(isJson ? ['import json'] : []),
    'import urllib.request',
    '',
    ...(options.length === 0
      ? [`answer = urllib.request.urlopen("${url}")`]
      : [
          `request = urllib.request.Request("${url}", method="${method ?? 'GET'}")`,
          ...(isOwner ? ['request.add_header("Authorization", "Bearer SECRET")'] : []),
          'answer = urllib.request.urlopen(request)',
        ]),
    isJson
      ? 'print(json.load(answer))'
      : isText
        ? 'print(answer.read().decode())'
        : 'print(len(answer.read()), "bytes")',
  ];
  return [
    ['curl', `curl ${call}${header}${isPicture || (!isJson && !isText) ? '-OJ ' : ''}'${url}'`],
    [
      'JavaScript',
      `const answer = await fetch('${url}'${init});\nconsole.log(await answer.${read}());`,
    ],
    ['Python', python.join('\n')],
    ...(isPicture
      ? ([['HTML', `<img src="${url.replaceAll('&', '&amp;')}" alt="${summary}">`]] as const)
      : []),
  ];
}
