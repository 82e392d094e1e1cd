import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { checkGpu, type GpuCheck } from '../../../trainer/gpu-check/check.ts';
import {
  explainMissingGpu,
  prepareVulkan,
  type VulkanFacts,
} from '../../../trainer/tensorflow/vulkan.ts';

const NOTHING: VulkanFacts = {
  hasLoader: true,
  drivers: [],
  folders: ['/usr/share/vulkan/icd.d'],
  forbidden: [],
  nvidia: undefined,
};
const DRIVER = { file: '/usr/share/vulkan/icd.d/x.json', library: 'libx.so', fault: undefined };

describe('a missing GPU', () => {
  it.each<[string, Partial<VulkanFacts>, RegExp]>([
    ['no loader', { hasLoader: false }, /libvulkan\.so\.1\): install it.*libvulkan1/],
    ['no description', {}, /no description in \/usr\/share\/vulkan.*install your GPU's driver/],
    [
      'a container without graphics',
      { nvidia: '550.54.15' },
      /kernel driver 550\.54\.15 is here, but not its Vulkan library: .*NVIDIA_DRIVER_CAPABILITIES=all/,
    ],
    [
      'a library that does not load',
      { drivers: [{ ...DRIVER, fault: 'libX11.so.6: cannot open shared object file' }] },
      /x\.json \(libX11\.so\.6: cannot open.*\)\. Install the driver again/,
    ],
    [
      'no permission',
      { drivers: [DRIVER], forbidden: ['/dev/dri/renderD128'] },
      /this user may open: \/dev\/dri\/renderD128\. Add the user to the groups render and video/,
    ],
    ['a driver that is too old', { drivers: [DRIVER] }, /its driver is too old.*Vulkan 1\.1/],
  ])('is explained in one line with what to do: %s', (_, facts, text) => {
    const line = explainMissingGpu({ ...NOTHING, ...facts });
    expect(line).toMatch(text);
    expect(line).not.toContain('\n');
  });
});

describe.skipIf(process.platform !== 'linux')('descriptions of drivers', () => {
  it('are in what gpu-check has found when a driver ends the process, beside the part', async () => {
    vi.stubEnv('VK_DRIVER_FILES', '/nowhere.json');
    const found: GpuCheck[] = [];
    const onPart = async (_: string, soFar: GpuCheck): Promise<void> => void found.push(soFar);
    const dataset = {} as Parameters<typeof checkGpu>[0]['dataset'];
    await checkGpu({ dataset, maxSeconds: 1, onPart }).finally(() => vi.unstubAllEnvs());
    expect(found.at(-1)).toMatchObject({
      problem: 'the check ended while looking for a GPU',
      vulkan: { drivers: [{ file: '/nowhere.json', fault: 'no such file' }] },
    });
  });

  it('are read where the user names them, with the reason why one does not load', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'digitmint-icd-'));
    const broken = join(folder, 'broken.json');
    const absent = join(folder, 'absent.json');
    await writeFile(broken, '{ "ICD": { "library_path": "./libnothing.so" } }');
    const { drivers } = prepareVulkan({ VK_DRIVER_FILES: `${broken}:${absent}` });
    expect(drivers).toMatchObject(
      [
        { file: broken, library: join(folder, 'libnothing.so'), fault: /cannot open/ },
        { file: absent, fault: 'no such file' },
      ].map(({ fault, ...driver }) => ({ ...driver, fault: expect.stringMatching(fault) })),
    );
    await rm(folder, { recursive: true });
  });

  it('are read from the same places where a variable is empty as where it is absent', () => {
    const names = ['VK_DRIVER_FILES', 'VK_ADD_DRIVER_FILES', 'HOME', 'XDG_CONFIG_HOME'];
    const rest = ['XDG_CONFIG_DIRS', 'XDG_DATA_HOME', 'XDG_DATA_DIRS'];
    const empty = Object.fromEntries([...names, ...rest].map((name) => [name, '']));
    const { folders, drivers } = prepareVulkan(empty);
    expect(folders).toEqual(prepareVulkan({}).folders);
    expect(drivers.map(({ file }) => file)).not.toContain('');
  });
});
