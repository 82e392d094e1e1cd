/** Tests the project's dependencies: exact versions, each with its hash, only from the registry. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Package {
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
}

const read = <T>(path: string) =>
  JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')) as T;
const project = read<Package>('package.json');
const lock = read<{ packages: Record<string, Locked> }>('package-lock.json');
const direct = {
  ...project.dependencies,
  ...project.devDependencies,
  ...project.optionalDependencies,
};

test('every dependency has one exact version, the same as in the lock file', () => {
  for (const [name, version] of Object.entries(direct)) {
    expect([name, version]).toEqual([
      name,
      expect.stringMatching(/^\d+\.\d+\.\d+(?:-[0-9a-z.]+)?$/),
    ]);
    expect([name, lock.packages[`node_modules/${name}`]?.version]).toEqual([name, version]);
  }
});

test('every installed package comes from a registry with the hash of its content', () => {
  const packages = Object.entries(lock.packages).filter(
    ([path, { link }]) => path.startsWith('node_modules/') && link !== true,
  );
  expect(packages.length).toBeGreaterThan(200);
  for (const [path, { resolved, integrity }] of packages) {
    // No URL of its own: npm uses the configured registry.
    expect([path, resolved]).toEqual([path, undefined]);
    expect([path, integrity]).toEqual([
      path,
      expect.stringMatching(/^sha512-[A-Za-z0-9+/]{86}==$/),
    ]);
  }
});

test('no package runs an install script', () => {
  expect(readFileSync(new URL('../.npmrc', import.meta.url), 'utf8')).toMatch(
    /^ignore-scripts ?= ?true$/m,
  );
});
