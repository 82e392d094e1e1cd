/**
 * The cost of the most expensive requests that each route allows, in the local edge runtime, of the
 * model that ships. The limits in shared/contract/limits.ts rest on these figures.
 */
import { withEdge } from '../edge-runtime.ts';
import { makeRow, makeTable, type Suite } from '../harness.ts';
import type { BenchTable } from '../record.ts';

const DIGITS = '8'.repeat(32);
/** As it stands in a path: a plus sign needs no escape there. */
const SIGNS = `${"-+.,:'".repeat(5)}8`;
const LONG = 'x'.repeat(200);
/** Cheap requests to compare with, then the most expensive ones of each kind. */
const PATHS = `/digit.png /digit.png?n=16 /digit.png?n=256 /digit.png?n=256&scale=4&margin=72
  /digit.png?n=256&scale=4&margin=72&smooth=1
  /digit.png?n=256&scale=4&smooth=1&margin=72&fg=12345678&bg=fedcba98
  /digit.png?n=1&scale=16&margin=256&smooth=1 /digit.png?n=256&scale=2&gap=69
  /digit.svg?n=256&smooth=1 /digit.json?n=256 /digit.ndjson?n=256 /digit.txt?n=256
  /number/${DIGITS}.png?scale=10&smooth=1 /number/${DIGITS}.svg?smooth=1
  /number/${SIGNS}.png?scale=10&smooth=1
  /morph.png?n=16&frames=32 /morph.png?n=16&frames=32&scale=3&smooth=1&margin=12
  /morph.gif?n=16&frames=32&scale=3&smooth=1&margin=12
  /morph.gif?n=2&frames=4&scale=16&smooth=1&margin=200
  /dataset.npy?n=1000 /dataset.csv?n=1000 /dataset.ndjson?n=1000
  /dataset.npy?n=60000&part=labels&seed=a /dataset.npy?n=60000&part=labels&seed=a&start=999000000
  /oembed?url=ORIGIN/number/${DIGITS}.png /digit.png?n=${LONG} /morph.gif?n=${LONG}
  /digit.svg?n=${LONG} /digit.json?n=0 / /docs /openapi.json /models/digits/VERSION/weights.bin
  /models/digits`.split(/\s+/);

export const measure: Suite = (quick) =>
  withEdge(async ({ url, measure: measureRequest, versions }) => {
    const answer = await fetch(new URL('/healthz', url));
    const { model } = (await answer.json()) as { model: { version: string } };
    const rows: BenchTable['rows'] = [];
    for (const template of PATHS) {
      const path = template.replace('VERSION', model.version).replace('ORIGIN', url.origin);
      const expected = { isError: path.includes(LONG) || path.endsWith('n=0') };
      await measureRequest(path, 1, expected);
      const { cpuMs, elapsedMs, bytes } = await measureRequest(path, quick ? 1 : 5, expected);
      const subject = template.replace(DIGITS, '8…').replace(LONG, 'x…');
      rows.push(makeRow(subject, [cpuMs, elapsedMs, bytes / 1024]));
    }
    const title = 'The most expensive requests';
    const cases = ['processor time', 'elapsed', 'KiB'];
    return { versions, tables: [makeTable({ id: 'limits', title, cases, rows })] };
  });
