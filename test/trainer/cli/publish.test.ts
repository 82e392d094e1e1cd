import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  buildPublishCommand,
  checkPublishTarget,
  publishModel,
} from '../../../trainer/cli/publish.ts';
import { buildModelsCommand } from '../../../trainer/cli/models.ts';
import { nameCommand, type StorageContext } from '../../../trainer/cli/storage-options.ts';
import { readLedger } from '../../../trainer/publish/ledger.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { createFolderStore } from '../../../storage/folder-store.ts';
import { buildFixture } from '../../support/models/fixture-artifact.ts';
import { readServed } from '../../support/models/published.ts';
import {
  buildS3Error,
  startFaultyProxy,
  type FaultyProxy,
} from '../../support/storage/faulty-proxy.ts';
import { hasVersitygw, startVersitygw } from '../../support/storage/s3-server.ts';
import { TRAINER } from '../../support/trainer-program.ts';

const first = buildFixture({ name: 'mlp', weightsSeed: 'first' });
const second = buildFixture({ name: 'mlp', weightsSeed: 'second' });
const other = buildFixture({ name: 'conv', weightsSeed: 'other' });

let cwd: string;
let printed: string[];
let proxy: FaultyProxy | undefined;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'digitmint-command-'));
  printed = [];
  for (const [folder, fixture] of Object.entries({ first, second, other })) {
    await mkdir(join(cwd, folder));
    await Promise.all(
      [...fixture.files].map(([path, bytes]) => writeFile(join(cwd, folder, path), bytes)),
    );
  }
});
afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
  await rm(cwd, { recursive: true, force: true });
});

function buildContext(env: StorageContext['env'] = {}): StorageContext {
  return {
    env,
    root: cwd,
    cwd,
    now: () => new Date('2026-02-03T04:05:06Z'),
    print: (line) => printed.push(line),
  };
}

/** Runs the command and returns its output. */
async function run(args: string, env: StorageContext['env'] = {}): Promise<string> {
  printed = [];
  await buildPublishCommand(buildContext(env))
    .exitOverride()
    .parseAsync(args.split(' '), { from: 'user' });
  return printed.join('\n');
}

/** An error that repeats the request. */
function echo(request: { headers: object }): string {
  return buildS3Error('THEACCESSKEY', JSON.stringify(request.headers));
}

