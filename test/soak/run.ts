/**
 * A soak: many requests of every kind at once, while the model that serves is switched again and
 * again and publications go wrong. Every answer is held against what it must be.
 */
import { buildKey, POINTER_KEY, WEIGHTS_FILE } from '../../shared/model/artifact.ts';
import { deriveKey, drawWords } from '../../shared/model/random.ts';
import { buildFixture, buildPointer, type Fixture } from '../support/models/fixture-artifact.ts';
import { putArtifact, waitUntil, type TestWorker } from '../support/hosts/workerd.ts';
import { expectBusy, expectSame, hash, type Health } from './expectations.ts';
import {
  HOLD_ADDRESS,
  KINDS,
  KNOWN,
  LARGE,
  LEFT,
  nameModel,
  PINNED,
  type Kind,
} from './traffic.ts';

export interface SoakOptions {
  readonly worker: TestWorker;
  readonly requests: number;
  /** In flight at once. */
  readonly concurrency: number;
  /** How often the model that serves is switched. */
  readonly switches: number;
  /** Models that take turns. */
  readonly versions: number;
  /** Answers of each kind and version that are known beforehand. */
  readonly variants: number;
  /** Called every `sampleEvery` requests. */
  readonly sampleEvery: number;
  readonly sample: (done: number) => Promise<void>;
}

export interface SoakReport {
  /** Answers by kind and what came. */
  readonly counts: Readonly<Record<string, number>>;
  readonly switches: number;
  readonly brokenPublications: number;
  /** The faults, at most so many as can be read. */
  readonly wrong: readonly string[];
  /**
   * Covers the answers that were known beforehand, in order, but those that hold the service's
   * address. So it is the same on every runtime.
   */
  readonly goldenSha256: string;
}

const MAX_WRONG = 20;

