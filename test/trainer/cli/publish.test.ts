import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  buildPublishCommand,
  checkPublishTarget,
  publishModel,
} from '../../../trainer/cli/publish.ts';
import { buildModelsCommand } from '../../../trainer/cli/models.ts';
import type { StorageContext } from '../../../trainer/cli/storage-options.ts';
import { ExpectedError } from '../../../shared/expected-error.ts';
import { buildFixture } from '../../support/models/fixture-artifact.ts';
import {
  buildS3Error,
  startFaultyProxy,
  type FaultyProxy,
} from '../../support/storage/faulty-proxy.ts';
import { hasVersitygw, startVersitygw } from '../../support/storage/s3-server.ts';

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

  it('keeps the default on request, and names the default', async () => {
    await run('--model first --to ./store');
    expect(await run('--model other --to ./store --keep-default')).toContain(
      'is published beside the default, mlp',
    );
    expect(await run('--model other --to ./store')).toContain(
      'it is now the default, before it was mlp',
    );
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

describe('the check of a target before the work', () => {
  it('finds a wrong target and missing credentials without a network', () => {
    expect(() => checkPublishTarget('nowhere', { env: {} })).toThrow('--to');
    expect(() => checkPublishTarget('s3://bucket', { env: { AWS_REGION: 'auto' } })).toThrow(
      'AWS_ACCESS_KEY_ID',
    );
    expect(() => checkPublishTarget('local', { env: {} })).not.toThrow();
  });
});
