import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ExpectedError } from '../../shared/expected-error.ts';
import { readS3Credentials } from '../../storage/s3-location.ts';
import { openTarget, parseTarget } from '../../storage/target.ts';

const ACCOUNT = '0123456789abcdef0123456789abcdef';

describe('a target', () => {
  it.each([
    ['local', { kind: 'local' }],
    ['folder:out', { kind: 'folder', path: 'out' }],
    ['folder:local', { kind: 'folder', path: 'local' }],
    ['./out', { kind: 'folder', path: './out' }],
    ['..', { kind: 'folder', path: '..' }],
    ['/srv/models', { kind: 'folder', path: '/srv/models' }],
    ['out/models', { kind: 'folder', path: 'out/models' }],
  ])('%s is parsed as %j', (text, target) => {
    expect(parseTarget(text, { env: {} })).toEqual(target);
  });

  it.each([
    ['AWS by region', 's3://bucket', { AWS_REGION: 'eu-west-1' }, {}, undefined, 'eu-west-1', ''],
    [
      'a prefix',
      's3://bucket/a/B_1/',
      { AWS_DEFAULT_REGION: 'eu-west-1' },
      {},
      undefined,
      'eu-west-1',
      'a/B_1',
    ],
    [
      'an endpoint',
      's3://bucket',
      { AWS_ENDPOINT_URL: 'http://host:9000' },
      {},
      'http://host:9000',
      'us-east-1',
      '',
    ],
    [
      'S3’s own endpoint before the general one',
      's3://bucket',
      { AWS_ENDPOINT_URL: 'http://a', AWS_ENDPOINT_URL_S3: 'http://b' },
      {},
      'http://b',
      'us-east-1',
      '',
    ],
    [
      'flags before variables',
      's3://bucket',
      { AWS_ENDPOINT_URL_S3: 'http://b', AWS_REGION: 'x' },
      { endpoint: 'http://c', region: 'y' },
      'http://c',
      'y',
      '',
    ],
    [
      'R2 by its endpoint',
      's3://bucket',
      {},
      { endpoint: `https://${ACCOUNT}.r2.cloudflarestorage.com` },
      `https://${ACCOUNT}.r2.cloudflarestorage.com`,
      'auto',
      '',
    ],
    [
      'R2 by its account',
      'r2://bucket',
      { CLOUDFLARE_ACCOUNT_ID: ACCOUNT, AWS_REGION: 'eu-west-1' },
      {},
      `https://${ACCOUNT}.r2.cloudflarestorage.com`,
      'auto',
      '',
    ],
    [
      'R2 in a jurisdiction',
      'r2://bucket',
      {},
      { endpoint: `https://${ACCOUNT}.eu.r2.cloudflarestorage.com` },
      `https://${ACCOUNT}.eu.r2.cloudflarestorage.com`,
      'auto',
      '',
    ],
  ])('in S3 is reached through %s', (_what, text, env, flags, endpoint, region, prefix) => {
    expect(parseTarget(text, { env, ...flags })).toEqual({
      kind: 's3',
      bucket: 'bucket',
      prefix,
      endpoint,
      region,
    });
  });

  it.each([
    '',
    'nowhere',
    'folder:',
    'ftp://host/x',
    'gs://bucket',
    'file:///x',
    'LOCAL',
    'S3://bucket',
  ])('%j is refused with a list of the allowed forms', (text) => {
    const parse = (): unknown => parseTarget(text, { env: {} });
    expect(parse).toThrow(ExpectedError);
    expect(parse).toThrow(/--to: expected one of[^]*local[^]*folder:PATH[^]*s3:\/\/[^]*r2:\/\//);
  });

  it.each([
    ['s3://bucket', {}, /AWS_REGION/],
    ['s3://', { AWS_REGION: 'auto' }, /expected [sr][32]:\/\/ and a bucket/],
    ['s3://Bad_Bucket', { AWS_REGION: 'auto' }, /expected [sr][32]:\/\/ and a bucket/],
    ['s3://bucket/../other', { AWS_REGION: 'auto' }, /and a prefix/],
    ['s3://bucket', { AWS_REGION: 'evil.example/' }, /expected a region/],
    ['r2://bucket', {}, /CLOUDFLARE_ACCOUNT_ID/],
    ['r2://bucket', { CLOUDFLARE_ACCOUNT_ID: 'evil.example/' }, /32 hex digits .*got another text/],
    ['s3://KEY:secret@bucket', { AWS_REGION: 'auto' }, /is another text, expected s3/],
    ['r2://KEY:secret@bucket', {}, /is another text, expected r2/],
    ['gs://KEY:secret@bucket', {}, /got another text/],
    [
      'r2://bucket/prefix',
      { CLOUDFLARE_ACCOUNT_ID: ACCOUNT },
      /expected [sr][32]:\/\/ and a bucket/,
    ],
  ])('%s with %j is refused', (text, env, message) => {
    expect(() => parseTarget(text, { env })).toThrow(ExpectedError);
    expect(() => parseTarget(text, { env })).toThrow(message);
  });

  it.each([
    ['s3://models', `https://${ACCOUNT}.r2.cloudflarestorage.com/models`],
    ['s3://models/prefix', 'http://host:9000/base/models/'],
    ['r2://models', `https://${ACCOUNT}.eu.r2.cloudflarestorage.com/models`],
  ])('%s at %s is refused, because the endpoint names the bucket, too', (text, endpoint) => {
    const parse = (): unknown => parseTarget(text, { env: {}, endpoint });
    expect(parse).toThrow(ExpectedError);
    expect(parse).toThrow(/--endpoint .* without the bucket, got "models" at its end/);
  });

  it('accepts an endpoint whose host has the bucket’s name', () => {
    expect(parseTarget('s3://models', { env: {}, endpoint: 'http://models' })).toMatchObject({
      endpoint: 'http://models',
    });
  });

  it('accepts no endpoint unless it is an S3 store', () => {
    expect(() => parseTarget('local', { env: {}, endpoint: 'http://host' })).toThrow('--endpoint');
    expect(() => parseTarget('./out', { env: {}, region: 'auto' })).toThrow('--region');
  });

  it('resolves a relative path from the caller’s folder', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'digitmint-target-'));
    const store = await openTarget(parseTarget('folder:out', { env: {} }), {
      env: {},
      root: '/nowhere',
      cwd,
    });
    expect(store.description).toBe(`folder ${join(cwd, 'out')}`);
    await rm(cwd, { recursive: true });
  });

  it.each([
    'ftp://host',
    'host:9000',
    'nonsense',
    'https://user:the-password@host',
    'http://user:the-password@ho st',
    'https://host?the-password',
    'https://host#the-password',
  ])('with the endpoint %s is refused without repeating a password', (endpoint) => {
    const parse = (): unknown => parseTarget('s3://bucket', { env: {}, endpoint });
    expect(parse).toThrow(ExpectedError);
    expect(parse).not.toThrow(/the-password/);
  });

  it.each(['RegionOne', 'GRA', 'auto', 'cn-north-1'])('takes the region from %s', (region) => {
    const env = { AWS_ENDPOINT_URL: 'https://host', AWS_REGION: region };
    expect(parseTarget('s3://bucket', { env })).toMatchObject({ region });
  });

  it('accepts a bucket with capitals and underscores when the store is not AWS', () => {
    const env = { AWS_ENDPOINT_URL: 'https://host' };
    expect(parseTarget('s3://Old_Bucket', { env })).toMatchObject({ bucket: 'Old_Bucket' });
  });

  it('has its bucket in the host name on request', () => {
    const env = { AWS_ENDPOINT_URL: 'https://host', AWS_S3_ADDRESSING_STYLE: 'virtual' };
    expect(parseTarget('s3://bucket', { env })).toMatchObject({ isVirtualHost: true });
    const wrong = { ...env, AWS_S3_ADDRESSING_STYLE: 'auto' };
    expect(() => parseTarget('s3://bucket', { env: wrong })).toThrow('expected path or virtual');
  });

  it('may leave the region to a profile', () => {
    const env = { AWS_PROFILE: 'work' };
    expect(parseTarget('s3://bucket', { env })).toEqual({
      kind: 's3',
      bucket: 'bucket',
      prefix: '',
    });
  });
});

