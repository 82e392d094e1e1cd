/** Kernels for WebGPU: each does in one dispatch what TensorFlow.js does in several. */
import {
  getKernel,
  registerKernel,
  unregisterKernel,
  type KernelConfig,
  type TensorInfo,
} from '@tensorflow/tfjs';
import { sizeOf } from '../../../shared/model/generator.ts';
import { CONTESTS, KERNELS } from '../../gan/fused.ts';
import { copyParts, join, split } from './copies.ts';
import { differentiateFilter } from './filter-gradient.ts';
import { computeEach, computeSums, type Inputs, type Kernel } from './program.ts';

/** Registers the kernels with TensorFlow.js. Of its own they replace the filter's gradient. */
export function registerWebgpuKernels(): void {
  for (const [kernelName, kernelFunc] of Object.entries(WEBGPU_KERNELS)) {
    if (getKernel(kernelName, 'webgpu') !== undefined) {
      unregisterKernel(kernelName, 'webgpu');
    }
    const config = { kernelName, backendName: 'webgpu', kernelFunc };
    registerKernel(config as unknown as KernelConfig);
  }
}

/** The slope of a leaky relu at t. Its result has the sign of t, so it serves as well. */
const selectSlope = (t: string): string =>
  `select(select(uniforms.below, uniforms.atZero, ${t} == 0.0), 1.0, ${t} > 0.0)`;

/** An activation of x + bias, which is `t`. */
const activate =
  (name: string, value: string): Kernel =>
  ({ inputs, backend, attrs }) =>
    computeEach({
      name,
      backend,
      inputs,
      shape: (inputs['x'] as TensorInfo).shape,
      floats: attrs as Record<string, number>,
      code: 'let t = x[index] + bias[index % uniforms.biasShape];',
      value,
    });

/** A function of numbers at the same place; `first` has the result's shape. */
const combine =
  (name: string, first: string, value: string): Kernel =>
  ({ inputs, backend, attrs }) =>
    computeEach({
      name,
      backend,
      inputs,
      shape: (inputs[first] as TensorInfo).shape,
      floats: attrs as Record<string, number>,
      value,
    });

/** Adam's new weights, m and v, which one dispatch computes side by side. */
const adam: Kernel = ({ inputs, backend, attrs }) => {
  const n = sizeOf((inputs['weights'] as TensorInfo).shape);
  const all = computeEach({
    name: KERNELS.adam,
    backend,
    inputs,
    shape: [3, n],
    integers: { n },
    floats: attrs as Record<string, number>,
    code: `
      let i = index % uniforms.n;
      let g = gradient[i];
      let nextM = uniforms.beta1 * m[i] + uniforms.rest1 * g;
      let nextV = uniforms.beta2 * v[i] + uniforms.rest2 * (g * g);
      let step = uniforms.rate * nextM / (uniforms.root * sqrt(nextV) + uniforms.epsilon);`,
    value:
      'select(select(nextV, nextM, index < 2 * uniforms.n), weights[i] - step, index < uniforms.n)',
  });
  const parts = copyParts(backend, all, [n, n, n]);
  backend.disposeData(all.dataId);
  return parts;
};

const sumRows: Kernel = ({ inputs, backend }) => {
  const { shape } = inputs['x'] as TensorInfo;
  const columns = shape.at(-1) as number;
  return computeSums({
    name: KERNELS.sumRows,
    backend,
    inputs,
    shape: [columns],
    integers: { columns },
    count: sizeOf(shape.slice(0, -1)),
    term: 'x[i * uniforms.columns + row]',
    value: 'sum',
  });
};

const squareRows: Kernel = ({ inputs, backend }) => {
  const [rows = 1, ...rest] = (inputs['x'] as TensorInfo).shape;
  return computeSums({
    name: KERNELS.squareRows,
    backend,
    inputs,
    shape: [rows],
    count: sizeOf(rest),
    code: 'let number = x[row * uniforms.count + i];',
    term: 'number * number',
    value: 'sum',
  });
};

const sumAll: Kernel = ({ inputs, backend, attrs }) =>
  computeSums({
    name: KERNELS.sumAll,
    backend,
    inputs,
    shape: [],
    floats: attrs as Record<string, number>,
    count: sizeOf((inputs['x'] as TensorInfo).shape),
    term: 'x[i]',
    value: 'uniforms.factor * sum',
  });

/** The weight of a unit in a row's logit: the class's own vector comes on top. */
function describeWeight({ projection, labels }: Inputs) {
  const classes = labels?.shape[1] ?? 0;
  const functions = `fn weigh(row : i32, unit : i32) -> f32 {
    var weight = kernel[unit];
    ${
      projection === undefined
        ? ''
        : `for (var c = 0; c < uniforms.classes; c++) {
          weight += projection[unit * uniforms.classes + c] * labels[row * uniforms.classes + c];
        }`
    }
    return weight;
  }`;
  return { functions, classes };
}

const computeLogits: Kernel = ({ inputs, backend }) => {
  const [rows, units] = (inputs['features'] as TensorInfo).shape as [number, number];
  const { functions, classes } = describeWeight(inputs);
  return computeSums({
    name: KERNELS.logits,
    backend,
    inputs,
    shape: [rows, 1],
    integers: { classes },
    functions,
    count: units,
    term: 'features[row * uniforms.count + i] * weigh(row, i)',
    value: inputs['bias'] === undefined ? 'sum' : 'sum + bias[0]',
  });
};

