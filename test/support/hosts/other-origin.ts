/**
 * A web site of another origin whose pages embed the service. COEP isolates them, as on the
 * strictest sites.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OtherOrigin {
  readonly origin: string;
  /** Adds a page or a script. */
  readonly put: (path: string, content: string | Uint8Array) => void;
  readonly close: () => void;
}

/**
 * Starts the site.
 * @param headers  Sent with every answer, beside the isolation headers.
 */
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
