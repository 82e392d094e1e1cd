import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../shared/expected-error.ts';
import {
  encodePublicKey,
  parsePublicKeys,
  verifySignature,
} from '../../../shared/model/signature.ts';
import { createKeyFile, readSigner } from '../../../trainer/publish/signing.ts';
import { hasCommands } from '../../support/clients/installed.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'digitmint-signing-'));
  file = join(folder, 'key.pem');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const message = new TextEncoder().encode('{"a":1}');

const hasOpenssl = hasCommands('openssl');

describe('a key pair', () => {
  it.skipIf(!hasOpenssl)(
    'is created once, readable by its owner alone, and OpenSSL verifies its signatures',
    async () => {
      const publicKey = await createKeyFile(file);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      await expect(createKeyFile(file)).rejects.toThrow('never overwritten');

      const signer = await readSigner(file);
      expect(signer.publicKey).toEqual(publicKey);
      const signature = signer.sign(message);
      expect(signature).toEqual(signer.sign(message));
      const [pem, text, sig] = ['public.pem', 'text', 'sig'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      await writeFile(
        pem,
        createPublicKey(await readFile(file)).export({ type: 'spki', format: 'pem' }),
      );
      expect(verify(null, message, await readFile(pem, 'utf8'), signature)).toBe(true);
      await writeFile(text, message);
      await writeFile(sig, signature);
      const args = [
        'pkeyutl',
        '-verify',
        '-pubin',
        '-inkey',
        pem,
        '-rawin',
        '-in',
        text,
        '-sigfile',
        sig,
      ];
      expect(execFileSync('openssl', args, { encoding: 'utf8' })).toContain(
        'Verified Successfully',
      );
    },
  );

  it.skipIf(!hasOpenssl)(
    'made by OpenSSL signs, and its public key verifies only its own signatures',
    async () => {
      execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', file]);
      const signer = await readSigner(file);
      const [publicKey] = parsePublicKeys(encodePublicKey(signer.publicKey));
      expect(publicKey).toEqual(signer.publicKey);
      const signature = signer.sign(message);
      const check = (bytes: Uint8Array, signed: Uint8Array) =>
        verifySignature(signer.publicKey, bytes, signed);
      expect(await check(signature, message)).toBe(true);
      expect(await check(signature.with(0, (signature[0] as number) ^ 1), message)).toBe(false);
      expect(await check(signature, message.with(0, 0))).toBe(false);
      expect(await check(signature.slice(0, 63), message)).toBe(false);
      const stranger = await createKeyFile(join(folder, 'stranger.pem'));
      expect(await verifySignature(stranger, signature, message)).toBe(false);
    },
  );

  it('is never shown', async () => {
    await createKeyFile(file);
    const secret = (await readFile(file, 'utf8')).split('\n')[1] as string;
    const signer = await readSigner(file);
    expect(inspect(signer, { depth: 10, showHidden: true })).not.toContain(secret);
    await writeFile(file, `-----BEGIN PRIVATE KEY-----\n${secret}x\n-----END PRIVATE KEY-----\n`);
    const error: ExpectedError = await readSigner(file).then(
      () => expect.unreachable(),
      (cause) => cause,
    );
    expect(error).toBeInstanceOf(ExpectedError);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(secret.slice(0, 20));
    // A private key in place of a public one.
    expect(() => parsePublicKeys(secret)).toThrow('public key 1 of 1');
    expect(() => parsePublicKeys(secret)).not.toThrow(secret.slice(0, 20));
  });

  it.each<[string, () => Promise<unknown>]>([
    ['nothing', async () => undefined],
    ['a text', () => writeFile(file, 'nonsense')],
    ['an endless file', () => writeFile(file, ' '.repeat(100_000))],
    [
      'a key of another kind',
      () =>
        writeFile(
          file,
          generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
        ),
    ],
  ])('cannot be read from %s', async (_, write) => {
    await write();
    await expect(readSigner(file)).rejects.toThrow(ExpectedError);
    await expect(readSigner(file)).rejects.toThrow(file);
  });
});

describe('public keys in a setting', () => {
  const key = Buffer.alloc(32, 7).toString('base64');

  it('are one or several, with spaces or without', () => {
    expect(parsePublicKeys('')).toEqual([]);
    expect(parsePublicKeys(' \n')).toEqual([]);
    expect(
      parsePublicKeys(`${key}, ${Buffer.alloc(32, 8).toString('base64')}\n`).map(
        ({ bytes }) => bytes[0],
      ),
    ).toEqual([7, 8]);
  });

  it.each([
    `${key},`,
    'AAAA',
    key.slice(0, -1),
    `${key}${key}`,
    Buffer.alloc(31).toString('base64'),
    Buffer.alloc(33).toString('base64'),
    Array.from({ length: 9 }, () => key).join(','),
  ])('are refused as %s', (text) => {
    expect(() => parsePublicKeys(text)).toThrow(RangeError);
  });

  // Points of small order, in each of their encodings: the list of libsodium's ed25519_ref10.c.
  const SMALL_ORDER = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    `ec${'ff'.repeat(30)}7f`,
    `ed${'ff'.repeat(30)}7f`,
    `ee${'ff'.repeat(30)}7f`,
  ];
  it.each(SMALL_ORDER)('are refused when anyone can sign for them: %s', async (hex) => {
    for (const sign of [0, 128]) {
      const bytes = Buffer.from(hex, 'hex');
      bytes[31] = (bytes[31] as number) | sign;
      expect(() => parsePublicKeys(bytes.toString('base64'))).toThrow('small order');
    }
  });
});