const differentiateLogits: Kernel = ({ inputs, backend }) => {
  const [rows] = (inputs['dy'] as TensorInfo).shape as [number];
  const [units] = (inputs['kernel'] as TensorInfo).shape as [number];
  const { functions, classes } = describeWeight(inputs);
  return computeEach({
    name: KERNELS.logitsGradient,
    backend,
    inputs,
    shape: [rows, units],
    integers: { units, classes },
    functions,
    code: 'let row = index / uniforms.units;',
    value: 'dy[row] * weigh(row, index % uniforms.units)',
  });
};

const SIGMOID = `fn sigmoid(z : f32) -> f32 {
  return 1.0 / (1.0 + exp(-z));
}`;

/** log(1 + e^z), which neither overflows nor loses small numbers. */
const SOFTPLUS = `fn softplus(z : f32) -> f32 {
  let e = exp(-abs(z));
  return max(z, 0.0) + select(log(1.0 + e), e * (1.0 - 0.5 * e), e < 1e-3);
}`;

/** Where both kinds of images are, `count` is the place of the first generated one. */
const TERM = `fn computeTerm(i : i32) -> f32 {
  switch uniforms.contest {
    case ${CONTESTS.apart}: {
      return softplus(-logits[i]) + softplus(logits[i + uniforms.count]);
    }
    case ${CONTESTS.pairs}: {
      return softplus(logits[i + uniforms.count] - logits[i]);
    }
    default: {
      return softplus(-logits[i]);
    }
  }
}`;

const SLOPE = `fn computeSlope(i : i32) -> f32 {
  let isReal = i < uniforms.count;
  switch uniforms.contest {
    case ${CONTESTS.apart}: {
      return select(sigmoid(logits[i]), -sigmoid(-logits[i]), isReal);
    }
    case ${CONTESTS.pairs}: {
      let other = select(i - uniforms.count, i + uniforms.count, isReal);
      let slope = sigmoid(select(logits[i] - logits[other], logits[other] - logits[i], isReal));
      return select(slope, -slope, isReal);
    }
    default: {
      return -sigmoid(-logits[i]);
    }
  }
}`;

/** The number of images, real ones if there are both kinds, over which a contest's mean goes. */
const countImages = ({ shape }: TensorInfo, contest: number): number =>
  sizeOf(shape) / (contest === CONTESTS.fakes ? 1 : 2);

const computeContest: Kernel = ({ inputs, backend, attrs }) => {
  const contest = attrs?.['contest'] as number;
  return computeSums({
    name: KERNELS.contest,
    backend,
    inputs,
    shape: [],
    integers: { contest },
    functions: `${SOFTPLUS}\n${TERM}`,
    count: countImages(inputs['logits'] as TensorInfo, contest),
    term: 'computeTerm(i)',
    value: 'sum / f32(uniforms.count)',
  });
};

const differentiateContest: Kernel = ({ inputs, backend, attrs }) => {
  const contest = attrs?.['contest'] as number;
  const logits = inputs['logits'] as TensorInfo;
  return computeEach({
    name: KERNELS.contestGradient,
    backend,
    inputs,
    shape: logits.shape,
    integers: { contest, count: countImages(logits, contest) },
    functions: `${SIGMOID}\n${SLOPE}`,
    value: 'dy[0] * computeSlope(index) / f32(uniforms.count)',
  });
};

const pickImages: Kernel = ({ inputs, backend, attrs }) => {
  const shape = attrs?.['shape'] as number[]; // of an image
  const { indices } = inputs as { indices: TensorInfo };
  return computeEach({
    name: KERNELS.pickImages,
    backend,
    inputs,
    shape: [indices.shape[0] as number, ...shape],
    integers: { pixels: sizeOf(shape) },
    code: `
      let place = indices[index / uniforms.pixels] * uniforms.pixels + index % uniforms.pixels;
      let byte = (images[place / 4] >> u32(8 * (place % 4))) & 255;`,
    value: 'table[byte]',
  });
};

const WEBGPU_KERNELS: Readonly<Record<string, Kernel>> = {
  [KERNELS.blend]: combine(KERNELS.blend, 'x', 'uniforms.a * x[index] + uniforms.b * y[index]'),
  [KERNELS.scale]: combine(KERNELS.scale, 'x', 'uniforms.factor * dy[0] * x[index]'),
  [KERNELS.biasLeaky]: activate(KERNELS.biasLeaky, `t * ${selectSlope('t')}`),
  [KERNELS.biasSigmoid]: activate(KERNELS.biasSigmoid, '1.0 / (1.0 + exp(-t))'),
  // Beyond 15 the result is 1; some drivers' tanh overflows there.
  [KERNELS.biasTanh]: activate(KERNELS.biasTanh, 'tanh(clamp(t, -15.0, 15.0))'),
  [KERNELS.leakySlope]: combine(KERNELS.leakySlope, 'dy', `dy[index] * ${selectSlope('y[index]')}`),
  [KERNELS.sigmoidSlope]: combine(
    KERNELS.sigmoidSlope,
    'dy',
    'dy[index] * y[index] * (1.0 - y[index])',
  ),
  [KERNELS.tanhSlope]: combine(KERNELS.tanhSlope, 'dy', 'dy[index] * (1.0 - y[index] * y[index])'),
  [KERNELS.adam]: adam,
  [KERNELS.sumRows]: sumRows,
  [KERNELS.squareRows]: squareRows,
  [KERNELS.sumAll]: sumAll,
  [KERNELS.logits]: computeLogits,
  [KERNELS.logitsGradient]: differentiateLogits,
  [KERNELS.contest]: computeContest,
  [KERNELS.contestGradient]: differentiateContest,
  [KERNELS.split]: split,
  [KERNELS.join]: join,
  [KERNELS.pickImages]: pickImages,
  Conv2DBackpropFilter: differentiateFilter,
};