describe('credentials', () => {
  it('are read from the environment', () => {
    const env = {
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: ' secret\n',
      AWS_SESSION_TOKEN: '',
    };
    expect(readS3Credentials(env)).toEqual({ accessKeyId: 'id', secretAccessKey: 'secret' });
    expect(readS3Credentials({ ...env, AWS_SESSION_TOKEN: 'token' })).toEqual({
      accessKeyId: 'id',
      secretAccessKey: 'secret',
      sessionToken: 'token',
    });
  });

  it('that are missing are named, and present ones are not shown', () => {
    const env = { AWS_ACCESS_KEY_ID: 'the-key' };
    const read = (): unknown => readS3Credentials(env);
    expect(read).toThrow(ExpectedError);
    expect(read).toThrow('AWS_SECRET_ACCESS_KEY');
    expect(read).not.toThrow(/the-key/);
  });

  it('are left to the SDK when a profile or a container provides them', () => {
    expect(readS3Credentials({ AWS_PROFILE: 'work' })).toBeUndefined();
    expect(() => readS3Credentials({ AWS_PROFILE: 'work', AWS_ACCESS_KEY_ID: 'id' })).toThrow(
      'AWS_SECRET_ACCESS_KEY',
    );
  });

  it('that fit in no header are refused without being shown', () => {
    const env = {
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_SESSION_TOKEN: 'to\nken',
    };
    const read = (): unknown => readS3Credentials(env);
    expect(read).toThrow('AWS_SESSION_TOKEN');
    expect(read).not.toThrow(/to\nken/);
  });
});
