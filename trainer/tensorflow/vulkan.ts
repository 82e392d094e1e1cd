/**
 * Vulkan on Linux: finds the drivers that its loader would not find by itself, and says what is
 * missing when there is no GPU. Other systems bring Metal or Direct3D 12, and need none of this.
 */
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { requireWritable } from '../../storage/files.ts';

const LOADER = 'libvulkan.so.1';

/** Variables by which a user names the drivers. They keep their meaning. */
const CHOSEN = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'];
/** The loader reads these drivers beside those that it finds. */
const ADDED = 'VK_ADD_DRIVER_FILES';

/** Vulkan without a display needs no X11: the second library does not ask for it. */
const NVIDIA_LIBRARIES = ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0'];
/** The folders in which containers and clusters put NVIDIA's libraries. */
const NVIDIA_FOLDERS = ['', '/usr/local/nvidia/lib64/', '/usr/lib/nvidia/', '/usr/lib64/nvidia/'];

/** A driver's description, and why its library does not load. */
interface Driver {
  readonly file: string;
  readonly library: string;
  /** Undefined for one that loads. */
  readonly fault: string | undefined;
}

/** The parts of Vulkan on this machine. */
export interface VulkanFacts {
  readonly hasLoader: boolean;
  readonly drivers: readonly Driver[];
  /** Folders in which descriptions were looked for. */
  readonly folders: readonly string[];
  /** Devices that this user may not open. */
  readonly forbidden: readonly string[];
  /** Version of NVIDIA's kernel driver; undefined without it. */
  readonly nvidia: string | undefined;
}

/**
 * Looks for loader and drivers, and tells the loader of drivers that it would not find. Call it
 * before WebGPU is used.
 */
export function prepareVulkan(env: NodeJS.ProcessEnv = process.env): VulkanFacts {
  const chosen = CHOSEN.map((name) => env[name]).find(Boolean);
  const given = listPaths(env[ADDED]);
  const { usual, unusual } = listFolders(env);
  const folders = [...usual, ...unusual];
  const described = folders.flatMap((folder) => listFiles(folder, /\.json$/));
  const files = chosen === undefined ? [...given, ...described] : listPaths(chosen);
  const drivers = files.flatMap(readDriver);
  const nvidia = readNvidiaVersion();
  if (chosen === undefined && given.length === 0) {
    const added = drivers.filter(
      ({ file, fault }) => fault === undefined && unusual.includes(dirname(file)),
    );
    const isNvidiaReady = drivers.some(
      ({ library, fault }) => fault === undefined && library.includes('nvidia'),
    );
    if (nvidia !== undefined && !isNvidiaReady) {
      added.push(...describeNvidia());
      drivers.push(...added);
    }
    if (added.length > 0) {
      env[ADDED] = added.map(({ file }) => file).join(':');
    }
  }
  return { hasLoader: findLoader(), drivers, folders, forbidden: listForbidden(), nvidia };
}

/** Whether Vulkan has all that it needs to look for GPUs. */
export function canOfferGpu({ hasLoader, drivers }: VulkanFacts): boolean {
  return hasLoader && drivers.some(({ fault }) => fault === undefined);
}

/** Says in one line why Vulkan offers no GPU, and what to do. */
export function explainMissingGpu(facts: VulkanFacts): string {
  const { drivers, folders, forbidden, nvidia } = facts;
  if (!facts.hasLoader) {
    return `there is no Vulkan here (${LOADER}): install it with a driver for your GPU (Debian and Ubuntu: libvulkan1)`;
  }
  const usable = drivers.filter(({ fault }) => fault === undefined);
  if (usable.length === 0 && nvidia !== undefined) {
    const [broken] = drivers.filter(({ library }) => library.includes('nvidia'));
    return (
      `NVIDIA's kernel driver ${nvidia} is here, but not its Vulkan library${broken?.fault ? ` (${broken.fault})` : ''}: ` +
      'in a container, set NVIDIA_DRIVER_CAPABILITIES=all; elsewhere, install all of the driver (Debian and Ubuntu: libnvidia-gl-VERSION)'
    );
  }
  if (drivers.length === 0) {
    return `there is no GPU with a Vulkan driver (no description in ${folders.join(', ')}): install your GPU's driver, or name its description by VK_DRIVER_FILES`;
  }
  if (usable.length === 0) {
    const [{ file, fault } = { file: '', fault: '' }] = drivers;
    return `there is no GPU whose Vulkan driver loads: ${file} (${fault}). Install the driver again, or name another by VK_DRIVER_FILES`;
  }
  if (forbidden.length > 0) {
    return `there is no GPU that this user may open: ${forbidden.join(', ')}. Add the user to the groups render and video, or give the container the device`;
  }
  const names = usable.map(({ library }) => library).join(', ');
  return `there is no GPU that WebGPU can use, though a Vulkan driver loads (${names}): no such GPU is in this machine, or its driver is too old (WebGPU needs Vulkan 1.1); a warning above this line may tell more`;
}

