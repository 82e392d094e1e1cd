/**
 * `npm run trainer -- gpu-check`: says which GPU trains here, or what is missing; whether it
 * computes right; and how fast it is. Progress goes to the error output.
 */
import { Command } from 'commander';
import { alignColumns } from '../../shared/text.ts';
import { prepareFile, writeJson } from '../../storage/files.ts';
import type { GpuCheck, Speed } from '../gpu-check/check.ts';
import { loadData } from '../data/data-folder.ts';
import { parseWhole } from './arguments.ts';

interface Flags {
  readonly json: string;
  readonly seconds: number;
  readonly data?: string;
}

export function buildGpuCheckCommand(): Command {
  return new Command('gpu-check')
    .description(
      'Finds the GPU that WebGPU can train on, or says what is missing. Compares it with plain JavaScript and times it.',
    )
    .option('--json <file>', 'where everything is written', 'gpu-check.json')
    .option('--seconds <count>', 'time for measuring the speed', parseWhole(1, 3600), 90)
    .option('--data <folder>', 'training data (default: as with train)')
    .action(run);
}

async function run({ json, seconds, data }: Flags): Promise<void> {
  await prepareFile(json, '--json');
  const { dataset } = await loadData(data);
  const { checkGpu } = await import('../gpu-check/check.ts');
  const onPart = async (part: string, soFar: GpuCheck): Promise<void> => {
    process.stderr.write(`${part}…\n`);
    await writeJson(json, soFar);
  };
  const check = await checkGpu({ dataset, maxSeconds: seconds, onPart });
  console.log(describeCheck(check));
  await writeJson(json, check);
  console.log(`\nEverything as JSON: ${json}`);
  if (check.problem !== null || check.comparisons.some(({ isRight }) => !isRight)) {
    process.exitCode = 1;
  }
}

/** Formats a check as text. */
export function describeCheck({ machine, versions, vulkan, gpu, problem, ...found }: GpuCheck) {
  const lines: (readonly [name: string, text: string])[] = [
    ['machine', `${machine.processor}, ${machine.cores} cores, ${machine.system}`],
    ['versions', `Node ${versions.node}, TensorFlow.js ${versions.tfjs}`],
    ...(vulkan?.nvidia === undefined
      ? []
      : [['NVIDIA', `kernel driver ${vulkan.nvidia}`] as const]),
    ...(vulkan?.drivers ?? []).map(
      ({ file, fault }) => ['Vulkan', `${file}: ${fault ?? 'loads'}`] as const,
    ),
  ];
  if (gpu === null) {
    lines.push(['no GPU', problem ?? '']);
    return alignColumns(lines).join('\n');
  }
  const { maxBufferSize = NaN, maxComputeInvocationsPerWorkgroup } = gpu.limits;
  lines.push(
    ['GPU', gpu.description],
    [
      'limits',
      `buffers of ${formatBytes(maxBufferSize)}, ${maxComputeInvocationsPerWorkgroup} threads a workgroup`,
    ],
    ...found.comparisons.map(
      ({ preset, isRight, difference, figure }) =>
        [
          preset,
          `${isRight ? 'right' : 'WRONG'}: ${difference.toExponential(1)} from plain JavaScript in the worst figure (${figure})`,
        ] as const,
    ),
  );
  if (problem !== null) {
    lines.push(['problem', problem]);
  }
  if (gpu.isSoftware) {
    lines.push([
      'note',
      'this GPU is software on the CPU: it shows what is right, not what is fast',
    ]);
  }
  return [...alignColumns(lines), '', ...found.speeds.map(describeSpeed)].join('\n');
}

function describeSpeed({ backend, preset, batch, skipped, ...speed }: Speed): string {
  const subject = `${preset.padEnd(6)} ${backend.padEnd(10)} batch ${String(batch).padStart(5)}`;
  if (skipped !== undefined) {
    return `${subject}  not timed: ${skipped}`;
  }
  const { msPerStep = NaN, imagesPerSecond = NaN, javascriptMs = NaN } = speed;
  const times = `${msPerStep.toFixed(1)} ms a step, ${imagesPerSecond.toFixed(0)} images/s, JavaScript ${javascriptMs.toFixed(1)} ms`;
  const { dispatches, gpuMs, gpuShare = NaN, gpuBytes = NaN } = speed;
  const clock =
    gpuMs === undefined
      ? 'without a clock on the GPU'
      : `GPU ${gpuMs.toFixed(1)} ms (${(100 * gpuShare).toFixed(0)}%)`;
  return dispatches === undefined
    ? `${subject}  ${times}`
    : `${subject}  ${times}, ${dispatches} dispatches, ${clock}, ${formatBytes(gpuBytes)}`;
}

function formatBytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
