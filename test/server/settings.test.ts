import { describe, expect, test } from 'vitest';
import { ExpectedError } from '../../shared/expected-error.ts';
import { describeUsage, parseSettings } from '../../server/settings.ts';

const KEYS = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret\n' };

test('without settings the bundled model serves on this machine alone', () => {
  expect(parseSettings([], {})).toEqual({
    port: 8787,
    host: '127.0.0.1',
    workers: 1,
    models: { kind: 'bundled' },
    modelRefreshMs: 20_000,
    publicKeys: [],
    publicUrl: undefined,
    hstsSeconds: 0,
    graceMs: 8000,
    rateLimit: 0,
    heavyRateLimit: 0,
  });
});

test('flags override variables, and an empty variable counts as unset', () => {
  const env = {
    PORT: '80',
    HOST: '',
    MODELS: './there',
    MODEL_REFRESH_SECONDS: '1',
    PUBLIC_URL: 'https://example.org/',
    HSTS_SECONDS: '31536000',
  };
  expect(
    parseSettings(
      ['--port', '0', '--host=[::1]', '--refresh=0.5', '--grace', '0', '--rate-limit', '300'],
      env,
    ),
  ).toEqual({
    port: 0,
    host: '::1',
    workers: 1,
    models: { kind: 'folder', path: './there' },
    modelRefreshMs: 500,
    publicKeys: [],
    publicUrl: 'https://example.org',
    hstsSeconds: 31_536_000,
    graceMs: 0,
    rateLimit: 300,
    heavyRateLimit: 0,
  });
  expect(parseSettings(['--models', 'folder:s3'], env)).toMatchObject({
    models: { kind: 'folder', path: 's3' },
  });
  expect(parseSettings(['--rate-limit', 'off'], { HEAVY_RATE_LIMIT: 'off' })).toMatchObject({
    rateLimit: 0,
    heavyRateLimit: 0,
  });
  expect(parseSettings(['--help'], { PORT: 'x' })).toBe('help');
});

test.each([
  ['https://example.org/digits/', 'https://example.org/digits'],
  ['http://example.org:8080/a.b/c-d_~', 'http://example.org:8080/a.b/c-d_~'],
])('a public URL may have a path: %s', (text, publicUrl) => {
  expect(parseSettings(['--public-url', text], {})).toMatchObject({ publicUrl });
});

test('the usage names every variable', () => {
  for (const name of [
    'PORT',
    'WORKERS',
    'HOST',
    'MODELS',
    'MODEL_REFRESH_SECONDS',
    'MODEL_PUBLIC_KEYS',
    'PUBLIC_URL',
    'HSTS_SECONDS',
    'GRACE_SECONDS',
    'AWS_ACCESS_KEY_ID',
  ]) {
    expect(describeUsage()).toContain(name);
  }
});