/** Splits a variable's paths. An empty variable, and an empty path in it, mean none. */
function listPaths(text = ''): string[] {
  return text.split(':').filter(Boolean);
}

/** Lists the folders of driver descriptions: those that the loader reads, and others. */
function listFolders(env: NodeJS.ProcessEnv) {
  const home = env['HOME'] || '/nowhere'; // `homedir` throws where a user has none.
  const { XDG_CONFIG_HOME, XDG_CONFIG_DIRS, XDG_DATA_HOME, XDG_DATA_DIRS } = env;
  const usual = [
    XDG_CONFIG_HOME || join(home, '.config'),
    ...listPaths(XDG_CONFIG_DIRS || '/etc/xdg'),
    '/etc',
    XDG_DATA_HOME || join(home, '.local', 'share'),
    ...listPaths(XDG_DATA_DIRS || '/usr/local/share:/usr/share'),
  ];
  // A user's XDG_DATA_DIRS can leave the usual ones out.
  const unusual = ['/usr/share', '/usr/local/nvidia/share', '/run/opengl-driver/share'];
  const name = (folder: string): string => join(folder, 'vulkan', 'icd.d');
  return {
    usual: usual.map(name),
    unusual: unusual.filter((folder) => !usual.includes(folder)).map(name),
  };
}

/** Lists the files of a folder, which may be missing. */
function listFiles(folder: string, pattern: RegExp): string[] {
  try {
    const names = fs.readdirSync(folder).filter((name) => pattern.test(name));
    return names.map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function readDriver(file: string): Driver[] {
  try {
    const { ICD } = JSON.parse(fs.readFileSync(file, 'utf8')) as { ICD: { library_path: string } };
    const path = ICD.library_path;
    const library = path.startsWith('.') ? join(dirname(file), path) : path;
    return [{ file, library, fault: findLoadFault(library) }];
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return [{ file, library: '', fault: code === 'ENOENT' ? 'no such file' : message }];
  }
}

/** @returns  Why a library does not load; undefined if it does. */
function findLoadFault(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library);
  } catch (error) {
    const { message } = error as Error;
    // A library that loads fails too, in other words: it is no Node addon.
    return /self-register/.test(message) ? undefined : message.split('\n')[0];
  }
  return undefined;
}

function findLoader(): boolean {
  try {
    // Dawn looks beside itself first. In a bundle it lies there.
    const dawn = dirname(createRequire(import.meta.url).resolve('webgpu'));
    const beside = join(dawn, 'dist', `${process.platform}-${process.arch}`, LOADER);
    return fs.existsSync(beside) || findLoadFault(LOADER) === undefined;
  } catch {
    return findLoadFault(LOADER) === undefined;
  }
}

/** Writes a description of NVIDIA's driver, which a server may have without one. */
function describeNvidia(): Driver[] {
  const libraries = NVIDIA_LIBRARIES.flatMap((name) =>
    NVIDIA_FOLDERS.map((folder) => `${folder}${name}`),
  );
  const library = libraries.find((path) => findLoadFault(path) === undefined);
  if (library === undefined) {
    return [];
  }
  requireWritable(tmpdir(), 'name another folder for temporary files by TMPDIR');
  const file = join(fs.mkdtempSync(join(tmpdir(), 'digitmint-vulkan-')), 'nvidia.json');
  const ICD = { library_path: library, api_version: '1.3.0' };
  fs.writeFileSync(file, JSON.stringify({ file_format_version: '1.0.1', ICD }));
  process.once('exit', () => fs.rmSync(dirname(file), { recursive: true, force: true }));
  return [{ file, library, fault: undefined }];
}

function readNvidiaVersion(): string | undefined {
  try {
    const text = fs.readFileSync('/proc/driver/nvidia/version', 'utf8');
    return /\b([0-9]+\.[0-9.]+)\b/.exec(text)?.[1] ?? 'of unknown version';
  } catch {
    return fs.existsSync('/dev/nvidiactl') ? 'of unknown version' : undefined;
  }
}

/** Lists the devices of GPUs that this user may not open. */
function listForbidden(): string[] {
  const nvidia = listFiles('/dev', /^nvidia(ctl|[0-9]+)$/);
  return [...nvidia, ...listFiles('/dev/dri', /^renderD/)].filter((path) => {
    try {
      fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK);
      return false;
    } catch {
      return true;
    }
  });
}
