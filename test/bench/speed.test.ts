/**
 * What `npm run bench` makes of figures: the page, the pictures, and a model for another runtime.
 * The times are a benchmark's, and not tested.
 */
import { parseXml, XmlElement } from '@rgrove/parse-xml';
import { PbfReader } from 'pbf';
import { describe, expect, it } from 'vitest';
import { encodeOnnx } from '../../bench/onnx-model.ts';
import {
  formatFigure,
  recordSchema,
  takeSpread,
  type BenchRecord,
  type BenchTable,
} from '../../bench/record.ts';
import { renderSpeedPage } from '../../bench/speed/page.ts';
import { renderSpeedPlot } from '../../bench/speed/plot.ts';
import { planGenerator } from '../../shared/model/generator.ts';

const TABLE: BenchTable = {
  id: 'drawing',
  title: 'Drawing, one thread',
  unit: 'ms',
  better: 'lower',
  notes: ['Measured for this test.'],
  cases: ['few <1>', 'many'],
  rows: [
    { subject: 'ours', isOurs: true, values: [takeSpread([1, 3, 2]), takeSpread([40])] },
    { subject: 'slow', isOurs: false, values: [takeSpread([8, 8]), null] },
    { subject: 'fast', isOurs: false, values: [takeSpread([4]), takeSpread([20])] },
  ],
  limit: { what: 'light', values: [0.5, null] },
  goals: [2, 30],
};

const RECORD: BenchRecord = {
  schema: 1,
  suite: 'drawing',
  measuredAt: '2026-01-02T03:04:05.678Z',
  machine: { system: 'S', processor: 'P', cores: 2, memoryGiB: 4, loadBefore: 0.25 },
  versions: { tool: '1.2' },
  tables: [TABLE],
};

describe('figures', () => {
  it('are least, middle and largest', () => {
    expect(takeSpread([3, 1, 2])).toEqual({ runs: 3, min: 1, median: 2, max: 3 });
    expect(takeSpread([4, 1, 2, 3])).toMatchObject({ median: 2.5 });
  });

  it.each([
    [0, '0'],
    [0.0704, '0.070'],
    [1.044, '1.04'],
    [16.64, '16.6'],
    [452.4, '452'],
    [20_828, '20,828'],
  ])('%f is written %s', (value, text) => {
    expect(formatFigure(value)).toBe(text);
  });

  it('of another version are refused', () => {
    expect(recordSchema.safeParse({ ...RECORD, schema: 2 }).success).toBe(false);
    expect(recordSchema.safeParse(RECORD).success).toBe(true);
  });
});

describe('the page', () => {
  const page = renderSpeedPage([RECORD], ({ id }) => `${id}.svg`);
  const lines = page.split('\n');

  it('says in short who is faster, by how much, and what was missed', () => {
    const [few, many] = lines.filter((line) => line.startsWith('| [Drawing'));
    expect(few).toBe(
      '| [Drawing, one thread](#drawing-one-thread): few <1> | **2.00 ms** | ≤ 2.00 ms | 4.00 ms, fast | 2.00 × faster | 4.00 × |',
    );
    expect(many).toBe(
      '| [Drawing, one thread](#drawing-one-thread): many | **40.0 ms** | ≤ 30.0 ms (missed) | 20.0 ms, fast | 2.00 × slower |  |',
    );
  });

  it('has each figure with its spread and its ratio, and the machine', () => {
    expect(lines).toContain('| **ours** | 2.00 (1.00–3.00) | 1 | 40.0 | 1 |');
    expect(lines).toContain('| slow | 8.00 (8.00–8.00) | 4.00 | – |  |');
    expect(lines).toContain('| _limit_ | 0.500 | 0.250 |  |  |');
    expect(lines).toContain('Limit: light.');
    expect(page).toContain('2 cores of P, 4 GiB, S; load before 0.25. tool 1.2.');
  });
});

describe('the picture', () => {
  const svg = parseXml(renderSpeedPlot(TABLE)).root as XmlElement;
  const find = (name: string, type: string): XmlElement[] =>
    svg.children.filter(
      (child): child is XmlElement =>
        child instanceof XmlElement && child.name === name && child.attributes['class'] === type,
    );
  const numbers = (elements: XmlElement[], name: string): number[] =>
    elements.map(({ attributes }) => Number(attributes[name]));

  it('has a dot for every figure, further right where it took longer', () => {
    const [ours = NaN, oursOfMany = NaN] = numbers(find('circle', 'point'), 'cx');
    const [slow = NaN, fast = NaN, fastOfMany = NaN] = numbers(find('circle', 'peer'), 'cx');
    expect(ours).toBeLessThan(fast);
    expect(fast).toBeLessThan(slow);
    expect(fastOfMany).toBeLessThan(oursOfMany);
    const [limit = NaN] = numbers(find('line', 'floor'), 'x1');
    expect(limit).toBeLessThan(ours);
  });
});

describe('a model for ONNX', () => {
  const plan = planGenerator({
    latentSize: 2,
    classes: 1,
    layers: [
      { type: 'dense', units: 16, activation: 'leakyRelu' },
      { type: 'reshape', shape: [2, 2, 4] },
      { type: 'conv2d', filters: 4, kernelSize: 3, activation: 'tanh' },
      { type: 'depthToSpace', blockSize: 2 },
    ],
  });
  const weights = plan.weights.map(({ shape }) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
  );

  it('lists operations in order, and weights in planes', () => {
    const operations: string[] = [];
    const tensors: Float32Array[] = [];
    const readNode = (tag: number, into: string[], pbf: PbfReader): void => {
      if (tag === 4) {
        into.push(pbf.readString());
      }
    };
    const readTensor = (tag: number, into: Float32Array[], pbf: PbfReader): void => {
      if (tag === 9) {
        into.push(new Float32Array(pbf.readBytes().slice().buffer));
      }
    };
    new PbfReader(encodeOnnx(plan, weights)).readFields((model, _, pbf) => {
      if (model === 7) {
        pbf.readMessage((graph) => {
          if (graph === 1) {
            pbf.readMessage(readNode, operations);
          } else if (graph === 5) {
            pbf.readMessage(readTensor, tensors);
          }
        }, null);
      }
    }, null);
    expect(operations).toEqual([
      'Gemm',
      'LeakyRelu',
      'Reshape',
      'Conv',
      'Tanh',
      'DepthToSpace',
      'Identity',
    ]);
    // Of the bias, whose numbers are their places: pixels 0 to 3 of channel 0, then of channel 1.
    expect([...(tensors[1] as Float32Array)].slice(0, 8)).toEqual([0, 4, 8, 12, 1, 5, 9, 13]);
    // Of the convolution: the 9 places from channel 0 to filter 0, 16 numbers apart.
    expect([...(tensors[3] as Float32Array)].slice(0, 9)).toEqual([
      0, 16, 32, 48, 64, 80, 96, 112, 128,
    ]);
  });

  it('is refused where a reshape follows no dense layer', () => {
    const { config } = plan;
    const layers = [
      ...config.layers.slice(0, 2),
      { type: 'reshape' as const, shape: [4, 4, 1] as [number, number, number] },
    ];
    const odd = planGenerator({ ...config, layers });
    expect(() => encodeOnnx(odd, weights)).toThrow(
      'layer 2: expected a dense layer before a reshape',
    );
  });
});
