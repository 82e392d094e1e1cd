/**
 * A web site that is not the service: pages of another origin, isolated by COEP like the strictest
 * of them.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OtherOrigin {
  readonly origin: string;
  /** Puts a page or a script there. */
  readonly put: (path: string, content: string | Uint8Array) => void;
  readonly close: () => void;
}

/** Starts it. @param headers  Of every answer, beside those of isolation. */
export async function startOtherOrigin(
  headers: Readonly<Record<string, string>> = {},
): Promise<OtherOrigin> {
  const contents = new Map<string, string | Uint8Array>();
  const server = createServer((asked, answer) => {
    const path = (asked.url ?? '').split('?')[0] as string;
    const content = contents.get(path);
    answer.writeHead(content === undefined ? 404 : 200, {
      'Content-Type': path.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cross-Origin-Opener-Policy': 'same-origin',
      ...headers,
    });
    answer.end(content ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  contents.set('/favicon.ico', '');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    put: (path, content) => contents.set(path, content),
    close: () => server.close(),
  };
}
