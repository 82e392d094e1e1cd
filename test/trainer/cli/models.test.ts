import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildModelsCommand } from '../../../trainer/cli/models.ts';
import { listCatalogue } from '../../../trainer/publish/catalogue.ts';
import { removeModel } from '../../../trainer/publish/default-model.ts';
import { buildPublishCommand } from '../../../trainer/cli/publish.ts';
import type { StorageContext } from '../../../trainer/cli/storage-options.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import type { ObjectStore } from '../../../storage/object-store.ts';
import { listKeys } from '../../support/storage/object-store-contract.ts';
import {
  buildTiny,
  readPointer,
  readServed,
  writeArtifact,
} from '../../support/models/published.ts';
import { createCountingStore, createPausingStore } from '../../support/storage/stepped-store.ts';

const [oldest, older, present] = ['oldest', 'older', 'present'].map((seed) =>
  buildTiny('mlp', seed),
) as [ReturnType<typeof buildTiny>, ReturnType<typeof buildTiny>, ReturnType<typeof buildTiny>];
const other = buildTiny('other', 'other');
const otherNext = buildTiny('other', 'next');
const versionOf = ({ manifest }: typeof other): string => manifest.version;
const nameOf = ({ manifest }: typeof other): string => `${manifest.name}@${manifest.version}`;

let template: string;
let cwd: string;
let store: ObjectStore;
let laterMs: number;
let printed: string[];
beforeAll(async () => {
  template = await mkdtemp(join(tmpdir(), 'digitmint-models-'));
  cwd = template;
  laterMs = 0;
  for (const fixture of [oldest, older, present, other]) {
    await writeArtifact(cwd, fixture);
    await publish(fixture);
  }
});
afterAll(() => rm(template, { recursive: true, force: true }));
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'digitmint-models-'));
  await cp(template, cwd, { recursive: true, preserveTimestamps: true });
  store = createFolderStore(join(cwd, 'store'));
  laterMs = 0;
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

function buildContext(env: StorageContext['env'] = {}): StorageContext {
  return {
    env,
    root: cwd,
    cwd,
    now: () => new Date(Date.now() + laterMs),
    print: (line) => printed.push(line),
  };
}

async function publish(fixture: typeof other, flags = ''): Promise<void> {
  printed = [];
  const args = `--model ${fixture.manifest.name}-${versionOf(fixture)} --to ./store ${flags}`
    .trim()
    .split(' ');
  await buildPublishCommand(buildContext()).exitOverride().parseAsync(args, { from: 'user' });
}

/** Runs the command and returns its output. */
async function run(args: string, env: StorageContext['env'] = {}): Promise<string> {
  printed = [];
  const command = buildModelsCommand(buildContext(env)).exitOverride();
  command.commands.forEach((each) => each.exitOverride().configureOutput({ writeErr: () => {} }));
  await command.parseAsync(
    [...args.split(' '), ...(args.startsWith('keygen') ? [] : ['--to', './store'])],
    { from: 'user' },
  );
  return printed.join('\n');
}

async function runJson(args: string): Promise<any> {
  return JSON.parse(await run(`${args} --json`));
}

async function catchMessage(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => new Error('expected it to fail'),
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(ExpectedError);
  return (error as Error).message;
}