describe('the publish command', () => {
  it('reports the uploads, the move of the pointer, and where to look', async () => {
    const output = await run('--model first --to ./store');
    expect(output).toContain(`Publishing to folder ${join(cwd, 'store')}`);
    for (const path of ['model.json', 'weights.bin', 'manifest.json']) {
      expect(output).toMatch(
        new RegExp(
          `uploaded +models/mlp/${first.manifest.version}/${path} +[0-9.]+ (B|KiB)  sha256 [0-9a-f]{16}`,
        ),
      );
    }
    expect(output).toContain(
      `current.json  mlp (none) -> ${first.manifest.version}, default (none) -> mlp`,
    );
    expect(output).toContain('GET /healthz');
  });

  it('reports the version from which the pointer moved', async () => {
    await run('--model first --to ./store');
    expect(await run('--model second --to ./store')).toContain(
      `mlp ${first.manifest.version} -> ${second.manifest.version}, default mlp`,
    );
  });

  it('reports that nothing changed when the model is already served', async () => {
    await run('--model first --to ./store');
    expect(await run('--model first --to ./store')).toContain(
      `mlp ${first.manifest.version} is served already: nothing was changed.`,
    );
  });

  it('makes another model the default on request only, and names the ways there and back', async () => {
    await run('--model first --to ./store');
    const beside = await run('--model other --to ./store');
    expect(beside).toContain('beside the default, mlp');
    expect(beside).toContain('npm run models -- default conv --to ./store');
    const output = await run('--model other --to ./store --default');
    expect(output).toContain('it is now the default, before it was mlp');
    expect(output).toContain('Back: npm run models -- default mlp --to ./store');
  });

  it('names the replaced version and the command that goes back', async () => {
    await run('--model first --to ./store');
    expect(await run('--model second --to ./store')).toContain(
      `It replaced ${first.manifest.version}. Back: npm run models -- rollback mlp --to ./store`,
    );
  });

  describe('a version of the default model', () => {
    const build = (
      weightsSeed: string,
      { imagesSeen = 2_048_000, diversity = 1, classes = 10 } = {},
    ) =>
      buildFixture({
        name: 'mlp',
        weightsSeed,
        classes,
        alter: (content) => ({
          ...content,
          training: { ...content.training, imagesSeen },
          figures: { diversity },
        }),
      });
    const served = build('served');
    const write = async (folder: string, { files }: typeof served) => {
      await mkdir(join(cwd, folder));
      for (const [path, bytes] of files) {
        await writeFile(join(cwd, folder, path), bytes);
      }
    };
    const store = () => createFolderStore(join(cwd, 'store'));

    it.each([
      ['much shorter', { imagesSeen: 12_800 }, /it has seen 12,800 images, mlp@\w+ 2,048,000/],
      [
        'worse, as it collapses',
        { diversity: 0.4 },
        /a diversity of 0\.40, those of mlp@\w+ 1\.00/,
      ],
      ['worse, as it is noise', { diversity: 1.9 }, /a diversity of 1\.90/],
      ['of other pictures', { classes: 3 }, /it draws 28 x 28 x 1, classes 0, 1, 2; mlp@/],
      ['of many classes', { classes: 100 }, /classes 0, 1, 2, [^;]{60,80}…; mlp@/],
    ])('that is %s is stored, and served on request only', async (_what, change, reason) => {
      const trial = build('trial', change);
      await write('served', served);
      await write('trial', trial);
      await run('--model served --to ./store');
      expect(await run('--model trial --to ./store --dry-run')).toMatch(reason);
      const output = await run('--model trial --to ./store');
      expect(output).toContain('is stored but not served by default');
      expect(output).toMatch(reason);
      expect(output).toContain(
        `npm run models -- rollback mlp --version ${trial.manifest.version} --to ./store`,
      );
      expect(await readServed(store())).toEqual({ mlp: served.manifest.version });
      expect((await readLedger(store())).ledger.history).toEqual([]);
      const key = `models/mlp/${trial.manifest.version}/manifest.json`;
      expect(await store().get(key)).not.toBeNull();
      await run('--model trial --to ./store --default');
      expect(await readServed(store())).toEqual({ mlp: trial.manifest.version });
    });

    it('that is as good and half as long at least is served', async () => {
      const next = build('next', { imagesSeen: 1_024_000, diversity: 0.81 });
      await write('served', served);
      await write('next', next);
      await run('--model served --to ./store');
      expect(await run('--model next --to ./store')).toContain('published and served by default');
      expect(await readServed(store())).toEqual({ mlp: next.manifest.version });
    });
  });

  it('reports its plan in a dry run and writes nothing', async () => {
    const output = await run('--model first --to ./store --dry-run');
    expect(output).toContain(`would upload   models/mlp/${first.manifest.version}/weights.bin`);
    expect(output).toContain('would move     current.json');
    expect(output).toContain('Nothing was written');
    expect(await run('--model first --to ./store')).not.toContain('already there');
  });

  it('prints one JSON object on request', async () => {
    const result = JSON.parse(await run('--model first --to ./store --json'));
    expect(result).toMatchObject({
      name: 'mlp',
      version: first.manifest.version,
      dryRun: false,
      pointerMoved: true,
      previousVersion: null,
      alreadyThere: [],
    });
    expect(result.uploaded.map(({ key }: { key: string }) => key.split('/').at(-1))).toEqual([
      'model.json',
      'weights.bin',
      'manifest.json',
    ]);
  });

  it('publishes to the local bucket by default', async () => {
    const output = await run('--model first');
    expect(output).toContain('.wrangler/state/v3');
    expect(output).toContain('npm start');
    expect(await run('--model first')).toContain('is served already');
  });

  it('publishes after training as the train command asks for it', async () => {
    await publishModel({ model: 'first', to: './store' }, buildContext());
    expect(printed.join('\n')).toContain(`mlp (none) -> ${first.manifest.version}`);
  });

  it.each([
    ['--model nowhere --to ./store', {}, 'nowhere: expected a folder with manifest.json'],
    ['--model first --to nowhere', {}, '--to: expected one of the following, got "nowhere"'],
    ['--model first --to s3://bucket', { AWS_REGION: 'auto' }, 'AWS_ACCESS_KEY_ID'],
    ['--model first --to r2://bucket', {}, 'CLOUDFLARE_ACCOUNT_ID'],
    ['--model first --to ./store --endpoint http://host', {}, '--endpoint'],
  ])('`%s` ends with an explanation', async (args, env, message) => {
    const call = run(args, env);
    await expect(call).rejects.toThrow(ExpectedError);
    await expect(call).rejects.toThrow(message);
  });

  it('reveals no credential, whatever happens', async () => {
    const env = {
      AWS_ACCESS_KEY_ID: 'THEACCESSKEY',
      AWS_SECRET_ACCESS_KEY: 'the/secret/key',
      AWS_SESSION_TOKEN: 'thesessiontoken',
    };
    const shown: string[] = [];
    for (const status of [200, 301, 400, 403, 404, 501]) {
      proxy = await startFaultyProxy('http://127.0.0.1:9', () => ({
        do: 'answer',
        status,
        body: echo,
      }));
      const error = await run(
        `--model first --to s3://bucket --endpoint ${proxy.endpoint}`,
        env,
      ).catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(ExpectedError);
      shown.push(String((error as Error).stack), ...printed);
      await proxy.close();
    }
    for (const secret of Object.values(env)) {
      expect(shown.filter((text) => text.includes(secret))).toEqual([]);
    }
  });

  it.skipIf(!hasVersitygw())(
    'publishes to S3 with credentials from the environment (versitygw)',
    async () => {
      const server = await startVersitygw();
      try {
        const env = {
          AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
          AWS_ENDPOINT_URL_S3: server.endpoint,
        };
        expect(await run(`--model first --to s3://${server.bucket}`, env)).toContain(
          'is published and served by default',
        );
        expect(await run(`--model first --to s3://${server.bucket}`, env)).toContain(
          'is served already',
        );
        await expect(run('--model first --to s3://another-bucket', env)).rejects.toThrow(
          'no such bucket',
        );
        await expect(
          run(`--model first --to s3://${server.bucket}`, {
            ...env,
            AWS_SECRET_ACCESS_KEY: 'wrong',
          }),
        ).rejects.toThrow('refused the credentials');
      } finally {
        await server.stop();
      }
    },
  );

  it.skipIf(!hasVersitygw())(
    'uses a store that refuses conditional puts where that is allowed, and warns (versitygw)',
    async () => {
      const server = await startVersitygw();
      proxy = await startFaultyProxy(server.endpoint, (_index, { method, headers }) =>
        method === 'PUT' && ('if-none-match' in headers || 'if-match' in headers)
          ? { do: 'answer', status: 501, body: buildS3Error('NotImplemented') }
          : { do: 'pass' },
      );
      const env = {
        AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
        AWS_ENDPOINT_URL_S3: proxy.endpoint,
      };
      const to = `--to s3://${server.bucket}`;
      const runModels = async (args: string): Promise<string> => {
        printed = [];
        const command = buildModelsCommand(buildContext(env));
        await command.parseAsync([...args.split(' '), ...to.split(' ')], { from: 'user' });
        return printed.join('\n');
      };
      const [unsafe, warning] = ['--allow-unsafe-pointer', 'ignores or refuses conditional writes'];
      try {
        await expect(run(`--model first ${to}`, env)).rejects.toThrow(unsafe);
        const output = await run(`--model first ${to} ${unsafe}`, env);
        expect(output).toContain(warning);
        expect(output).toContain('is published and served by default');
        expect(await run(`--model second ${to} ${unsafe}`, env)).toContain(
          `mlp ${first.manifest.version} -> ${second.manifest.version}`,
        );
        const pinned = `mlp@${first.manifest.version}`;
        for (const args of [`pin ${pinned}`, `unpin ${pinned}`, 'rollback mlp']) {
          await expect(runModels(args)).rejects.toThrow(unsafe);
          expect([args, await runModels(`${args} ${unsafe}`)]).toEqual([
            args,
            expect.stringContaining(warning),
          ]);
        }
        expect(await runModels('list')).not.toContain('publish-probe');
      } finally {
        await server.stop();
      }
    },
  );
});

