/**
 * The two things that Python does here: pip downloads pinned wheels, and zipfile unpacks a few of their members (some
 * are a gigabyte, so they are streamed). Which Python the user has does not matter: the wheels' tags are given.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoteLastLines, runCommand } from './command.ts';
import { isDiskFull, SetUpProblem } from './problem.ts';
import type { Wheel } from './wheels.ts';

const UNPACK = `
import os, re, shutil, sys, zipfile
wheel, target, *rules = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        for pattern, folder in zip(rules[::2], rules[1::2]):
            match = re.fullmatch(pattern, name)
            if match:
                path = os.path.join(target, folder, *match.group(1).split('/'))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(name) as source, open(path, 'wb') as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
                break
`;

/**
 * Checks that Python is there, and pip with it when it is needed.
 *
 * @returns  One line for each thing that is missing, with what to do about it.
 */
export async function findMissingPython(
  env: NodeJS.ProcessEnv,
  needsPip: boolean,
): Promise<string[]> {
  const python = await runCommand('python3', ['-c', 'import zipfile, zlib'], { env });
  if (python === undefined) {
    return [
      'python3 is not on the PATH. Install it, for instance: apt-get install python3 python3-pip',
    ];
  }
  if (python.status !== 0) {
    return [`python3 does not work; it said:\n${quoteLastLines(python)}`];
  }
  if (!needsPip) {
    return [];
  }
  const pip = await runCommand('python3', ['-m', 'pip', '--version'], { env });
  if (pip?.status === 0) {
    return [];
  }
  return [
    'python3 has no pip. Install it, for instance: apt-get install python3-pip, or: python3 -m ensurepip\n' +
      '    (or download the wheel in another way, and pass it with --wheel FILE)',
  ];
}

/**
 * Downloads a wheel with pip, which checks its hash; it is checked once more here.
 *
 * @param folder  Where the wheel is put, and pip's temporary files too, so that one disk has to have room.
 * @returns       The wheel's path.
 * @throws SetUpProblem  When pip fails, with pip's own last lines.
 */
export async function downloadWheel(
  wheel: Wheel,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<string> {
  const requirements = join(folder, 'requirements.txt');
  await writeFile(
    requirements,
    `${wheel.project}==${wheel.version} --hash=sha256:${wheel.sha256}\n`,
  );
  const [, python = '', abi = '', platforms = ''] =
    /-([^-]+)-([^-]+)-([^-]+)\.whl$/.exec(wheel.file) ?? [];
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--require-hashes',
    '-r',
    requirements,
  ];
  args.push('--dest', folder, '--no-cache-dir', '--disable-pip-version-check', '--no-input');
  args.push('--implementation', python.slice(0, 2), '--abi', abi, '--python-version', '3.11');
  args.push(...platforms.split('.').flatMap((platform) => ['--platform', platform]));
  const showOutput = process.stdout.isTTY ?? false;
  const result = await runCommand('python3', args, { env: { ...env, TMPDIR: folder }, showOutput });
  if (result?.status !== 0) {
    const said = result === undefined ? '' : quoteLastLines(result);
    if (isDiskFull(said)) {
      throw new SetUpProblem(
        `The disk of ${folder} is full: free ${formatBytes(wheel.bytes)} and run this again.`,
      );
    }
    throw new SetUpProblem(
      `pip could not download ${wheel.project} ${wheel.version}. It said:\n${said}\n` +
        "Check the network and pip's settings (an index of your own, a proxy), or download\n" +
        `    ${wheel.file}\n` +
        'from PyPI in another way and pass it with --wheel FILE.',
    );
  }
  const path = join(folder, wheel.file);
  const actual = await hashFile(path);
  if (actual !== wheel.sha256) {
    throw new SetUpProblem(describeMismatch(path, wheel, actual));
  }
  return path;
}

/** Says that a file is not the wheel that it should be. */
export function describeMismatch(path: string, wheel: Wheel, actual: string): string {
  return (
    `${path} is not ${wheel.file}:\n` +
    `    expected SHA-256 ${wheel.sha256}\n` +
    `    got      SHA-256 ${actual}\n` +
    'Nothing was changed. Delete it and download it again.'
  );
}

/** SHA-256 of a file, as 64 hex digits. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Uint8Array);
  }
  return hash.digest('hex');
}

/**
 * Unpacks those members of a wheel that an installation needs.
 *
 * @throws SetUpProblem  When Python fails.
 */
export async function unpackWheel(
  path: string,
  { members }: Wheel,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const rules = members.flatMap((member) => [member.pattern, member.folder]);
  const result = await runCommand('python3', ['-c', UNPACK, path, folder, ...rules], { env });
  if (result?.status !== 0) {
    const said = result === undefined ? '    python3 is gone' : quoteLastLines(result);
    throw new SetUpProblem(
      isDiskFull(said)
        ? `The disk of ${folder} is full: free some room and run this again.`
        : `python3 could not unpack ${path}. It said:\n${said}`,
    );
  }
}

/** Bytes in the unit that a person would take. */
export function formatBytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}