describe('models list', () => {
  it('shows each model’s versions with their state, the served one first', async () => {
    // A note may hold what a terminal obeys.
    await run(`pin ${nameOf(oldest)} --note \u001b[2Jfor-the-paper`);
    const lines = (await run('list')).split('\n').map((line) => line.trim());
    expect(lines[0]).toContain(join(cwd, 'store'));
    expect(lines[1]).toBe('mlp');
    expect(lines[2]).toMatch(
      new RegExp(`^${versionOf(present)}  default .*served from 20.* 0 min old`),
    );
    expect(lines.find((line) => line.startsWith(versionOf(older)))).toMatch(/^\S+ +previous/);
    expect(lines.find((line) => line.startsWith(versionOf(oldest)))).toMatch(
      /^\S+ +pinned .*\uFFFD\[2Jfor-the-paper$/,
    );
    expect(lines.slice(5)).toEqual([
      'other',
      expect.stringMatching(new RegExp(`^${versionOf(other)}  served`)),
    ]);
  });

  it('shows a stopped publisher’s leftovers, missing files and unreadable ones', async () => {
    await store.delete(`models/mlp/${versionOf(oldest)}/manifest.json`);
    await store.delete(`models/mlp/${versionOf(older)}/manifest.json`);
    await store.put(
      `models/mlp/${versionOf(older)}/manifest.json`,
      new TextEncoder().encode('{"schema":9}'),
      null,
    );
    for (const file of other.files.keys()) {
      await store.delete(`models/other/${versionOf(other)}/${file}`);
    }
    const { versions } = await runJson('list');
    const stateOf = (fixture: typeof other) =>
      versions.find(({ version }: { version: string }) => version === versionOf(fixture)).states;
    expect(stateOf(oldest)).toEqual(['incomplete']);
    expect(stateOf(older)).toEqual(['unreadable', 'previous']);
    expect(stateOf(other)).toEqual(['served', 'missing']);
  });

  it('reports a store without models', async () => {
    printed = [];
    await buildModelsCommand(buildContext()).parseAsync(['list', '--to', './nowhere'], {
      from: 'user',
    });
    expect(printed.at(-1)).toBe('nothing is published here');
  });
});

describe('models show', () => {
  it('describes a model or one version', async () => {
    const text = await run(`show ${nameOf(present)}`);
    expect(text).toContain(nameOf(present));
    expect(text).toMatch(/weights\.bin +320 B +sha256 [0-9a-f]{64}/);
    expect(text).not.toContain(nameOf(older));
    expect(await run('show mlp')).toContain(nameOf(older));
    const { store: counting, seen } = createCountingStore(store);
    await listCatalogue(counting, new Date(), { name: 'mlp', version: versionOf(present) });
    expect(seen.filter((step) => step.startsWith('get models/'))).toEqual([
      `get models/mlp/${versionOf(present)}/manifest.json`,
    ]);
  });

  it.each([
    'show nothing',
    'show mlp@0000000000000000',
    'show MLP',
    'show mlp@x',
    'verify nothing',
    'pin mlp',
    'list ../x',
  ])('`models %s` ends with an explanation', async (args) => {
    expect(await catchMessage(run(args))).toMatch(/expected|there is no/);
  });
});

describe('models rollback', () => {
  it('serves the previous version, and then the later one again', async () => {
    expect(await run('rollback mlp')).toBe(
      `mlp ${versionOf(present)} -> ${versionOf(older)} is served`,
    );
    expect((await readServed(store))['mlp']).toBe(versionOf(older));
    await run('rollback mlp');
    expect((await readServed(store))['mlp']).toBe(versionOf(present));
  });

  it('serves a named version, and keeps the default', async () => {
    await run(`rollback mlp --version ${versionOf(oldest)}`);
    expect(await readServed(store)).toEqual({ mlp: versionOf(oldest), other: versionOf(other) });
    expect((await runJson('list')).versions[0]).toMatchObject({
      version: versionOf(oldest),
      states: ['default', 'served'],
    });
    expect(await run(`rollback mlp --version ${versionOf(oldest)}`)).toContain('is served already');
  });

  it('reports its plan in a dry run and writes nothing', async () => {
    const before = await store.list('');
    expect(await run('rollback mlp --dry-run')).toContain('would be served; nothing was written');
    expect(await store.list('')).toEqual(before);
  });

  it('refuses an incomplete version, and names its fault', async () => {
    const key = `models/mlp/${versionOf(older)}/weights.bin`;
    const there = await store.get(key);
    await store.put(key, new Uint8Array(320), there?.etag ?? '');
    expect(await catchMessage(run('rollback mlp'))).toContain(key);
    await store.delete(key);
    expect(await catchMessage(run('rollback mlp'))).toContain(`${key} is missing`);
    expect((await readServed(store))['mlp']).toBe(versionOf(present));
  });

  it('reports when no version was served before, or the model is unknown', async () => {
    expect(await catchMessage(run('rollback other'))).toContain('--version');
    expect(await catchMessage(run('rollback nothing'))).toContain('there are mlp, other');
  });
});

describe('models default', () => {
  it('serves another model where a request names none, and names the way back', async () => {
    expect(await run('default other --dry-run')).toContain('would be the default');
    expect((await readPointer(store)).default).toBe('mlp');
    expect(await run('default other')).toBe(
      'other is the default, before it was mlp. Back: npm run models -- default mlp --to ./store',
    );
    expect((await readPointer(store)).default).toBe('other');
    expect(await run('default other')).toContain('already; nothing was changed');
    expect(await catchMessage(run('default nothing'))).toContain('there are mlp, other');
    expect(await readServed(store)).toEqual({ mlp: versionOf(present), other: versionOf(other) });
  });
});

describe('models remove', () => {
  it('refuses the default model', async () => {
    const before = await store.list('');
    expect(await catchMessage(run('remove mlp'))).toMatch(
      /mlp is the default model.*`models default NAME` with other/,
    );
    expect(await catchMessage(run('remove nothing'))).toContain('there are mlp, other');
    expect(await store.list('')).toEqual(before);
  });

  it('stops serving a model, keeps its versions, and a rollback serves it again', async () => {
    expect(await run('remove other --dry-run')).toContain('nothing was written');
    const output = await run('remove other');
    expect(output).toContain(`other is not served any more, before it was ${versionOf(other)}`);
    expect(output).toContain('1 version(s) of it stay stored');
    expect(output).toContain('npm run models -- rollback other --to ./store');
    expect(await readServed(store)).toEqual({ mlp: versionOf(present) });
    expect(await catchMessage(run('remove other'))).toContain('no model "other" is served');
    expect(await run('rollback other')).toBe(`other (none) -> ${versionOf(other)} is served`);
    expect(await readServed(store)).toEqual({ mlp: versionOf(present), other: versionOf(other) });
    expect((await readPointer(store)).default).toBe('mlp');
  });

  it('deletes its versions on request, except pinned ones', async () => {
    await run('default other');
    await run(`pin ${nameOf(older)}`);
    const result = await runJson('remove mlp --purge');
    expect(result.deleted.map(({ version }: { version: string }) => version).sort()).toEqual(
      [oldest, present].map(versionOf).sort(),
    );
    expect(await listKeys(store, 'models/mlp/')).toHaveLength(3);
    expect(await readServed(store)).toEqual({ other: versionOf(other) });
    expect(await run(`rollback mlp --version ${versionOf(older)}`)).toContain('is served');
    await run(`unpin ${nameOf(older)}`);
    await run('remove mlp');
    expect(await run('remove mlp --purge')).toContain('1 version(s) deleted');
    expect(await catchMessage(run('remove mlp --purge'))).toContain('no model "mlp" is served');
  });

  it.each([
    ['publishes that model', () => publish(other)],
    ['makes that model the default', () => run('default other').then(() => undefined)],
    ['serves another version of it', () => publish(otherNext)],
  ])('leaves everything as it is when another command %s meanwhile', async (what, meanwhile) => {
    await writeArtifact(cwd, otherNext);
    const isHarmless = what === 'publishes that model';
    const seen = createCountingStore(store);
    await removeModel({ store: seen.store, now: () => new Date(), name: 'other', dryRun: true });
    const at = seen.seen.length + 1;
    const pausing = createPausingStore(store, at, meanwhile);
    const removing = removeModel({ store: pausing, now: () => new Date(), name: 'other' });
    if (isHarmless) {
      await removing;
      expect(await readServed(store)).toEqual({ mlp: versionOf(present) });
    } else {
      await expect(removing).rejects.toThrow(/is the default model|and is now/);
      expect(Object.keys(await readServed(store)).sort()).toEqual(['mlp', 'other']);
    }
  });
});

describe('models verify', () => {
  it('fails where nothing is published', async () => {
    const command = buildModelsCommand(buildContext());
    const verified = command.parseAsync(['verify', '--to', './nowhere'], { from: 'user' });
    expect(await catchMessage(verified)).toContain('nothing is published here');
  });

  it('finds no fault in published models', async () => {
    expect(await run('verify')).toContain('All 4 version(s) are whole.');
    expect(await runJson('verify mlp')).toMatchObject({
      faults: [],
      leftovers: [],
      versions: { length: 3 },
    });
  });

  it.each<
    [
      what: string,
      fault: RegExp,
      damage: (key: string, bytes: Uint8Array, etag: string) => Promise<unknown>,
    ]
  >([
    ['missing', /weights\.bin.*is missing/, (key) => store.delete(key)],
    [
      'cut off',
      /weights\.bin has 10 bytes/,
      (key, bytes, etag) => store.put(key, bytes.slice(0, 10), etag),
    ],
    [
      'too long',
      /more than the 321 bytes/,
      (key, _, etag) => store.put(key, new Uint8Array(1000), etag),
    ],
    [
      'altered',
      /weights\.bin has SHA-256/,
      (key, bytes, etag) => store.put(key, bytes.with(3, 1), etag),
    ],
    [
      'joined by a stranger',
      /stranger\.bin: is not listed/,
      (key, bytes) => store.put(key.replace('weights', 'stranger'), bytes, null),
    ],
    [
      'without its manifest',
      /manifest\.json.*is missing/,
      (key) => store.delete(key.replace('weights.bin', 'manifest.json')),
    ],
  ])('finds an object that is %s, names it and fails', async (_, fault, damage) => {
    const key = `models/mlp/${versionOf(present)}/weights.bin`;
    const there = await store.get(key);
    await damage(key, there?.bytes ?? new Uint8Array(), there?.etag ?? '');
    expect(await catchMessage(run('verify'))).toContain('1 fault(s) found');
    expect(printed.join('\n')).toMatch(fault);
    expect(await run(`verify ${nameOf(other)}`)).toContain('are whole');
  });

  it('reports a pin on a missing version, but not a stopped publisher’s leftovers', async () => {
    await run(`pin ${nameOf(oldest)}`);
    for (const path of ['manifest.json', 'model.json', 'weights.bin']) {
      await store.delete(`models/mlp/${versionOf(oldest)}/${path}`);
    }
    await store.delete(`models/mlp/${versionOf(older)}/manifest.json`);
    expect(await catchMessage(run('verify'))).toContain('1 fault(s)');
    expect(printed.join('\n')).toContain(
      `ledger.json: names ${nameOf(oldest)}, of which nothing is there`,
    );
    expect(printed.join('\n')).toContain(`incomplete  ${nameOf(older)}`);
  });
});

describe('models pin', () => {
  it('keeps a version from being pruned until it is unpinned', async () => {
    laterMs = 400 * 24 * 3600 * 1000;
    expect(await run(`pin ${nameOf(oldest)}`)).toBe(`${nameOf(oldest)} is pinned`);
    expect(await run(`pin ${nameOf(oldest)}`)).toContain('already');
    expect(await run('prune --keep 0')).toContain(`${nameOf(oldest)}  is pinned`);
    expect(await run(`unpin ${nameOf(oldest)} --dry-run`)).toContain('nothing was written');
    expect(await run(`unpin ${nameOf(oldest)}`)).toBe(`${nameOf(oldest)} is unpinned`);
    expect(await run(`unpin ${nameOf(oldest)}`)).toContain('already');
    expect(await run('prune --keep 0')).toMatch(new RegExp(`deleted +${nameOf(oldest)}`));
  });

  it('refuses a missing version', async () => {
    expect(await catchMessage(run('pin mlp@0000000000000000'))).toContain('is not whole');
  });
});

describe('models prune', () => {
  const DAY_MS = 24 * 3600 * 1000;

  it('deletes old unused versions completely, and never the served or the previous one', async () => {
    laterMs = 31 * DAY_MS;
    const result = await runJson('prune --keep 0');
    expect(result.deleted).toMatchObject([
      { name: 'mlp', version: versionOf(oldest), keys: { length: 3 } },
    ]);
    expect(result.kept).toEqual([
      ...[older, present]
        .map((fixture) => ({
          name: 'mlp',
          version: versionOf(fixture),
          reason: fixture === present ? 'served' : 'previous',
        }))
        .toSorted((one, next) => (one.version < next.version ? -1 : 1)),
      { name: 'other', version: versionOf(other), reason: 'served' },
    ]);
    expect(await listKeys(store, `models/mlp/${versionOf(oldest)}/`)).toEqual([]);
    expect(await readServed(store)).toEqual({ mlp: versionOf(present), other: versionOf(other) });
    expect(await run('rollback mlp')).toContain(versionOf(older));
  });

  it('keeps the last used versions, and versions younger than the given age', async () => {
    expect((await runJson('prune --keep 0')).deleted).toEqual([]);
    laterMs = 31 * DAY_MS;
    expect((await runJson('prune')).deleted).toEqual([]);
    expect((await runJson('prune --keep 2')).deleted).toEqual([]);
    expect((await runJson('prune --keep 0 --older-than 32d')).deleted).toEqual([]);
    expect((await runJson('prune --keep 0 --name other')).deleted).toEqual([]);
    expect((await runJson('prune --keep 1 --older-than 1h')).deleted).toHaveLength(1);
  });

  it('counts the age from when a version was last served', async () => {
    laterMs = 31 * DAY_MS;
    await run(`rollback mlp --version ${versionOf(oldest)}`);
    await run(`rollback mlp --version ${versionOf(older)}`);
    await run(`rollback mlp --version ${versionOf(present)}`);
    expect((await runJson('prune --keep 0')).deleted).toEqual([]);
  });

  it('deletes nothing in a dry run', async () => {
    laterMs = 31 * DAY_MS;
    const before = await store.list('');
    expect(await run('prune --keep 0 --dry-run')).toMatch(
      new RegExp(`would delete +${nameOf(oldest)}[^]*nothing was deleted`),
    );
    expect(await store.list('')).toEqual(before);
  });

  it('deletes old leftovers of stopped publishers: files without a manifest, and probes of conditional writes', async () => {
    await store.delete(`models/mlp/${versionOf(older)}/manifest.json`);
    await store.put('publish-probe-left', new Uint8Array(1), null);
    expect(await runJson('prune --older-than 1h')).toMatchObject({ deleted: [], probes: [] });
    laterMs = 2 * DAY_MS;
    // A rollback goes to the previous version, so it stays even when it is incomplete. Publishing
    // it again repairs it.
    expect(await runJson('prune --older-than 1h')).toMatchObject({
      deleted: [],
      probes: ['publish-probe-left'],
    });
    await run(`rollback mlp --version ${versionOf(oldest)}`);
    expect((await runJson('prune --older-than 1h')).deleted).toMatchObject([
      { version: versionOf(older), keys: { length: 2 } },
    ]);
  });

  it('keeps unknown objects', async () => {
    const key = `models/mlp/${versionOf(oldest)}/manifest.json`;
    await store.delete(key);
    await store.put(key, new TextEncoder().encode('{"schema":2}'), null);
    await store.put('models/a-folder/of-another/kind.bin', new Uint8Array(1), null);
    laterMs = 31 * DAY_MS;
    const result = await runJson('prune --keep 0');
    expect(result.deleted).toEqual([]);
    expect(result.kept).toContainEqual({
      name: 'mlp',
      version: versionOf(oldest),
      reason: 'not_understood',
    });
  });

  it('deletes nothing when it cannot read what is served', async () => {
    laterMs = 31 * DAY_MS;
    await store.delete('current.json');
    const before = await store.list('');
    expect(await catchMessage(run('prune --keep 0'))).toContain('expected current.json');
    await store.put('current.json', new TextEncoder().encode('{}'), null);
    await expect(run('prune --keep 0')).rejects.toThrow('nothing was changed');
    await store.delete('current.json');
    expect(await store.list('')).toEqual(before);
  });

  it.each([
    '{',
    '{"schema":1}',
    '{"schema":2,"pins":[]}',
    `{"schema":1,"history":[],"pins":[],"holds":[],"more":1}`,
  ])('and every other writer leave the ledger %s unchanged', async (text) => {
    await store.delete('ledger.json');
    await store.put('ledger.json', new TextEncoder().encode(text), null);
    const before = await store.list('');
    for (const args of [
      'prune',
      'rollback mlp',
      `pin ${nameOf(oldest)}`,
      `unpin ${nameOf(oldest)}`,
      'list',
    ]) {
      const message = await catchMessage(run(args));
      expect(message).toContain('ledger.json');
      expect(message).not.toMatch(/delete it/);
    }
    await expect(publish(oldest)).rejects.toThrow('ledger.json');
    expect(await store.list('')).toEqual(before);
  });

  it('shows its defaults as they are typed', async () => {
    const { commands } = buildModelsCommand(buildContext());
    const help = commands.map((command) => command.helpInformation()).join('\n');
    expect(help).toContain('(default: 30d)');
    expect(help).not.toMatch(/\d{6}/);
  });

  const isRoot = process.getuid?.() === 0 && process.platform === 'linux';
  if (!isRoot) {
    console.warn('Skipped: pruning a full disk: only root can mount a small one');
  }
  it.skipIf(!isRoot)('frees space on a full disk', async () => {
    const disk = join(cwd, 'store');
    await rename(disk, join(cwd, 'full'));
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', disk]);
    try {
      await cp(join(cwd, 'full'), disk, { recursive: true, preserveTimestamps: true });
      const filler = await open(join(disk, 'filler'), 'w');
      await expect(
        (async () => {
          for (;;) {
            await filler.write(new Uint8Array(4096));
          }
        })(),
      ).rejects.toThrow('ENOSPC');
      await filler.close();
      laterMs = 31 * DAY_MS;
      expect(await run('prune --keep 0')).toContain('1 version(s) deleted');
      expect(await listKeys(store, `models/mlp/${versionOf(oldest)}/`)).toEqual([]);
      expect(await run('rollback mlp')).toContain('is served');
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it.each(['1', '5w', '-1d', '1.5d', ''])('refuses the age %j', async (age) => {
    await expect(run(`prune --older-than=${age}`)).rejects.toThrow(
      /Expected a duration|argument missing/,
    );
  });
});

describe('signatures', () => {
  it('are made with a key of keygen, also after publishing, shown, and verified', async () => {
    const output = (await run('keygen --out key.pem')).split('\n');
    const publicKey = output.at(-1) as string;
    expect(publicKey).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    const secret = (await readFile(join(cwd, 'key.pem'), 'utf8')).split('\n')[1] as string;
    expect(output.join('\n')).not.toContain(secret);

    const flags = ['verify', nameOf(present), '--public-keys', publicKey].join(' ');
    expect(await catchMessage(run(flags))).toContain('1 fault(s)');
    expect(printed.join('\n')).toContain('is not signed by any of the public keys given');
    await publish(present, '--sign key.pem');
    expect(printed.join('\n')).toContain('is served already: 1 missing file(s) were put there');
    expect(printed.join('\n')).not.toContain(secret);
    expect(await run(flags)).toContain('signed by ');
    expect(await run('list')).toContain('signed');
    // The key comes from the environment and signs all models; the others have no signature.
    expect(await catchMessage(run('verify', { MODEL_PUBLIC_KEYS: publicKey }))).toContain(
      '3 fault(s)',
    );
    await publish(present, '--sign key.pem');
    expect(printed.join('\n')).toContain('nothing was changed');
  });

  it('are added to published models after a complete check, without moving a pointer', async () => {
    const publicKey = (await run('keygen --out key.pem')).split('\n').at(-1) as string;
    const before = (await readServed(store))['mlp'];
    expect(await run(`sign ${nameOf(oldest)} --with key.pem --dry-run`)).toContain(
      'nothing was written',
    );
    expect(await run(`sign ${nameOf(oldest)} --with key.pem`)).toMatch(
      /is signed by [0-9a-f]{16}$/,
    );
    expect(await run(`sign ${nameOf(oldest)} --with key.pem`)).toContain(
      'already; nothing was changed',
    );
    expect(await run(`verify ${nameOf(oldest)} --public-keys ${publicKey}`)).toContain('are whole');
    expect((await readServed(store))['mlp']).toBe(before);
    await store.delete(`models/mlp/${versionOf(older)}/model.json`);
    expect(await catchMessage(run(`sign ${nameOf(older)} --with key.pem`))).toContain(
      'model.json is missing',
    );
    expect((await listKeys(store)).filter((key) => key.endsWith('.sig'))).toHaveLength(1);
  });

  it('that were altered are found', async () => {
    const publicKey = (await run('keygen --out key.pem')).split('\n').at(-1) as string;
    await publish(present, '--sign key.pem');
    const key = (await listKeys(store, `models/mlp/${versionOf(present)}/`)).find((each) =>
      each.endsWith('.sig'),
    ) as string;
    const there = await store.get(key);
    await store.put(
      key,
      Uint8Array.from(there?.bytes ?? [], (byte) => byte ^ 1),
      there?.etag ?? '',
    );
    expect(
      await catchMessage(run(`verify ${nameOf(present)} --public-keys ${publicKey}`)),
    ).toContain('2 fault(s)');
    expect(printed.join('\n')).toContain(`${key}: is not the signature of this manifest.json`);
    // Publishing does not accept the altered signature as its own.
    await expect(publish(present, '--sign key.pem')).rejects.toThrow('got other bytes there');
  });

  it('refuse a wrong key with an explanation', async () => {
    await writeFile(join(cwd, 'key.pem'), 'nonsense');
    await expect(publish(present, '--sign key.pem')).rejects.toThrow(
      'expected an Ed25519 private key',
    );
    expect(await catchMessage(run('verify --public-keys nonsense'))).toContain(
      '--public-keys: public key 1 of 1',
    );
  });
});