it.each([
  ['its reader stops, as `head` does', '| true', 0],
  ...(existsSync('/dev/full') ? [['the disk of its lines is full', '>/dev/full', 1] as const] : []),
] as const)('publishes whole when %s', async (_what, sink, status) => {
  const bucket = join(cwd, 'bucket');
  const command = [process.execPath, TRAINER, 'publish', '--model', 'first', '--to', './bucket'];
  const script = `{ "$@"; echo $? >status; } ${sink}`;
  await promisify(execFile)('sh', ['-c', script, 'sh', ...command], { cwd });
  expect(await readFile(join(cwd, 'status'), 'utf8')).toBe(`${status}\n`);
  expect(await readServed(createFolderStore(bucket))).toEqual({ mlp: first.manifest.version });
});

describe('the check of a target before the work', () => {
  it('finds a wrong target and missing credentials without a network', () => {
    expect(() => checkPublishTarget({ to: 'nowhere' }, { env: {} })).toThrow('--to');
    expect(() =>
      checkPublishTarget({ to: 's3://bucket' }, { env: { AWS_REGION: 'auto' } }),
    ).toThrow('AWS_ACCESS_KEY_ID');
    expect(() => checkPublishTarget({ to: 'local' }, { env: {} })).not.toThrow();
    // A command that is advised has the flags of the store.
    expect(nameCommand('list', { to: 's3://b', region: 'a b', allowUnsafePointer: true })).toBe(
      'npm run models -- list --to s3://b --region "a b" --allow-unsafe-pointer',
    );
  });
});