interface Golden {
  readonly path: string;
  readonly kind: string;
  readonly sha256: string;
  readonly etag: string | null;
}

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { worker, requests, concurrency, switches, versions, variants, sampleEvery, sample } =
    options;
  const fixtures = Array.from({ length: versions }, (_, i) =>
    buildFixture({ weightsSeed: `soak ${i}` }),
  );
  for (const fixture of fixtures) {
    await putArtifact(worker.bucket, fixture);
  }
  const soak = new Soak(worker, fixtures);
  await soak.switchTo(0);
  await soak.learn(variants);
  const [switchEvery, key] = [Math.ceil(requests / (switches + 1)), deriveKey('soak', 'traffic')];
  let [next, switched, broken] = [0, 0, 0];
  let switching: Promise<void> = Promise.resolve();
  const work = async (): Promise<void> => {
    while (next < requests) {
      const i = next++;
      if (i > 0 && i % sampleEvery === 0) {
        await sample(i);
      }
      if (i > 0 && i % switchEvery === 0) {
        const turn = ++switched;
        const isBroken = turn % 3 === 0;
        broken += Number(isBroken);
        switching = switching.then(async () => {
          if (isBroken) {
            await soak.publishBroken(turn);
          }
          await soak.switchTo(turn % versions);
        });
      }
      const [kind = 0, which = 0, variant = 0] = drawWords(key, 0, i, 3);
      await soak.ask(KINDS[kind % KINDS.length] as Kind, which, variant);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  await switching;
  await sample(requests);
  const { counts, wrong, goldens } = soak;
  const goldenSha256 = hash(
    new TextEncoder().encode(
      goldens.flatMap(({ kind, sha256 }) => (HOLD_ADDRESS.has(kind) ? [] : [sha256])).join(''),
    ),
  );
  return { counts, switches: switched, brokenPublications: broken, wrong, goldenSha256 };
}

class Soak {
  readonly counts: Record<string, number> = {};
  readonly wrong: string[] = [];
  readonly goldens: Golden[] = [];
  readonly #worker: TestWorker;
  readonly #fixtures: readonly Fixture[];
  /** The models that may serve now: two during a switch. */
  #serving = new Set<string>();

  constructor(worker: TestWorker, fixtures: readonly Fixture[]) {
    this.#worker = worker;
    this.#fixtures = fixtures;
  }

  /** Publishes, and waits until it serves. */
  async switchTo(index: number): Promise<void> {
    const fixture = this.#fixtures[index] as Fixture;
    const model = nameModel(fixture);
    this.#serving = new Set([...this.#serving, model]);
    await this.#worker.bucket.put(POINTER_KEY, buildPointer(fixture));
    await this.#waitForHealth(
      (health) => health.status === 'ok' && health.model?.version === fixture.manifest.version,
    );
    this.#serving = new Set([model]);
  }

  /** Publishes what must not serve, and waits until that is told. */
  async publishBroken(turn: number): Promise<void> {
    const broken = buildFixture({ weightsSeed: `broken ${turn}` });
    await putArtifact(this.#worker.bucket, broken);
    await this.#worker.bucket.put(
      buildKey('fixture', broken.manifest.version, WEIGHTS_FILE),
      'cut',
    );
    await this.#worker.bucket.put(POINTER_KEY, buildPointer(broken));
    await this.#waitForHealth((health) => health.lastError?.reason === 'size_mismatch');
  }

  #waitForHealth(isWished: (health: Health) => boolean): Promise<Health> {
    return waitUntil(
      async () => (await (await this.#worker.fetch('/healthz')).json()) as Health,
      isWished,
    );
  }

  /** Asks for what the versions give, one request after the other. */
  async learn(variants: number): Promise<void> {
    for (const fixture of this.#fixtures) {
      for (const [kind, write] of Object.entries(PINNED)) {
        for (let n = 0; n < variants; n++) {
          const path = write(nameModel(fixture), n);
          const answer = await this.#worker.fetch(path);
          const sha256 = hash(new Uint8Array(await answer.arrayBuffer()));
          if (answer.status !== 200) {
            throw new Error(`${path} answers ${answer.status}`);
          }
          this.goldens.push({ path, kind, sha256, etag: answer.headers.get('etag') });
        }
      }
    }
  }

  async ask(kind: Kind, which: number, variant: number): Promise<void> {
    try {
      const outcome = await this.#ask(kind, which, variant);
      this.counts[outcome] = (this.counts[outcome] ?? 0) + 1;
    } catch (cause) {
      this.counts['WRONG'] = (this.counts['WRONG'] ?? 0) + 1;
      if (this.wrong.length < MAX_WRONG) {
        this.wrong.push(`${kind}: ${(cause as Error).message}`);
      }
    }
  }

  /** @returns  What came of it, for the table. @throws Error  When it is not what it must be. */
  async #ask(kind: Kind, which: number, variant: number): Promise<string> {
    const golden = this.goldens[which % this.goldens.length] as Golden;
    switch (kind) {
      case 'pinned': {
        const answer = await this.#worker.fetch(golden.path);
        if (answer.status === 503) {
          return expectBusy(golden.path, answer);
        }
        expectSame(
          golden.path,
          [answer.status, hash(new Uint8Array(await answer.arrayBuffer()))],
          [200, golden.sha256],
        );
        return `pinned ${golden.kind}`;
      }
      case 'revalidated': {
        const answer = await this.#worker.fetch(golden.path, {
          headers: { 'if-none-match': golden.etag ?? '"none"' },
        });
        const { byteLength } = await answer.arrayBuffer();
        if (answer.status === 503) {
          return expectBusy(golden.path, answer);
        }
        expectSame(
          golden.path,
          [answer.status, byteLength === 0],
          golden.etag === null ? [200, false] : [304, true],
        );
        return `revalidated, ${answer.status}`;
      }
      case 'current':
        return this.#askCurrent(golden, variant);
      case 'fresh':
        return this.#askFresh(variant);
      case 'known': {
        const {
          path,
          method = 'GET',
          headers = {},
          status,
          code,
        } = KNOWN[which % KNOWN.length] as (typeof KNOWN)[number];
        const answer = await this.#worker.fetch(path, { method, headers });
        const body = await answer.text();
        expectSame(path, answer.status, status);
        if (code !== undefined) {
          expectSame(path, (JSON.parse(body) as { code: string }).code, code);
        }
        return `known, ${status}`;
      }
      case 'left': {
        const path = LEFT[which % LEFT.length] as string;
        const leaving = new AbortController();
        const answer = await this.#worker.fetch(path, { signal: leaving.signal });
        if (answer.status === 503) {
          return expectBusy(path, answer);
        }
        await answer.body?.getReader().read();
        leaving.abort();
        return 'left in the middle';
      }
      case 'large': {
        const path = LARGE[which % LARGE.length] as string;
        const answer = await this.#worker.fetch(path);
        const { byteLength } = await answer.arrayBuffer();
        if (answer.status === 503) {
          return expectBusy(path, answer);
        }
        expectSame(path, [answer.status, byteLength > 1000], [200, true]);
        return 'large, 200';
      }
      case 'health': {
        const answer = await this.#worker.fetch('/healthz');
        const { status, model } = (await answer.json()) as Health;
        expectSame('/healthz', [answer.status, model?.name], [200, 'fixture']);
        return `health, ${status}`;
      }
    }
  }

  /** Without a version: what serves is told by the answer, and must be what may serve. */
  async #askCurrent({ path }: Golden, variant: number): Promise<string> {
    const before = this.#serving;
    const unpinned = path.replace(/&?model=[^&]*/, '');
    if (
      !unpinned.startsWith('/digit') &&
      !unpinned.startsWith('/number') &&
      !unpinned.startsWith('/morph')
    ) {
      return this.#askFresh(variant);
    }
    const answer = await this.#worker.fetch(unpinned);
    const sha256 = hash(new Uint8Array(await answer.arrayBuffer()));
    const model = answer.headers.get('digitmint-model') ?? 'none';
    if (!before.has(model) && !this.#serving.has(model)) {
      throw new Error(`${unpinned} is drawn by ${model}, and ${[...before].join(' or ')} serves`);
    }
    const pinned = path.replace(/model=[^&]*/, `model=${model}`);
    const known = this.goldens.find((each) => each.path === pinned);
    expectSame(unpinned, [answer.status, sha256], [200, known?.sha256]);
    return 'current';
  }

  /** Without a seed: what the answer's own permanent URL gives must be the same. */
  async #askFresh(variant: number): Promise<string> {
    const path = ['/digit.png?n=3', '/digit.svg', '/number/42.png', '/digit.txt', '/digit.npy?n=2'][
      variant % 5
    ] as string;
    const answer = await this.#worker.fetch(path);
    const bytes = hash(new Uint8Array(await answer.arrayBuffer()));
    expectSame(path, [answer.status, answer.headers.get('cache-control')], [200, 'no-store']);
    const permanent = answer.headers.get('content-location') ?? 'none';
    if (variant % 10 < 5) {
      return 'fresh';
    }
    const again = await this.#worker.fetch(permanent);
    expectSame(
      permanent,
      [again.status, hash(new Uint8Array(await again.arrayBuffer()))],
      [200, bytes],
    );
    return 'fresh, asked for again';
  }
}