describe('a bucket', () => {
  const parse = (text: string, env: Record<string, string>) =>
    parseSettings([], { ...KEYS, MODELS: text, ...env });

  test.each<[text: string, env: Record<string, string>, location: object]>([
    [
      's3://models',
      { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9000/' },
      { bucket: 'models', prefix: '', endpoint: 'http://127.0.0.1:9000', region: 'us-east-1' },
    ],
    [
      's3://models/a/b/',
      { AWS_ENDPOINT_URL: `https://${'0'.repeat(32)}.r2.cloudflarestorage.com` },
      { prefix: 'a/b', region: 'auto' },
    ],
    [
      's3://models',
      { AWS_REGION: 'eu-central-1' },
      { endpoint: undefined, region: 'eu-central-1' },
    ],
  ])('accepts %s with %j', (text, env, location) => {
    expect(parse(text, env)).toMatchObject({ models: { kind: 's3', location } });
    expect(parse(text, env)).toMatchObject({
      models: { location: { credentials: { accessKeyId: 'key', secretAccessKey: 'secret' } } },
    });
  });
});

test.each<[args: string[], env: Record<string, string>, message: RegExp]>([
  [['--port', '65536'], {}, /^--port is "65536", expected a whole number from 0 to 65535$/],
  [[], { PORT: '80a' }, /^PORT is "80a"/],
  [[], { PORT: '-1' }, /^PORT is "-1"/],
  [['--prot', '1'], {}, /--prot.*--help/],
  [['extra'], {}, /extra/],
  [
    [],
    { MODEL_REFRESH_SECONDS: '0' },
    /^MODEL_REFRESH_SECONDS is "0", expected seconds from 0.1 to 3600$/,
  ],
  [['--refresh', 'soon'], {}, /^--refresh is "soon"/],
  [[], { GRACE_SECONDS: '301' }, /^GRACE_SECONDS is "301"/],
  [[], { PUBLIC_URL: 'example.org' }, /^PUBLIC_URL is "example.org", expected http/],
  [
    [],
    { PUBLIC_URL: 'https://user@example.org' },
    /^PUBLIC_URL is another text, .* perhaps a path/,
  ],
  [[], { PUBLIC_URL: 'https://example.org/a?b' }, /then perhaps a path/],
  [[], { PUBLIC_URL: 'https://example.org/a//b' }, /then perhaps a path/],
  [[], { PUBLIC_URL: 'https://example.org/%2e%2e/b"' }, /then perhaps a path/],
  [[], { HSTS_SECONDS: '31536000' }, /^HSTS_SECONDS is 31536000, which needs a public URL/],
  [['--hsts', '60'], {}, /^--hsts is 60, which needs a public URL/],
  [
    [],
    { HSTS_SECONDS: '1', PUBLIC_URL: 'http://example.org' },
    /public URL that starts with https:/,
  ],
  [[], { PUBLIC_URL: 'ftp://example.org' }, /http:\/\/ or https:\/\//],
  [[], { MODELS: 'gs://KEY:secret@bucket' }, /^MODELS is another text, expected bundled/],
  [[], { MODELS: 'r2://bucket' }, /^MODELS is "r2:\/\/bucket", expected bundled/],
  [[], { MODELS: 'folder:' }, /expected bundled/],
  [['--host', ''], {}, /^--host is "", expected an address or a name of this machine/],
  [[], { MODELS: 'S3://bucket' }, /expected bundled/],
  [[], { ...KEYS, MODELS: 's3://Bucket' }, /expected s3:\/\/ and a bucket/],
  [[], { ...KEYS, MODELS: 's3://bucket/../x' }, /expected s3:\/\/ and a bucket/],
  [[], { ...KEYS, MODELS: 's3://bucket' }, /set AWS_ENDPOINT_URL_S3/],
  [
    [],
    { ...KEYS, MODELS: 's3://bucket', AWS_ENDPOINT_URL_S3: 'nowhere' },
    /^AWS_ENDPOINT_URL_S3 is "nowhere"/,
  ],
  [[], { MODELS: 's3://bucket', AWS_REGION: 'auto' }, /^expected AWS_ACCESS_KEY_ID/],
  [
    [],
    { MODELS: 's3://bucket', AWS_REGION: 'auto', AWS_ACCESS_KEY_ID: 'a' },
    /^expected AWS_SECRET_ACCESS_KEY/,
  ],
])('%j with %j is refused', (args, env, message) => {
  expect(() => parseSettings(args, env)).toThrow(ExpectedError);
  expect(() => parseSettings(args, env)).toThrow(message);
});

test('no message holds a credential', () => {
  const env = {
    MODELS: 's3://bucket',
    AWS_REGION: 'auto',
    AWS_ACCESS_KEY_ID: 'a',
    AWS_SECRET_ACCESS_KEY: 'hush hush',
  };
  expect(() => parseSettings([], env)).toThrow(/^AWS_SECRET_ACCESS_KEY holds a space/);
  expect(() => parseSettings([], env)).not.toThrow(/hush/);
  const url = { ...KEYS, MODELS: 's3://bucket', AWS_ENDPOINT_URL_S3: 'https://me:hush@host' };
  expect(() => parseSettings([], url)).toThrow(/holds a user name/);
  expect(() => parseSettings([], url)).not.toThrow(/hush/);
});

test('an invalid public key ends the start with an explanation', () => {
  expect(() => parseSettings(['--public-keys', 'nonsense'], {})).toThrow(ExpectedError);
  expect(() => parseSettings([], { MODEL_PUBLIC_KEYS: 'nonsense' })).toThrow(
    'MODEL_PUBLIC_KEYS: public key 1 of 1',
  );
  const key = Buffer.alloc(32, 1).toString('base64');
  expect(parseSettings([], { MODEL_PUBLIC_KEYS: `${key}\n` })).toMatchObject({
    publicKeys: [{ bytes: new Uint8Array(32).fill(1) }],
  });
});
