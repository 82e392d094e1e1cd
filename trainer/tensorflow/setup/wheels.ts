/**
 * Which published wheels libtensorflow comes from, each pinned by version and SHA-256. Data and a look-up; no I/O.
 *
 * Why these versions: 2.15.1 and 2.21.0 were measured side by side on x64 (Adam steps of an MLP GAN and of one with two
 * convolutions): equal speed. On the CPU the older one is a quarter less to download and to store, runs on glibc 2.17
 * and starts without log lines. The arm64 wheel of 2.15.1 is another vendor's build, and 2.21.0 knows newer GPUs.
 */

/** A member of a wheel: what it is called there, and the folder under `deps/` that it goes to. */
export interface Members {
  /** Python regular expression for the whole name; group 1 is the path inside `folder`. */
  readonly pattern: string;
  readonly folder: string;
}

/** One pinned wheel. */
export interface Wheel {
  readonly project: string;
  readonly version: string;
  readonly file: string;
  /** 64 hex digits. */
  readonly sha256: string;
  readonly bytes: number;
  readonly members: readonly Members[];
}

/** Everything that one installation is made of. */
export interface Distribution {
  readonly name: 'linux-x64' | 'linux-arm64' | 'linux-x64-gpu';
  /** TensorFlow's version. */
  readonly version: string;
  readonly wheels: readonly Wheel[];
  /** What the unpacked members take on disk, rounded up. */
  readonly unpackedBytes: number;
}

const TENSORFLOW_MEMBERS: readonly Members[] = [
  { pattern: String.raw`tensorflow/(libtensorflow_(?:cc|framework)\.so\.2)`, folder: 'lib' },
  {
    pattern: String.raw`tensorflow/include/((?:tensorflow/c|(?:xla/)?tsl/c)/(?:[^/]+/)?[^/]+\.h)`,
    folder: 'include',
  },
  {
    pattern: String.raw`tensorflow/include/((?:tensorflow/core|tsl)/platform/ctstring[^/]*\.h)`,
    folder: 'include',
  },
];

// libtensorflow_framework looks for CUDA in $ORIGIN/../nvidia/<part>/lib, and the CUDA libraries for one another in
// $ORIGIN/../../<part>/lib: so each keeps its place, and no LD_LIBRARY_PATH is needed.
const CUDA_MEMBERS: readonly Members[] = [
  { pattern: String.raw`nvidia/([^/]+/lib/[^/]+\.so[.0-9]*)`, folder: 'nvidia' },
];

function tensorflow(
  project: string,
  version: string,
  tags: string,
  sha256: string,
  bytes: number,
): Wheel {
  const file = `${project.replaceAll('-', '_')}-${version}-cp311-cp311-${tags}.whl`;
  return { project, version, file, sha256, bytes, members: TENSORFLOW_MEMBERS };
}

function cuda(part: string, version: string, tags: string, sha256: string, bytes: number): Wheel {
  const project = `nvidia-${part}-cu12`;
  const file = `${project.replaceAll('-', '_')}-${version}-py3-none-${tags}.whl`;
  return { project, version, file, sha256, bytes, members: CUDA_MEMBERS };
}

const MANYLINUX_2014 = 'manylinux2014_x86_64.manylinux_2_17_x86_64';
const MANYLINUX_2010 = 'manylinux2010_x86_64.manylinux_2_12_x86_64';

/** All that can be set up. The GPU's is what `tensorflow[and-cuda]` asks for, less nvcc, which only XLA needs. */
export const DISTRIBUTIONS: readonly Distribution[] = [
  {
    name: 'linux-x64',
    version: '2.15.1',
    unpackedBytes: 620_000_000,
    wheels: [
      tensorflow(
        'tensorflow-cpu',
        '2.15.1',
        'manylinux_2_17_x86_64.manylinux2014_x86_64',
        '54660c074d7241a503e81edfd9f5ef5af88f64051b72e2945f26318c790f2d26',
        207_208_420,
      ),
    ],
  },
  {
    name: 'linux-arm64',
    version: '2.21.0',
    unpackedBytes: 890_000_000,
    wheels: [
      tensorflow(
        'tensorflow',
        '2.21.0',
        'manylinux_2_27_aarch64',
        '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
        281_828_020,
      ),
    ],
  },
  {
    name: 'linux-x64-gpu',
    version: '2.21.0',
    unpackedBytes: 5_600_000_000,
    wheels: [
      tensorflow(
        'tensorflow',
        '2.21.0',
        'manylinux_2_27_x86_64',
        '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
        572_440_367,
      ),
      cuda(
        'cublas',
        '12.9.3.13',
        'manylinux_2_27_x86_64',
        'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
        581_217_458,
      ),
      cuda(
        'cuda-cupti',
        '12.8.90',
        MANYLINUX_2014,
        'ea0cb07ebda26bb9b29ba82cda34849e73c166c18162d3913575b0c9db9a6182',
        10_248_621,
      ),
      cuda(
        'cuda-nvrtc',
        '12.9.86',
        MANYLINUX_2010,
        '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
        89_568_129,
      ),
      cuda(
        'cuda-runtime',
        '12.9.79',
        MANYLINUX_2014,
        '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
        3_493_179,
      ),
      cuda(
        'cudnn',
        '9.28.0.42',
        'manylinux_2_27_x86_64',
        '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
        716_538_495,
      ),
      cuda(
        'cufft',
        '11.4.1.4',
        MANYLINUX_2014,
        'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
        200_877_592,
      ),
      cuda(
        'curand',
        '10.3.10.19',
        'manylinux_2_27_x86_64',
        '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
        68_295_626,
      ),
      cuda(
        'cusolver',
        '11.7.5.82',
        'manylinux_2_27_x86_64',
        '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
        338_117_415,
      ),
      cuda(
        'cusparse',
        '12.5.10.65',
        MANYLINUX_2014,
        '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
        366_465_088,
      ),
      cuda(
        'nccl',
        '2.32.3',
        'manylinux_2_27_x86_64',
        'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
        351_526_311,
      ),
      cuda(
        'nvjitlink',
        '12.9.86',
        MANYLINUX_2010,
        'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
        39_748_338,
      ),
    ],
  },
];

/**
 * Finds what to install on a machine.
 *
 * @param platform  As `process.platform`.
 * @param arch      As `process.arch`.
 * @returns         Undefined where no wheel holds a usable libtensorflow.
 */
export function findDistribution(
  platform: string,
  arch: string,
  gpu: boolean,
): Distribution | undefined {
  const name = `${platform}-${arch}${gpu ? '-gpu' : ''}`;
  return DISTRIBUTIONS.find((distribution) => distribution.name === name);
}
