/** Kernels for WebGPU: each does in one dispatch what TensorFlow.js does in several. */
import { getKernel, registerKernel, unregisterKernel, type KernelConfig } from '@tensorflow/tfjs';
import { sizeOf } from '../../../shared/model/generator.ts';
import { CONTESTS, KERNELS } from '../../gan/fused.ts';
import { copyParts, join, split } from './copies.ts';
import { differentiateFilter } from './filter-gradient.ts';
import {
  computeEach,
  computeSums,
  shapeOf,
  type Call,
  type Inputs,
  type Kernel,
} from './program.ts';

/** Registers the kernels. One of them replaces TensorFlow.js's own: the filter's gradient. */
export function registerWebgpuKernels(): void {
  const names: Readonly<Record<string, string>> = KERNELS;
  for (const [key, kernel] of Object.entries(WEBGPU_KERNELS)) {
    const kernelName = names[key] ?? key;
    if (getKernel(kernelName, 'webgpu') !== undefined) {
      unregisterKernel(kernelName, 'webgpu');
    }
    const kernelFunc = (call: Omit<Call, 'name'>) => kernel({ ...call, name: kernelName });
    const config = { kernelName, backendName: 'webgpu', kernelFunc };
    registerKernel(config as unknown as KernelConfig);
  }
}

/** The slope of a leaky relu at t. Its result has the sign of t, so it serves as well. */
const selectSlope = (t: string): string =>
  `select(select(uniforms.below, uniforms.atZero, ${t} == 0.0), 1.0, ${t} > 0.0)`;

const readFloats = ({ attrs }: Call) => attrs as Record<string, number>;

/** A function of numbers at the same place; `first` has the result's shape. */
const combine =
  (first: string, value: string, code = ''): Kernel =>
  (call) =>
    computeEach(call, { shape: shapeOf(call, first), floats: readFloats(call), code, value });

/** An activation of x + bias, which is `t`. */
const activate = (value: string): Kernel =>
  combine('x', value, 'let t = x[index] + bias[index % uniforms.biasShape];');

/** Adam's new weights, m and v, which one dispatch computes side by side. */
const adam: Kernel = (call) => {
  const n = sizeOf(shapeOf(call, 'weights'));
  const all = computeEach(call, {
    shape: [3, n],
    integers: { n },
    floats: readFloats(call),
    code: `
      let i = index % uniforms.n;
      let g = gradient[i];
      let nextM = uniforms.beta1 * m[i] + uniforms.rest1 * g;
      let nextV = uniforms.beta2 * v[i] + uniforms.rest2 * (g * g);
      let step = uniforms.rate * nextM / (uniforms.root * sqrt(nextV) + uniforms.epsilon);`,
    value:
      'select(select(nextV, nextM, index < 2 * uniforms.n), weights[i] - step, index < uniforms.n)',
  });
  const parts = copyParts(call.backend, all, [n, n, n]);
  call.backend.disposeData(all.dataId);
  return parts;
};

const sumRows: Kernel = (call) => {
  const shape = shapeOf(call, 'x');
  const columns = shape.at(-1) as number;
  return computeSums(call, {
    shape: [columns],
    integers: { columns },
    count: sizeOf(shape.slice(0, -1)),
    term: 'x[i * uniforms.columns + row]',
    value: 'sum',
  });
};

const squareRows: Kernel = (call) => {
  const [rows = 1, ...rest] = shapeOf(call, 'x');
  return computeSums(call, {
    shape: [rows],
    count: sizeOf(rest),
    code: 'let number = x[row * uniforms.count + i];',
    term: 'number * number',
    value: 'sum',
  });
};

const sumAll: Kernel = (call) =>
  computeSums(call, {
    shape: [],
    floats: readFloats(call),
    count: sizeOf(shapeOf(call, 'x')),
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

const computeLogits: Kernel = (call) => {
  const [rows, units] = shapeOf(call, 'features') as [number, number];
  const { functions, classes } = describeWeight(call.inputs);
  return computeSums(call, {
    shape: [rows, 1],
    integers: { classes },
    functions,
    count: units,
    term: 'features[row * uniforms.count + i] * weigh(row, i)',
    value: call.inputs['bias'] === undefined ? 'sum' : 'sum + bias[0]',
  });
};

const differentiateLogits: Kernel = (call) => {
  const [rows] = shapeOf(call, 'dy') as [number];
  const [units] = shapeOf(call, 'kernel') as [number];
  const { functions, classes } = describeWeight(call.inputs);
  return computeEach(call, {
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

/** If the batch has both kinds of images, `count` is the place of the first generated one. */
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

/** Reads the contest, and how many images its mean is over: half of them if some are real. */
function readContest(call: Call): { contest: number; count: number } {
  const contest = call.attrs?.['contest'] as number;
  const images = sizeOf(shapeOf(call, 'logits'));
  return { contest, count: contest === CONTESTS.fakes ? images : images / 2 };
}

const computeContest: Kernel = (call) => {
  const { contest, count } = readContest(call);
  return computeSums(call, {
    shape: [],
    integers: { contest },
    functions: `${SOFTPLUS}\n${TERM}`,
    count,
    term: 'computeTerm(i)',
    value: 'sum / f32(uniforms.count)',
  });
};

const differentiateContest: Kernel = (call) =>
  computeEach(call, {
    shape: shapeOf(call, 'logits'),
    integers: readContest(call),
    functions: `${SIGMOID}\n${SLOPE}`,
    value: 'dy[0] * computeSlope(index) / f32(uniforms.count)',
  });

const pickImages: Kernel = (call) => {
  const shape = call.attrs?.['shape'] as number[]; // of an image
  return computeEach(call, {
    shape: [...shapeOf(call, 'indices'), ...shape],
    integers: { pixels: sizeOf(shape) },
    code: `
      let place = indices[index / uniforms.pixels] * uniforms.pixels + index % uniforms.pixels;
      let byte = (images[place / 4] >> u32(8 * (place % 4))) & 255;`,
    value: 'table[byte]',
  });
};

const WEBGPU_KERNELS: Readonly<Record<keyof typeof KERNELS | 'Conv2DBackpropFilter', Kernel>> = {
  blend: combine('x', 'uniforms.a * x[index] + uniforms.b * y[index]'),
  scale: combine('x', 'uniforms.factor * dy[0] * x[index]'),
  biasLeaky: activate(`t * ${selectSlope('t')}`),
  biasSigmoid: activate('1.0 / (1.0 + exp(-t))'),
  // Beyond 15 the result is 1; some drivers' tanh overflows there.
  biasTanh: activate('tanh(clamp(t, -15.0, 15.0))'),
  leakySlope: combine('dy', `dy[index] * ${selectSlope('y[index]')}`),
  sigmoidSlope: combine('dy', 'dy[index] * y[index] * (1.0 - y[index])'),
  tanhSlope: combine('dy', 'dy[index] * (1.0 - y[index] * y[index])'),
  adam,
  sumRows,
  squareRows,
  sumAll,
  logits: computeLogits,
  logitsGradient: differentiateLogits,
  contest: computeContest,
  contestGradient: differentiateContest,
  split,
  join,
  pickImages,
  Conv2DBackpropFilter: differentiateFilter,
};
