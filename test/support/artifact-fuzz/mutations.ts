/**
 * The mutations that damage an artifact, by name. Each changes a draft in place. The draft is
 * sealed afterwards, except where a mutation changes raw bytes.
 */
import { GENERATOR_LIMITS, type LayerConfig } from '../../../shared/model/generator.ts';
import type { Dice } from '../dice.ts';
import { fitToGenerator, type Draft } from './draft.ts';
import {
  drawText,
  drawValue,
  HOSTILE_NUMBERS,
  listPlaces,
  nest,
  putAt,
  removeAt,
  setOwn,
  stringify,
  type Json,
  type JsonObject,
} from './hostile-json.ts';

export type Mutation = (draft: Draft, dice: Dice) => void;

const utf8 = new TextEncoder();

/**
 * Bit patterns with an exponent of all ones, of zero and of the largest value: in float32, and
 * twice in float16.
 */
const HOSTILE_WORDS = [
  0x7fc00000, 0x7f800000, 0xff800000, 0x00000001, 0x7f7fffff, 0xff7fffff, 0x7c007c00, 0x7e007e00,
  0x00010001,
];

export const MUTATIONS = {
  'nothing at all': () => {},

  'a field replaced': ({ content }, dice) => putAt(dice.pick(listPlaces(content)), drawValue(dice)),
  'a number to an extreme': ({ content }, dice) =>
    putAt(dice.pick(listNumbers(content)), dice.pick(HOSTILE_NUMBERS)),
  'a number moved a little': ({ content }, dice) => {
    const place = dice.pick(listNumbers(content));
    putAt(place, (place.value as number) * dice.pick([1, 2, 0.5, -1]) + dice.pick([0, 1, -1]));
  },
  'a text replaced': ({ content }, dice) =>
    putAt(
      dice.pick(listPlaces(content).filter(({ value }) => typeof value === 'string')),
      drawText(dice),
    ),
  'a field taken away': ({ content }, dice) => removeAt(dice.pick(listPlaces(content))),
  'a field added': ({ content }, dice) =>
    setOwn(pickObject(content, dice), drawText(dice), drawValue(dice)),
  'a key renamed': ({ content }, dice) => {
    const object = pickObject(content, dice);
    const key = dice.pick(Object.keys(object));
    const value = object[key] as Json;
    delete object[key];
    setOwn(object, dice.pick(['__proto__', 'constructor', 'prototype', drawText(dice)]), value);
  },
  'two fields swapped': ({ content }, dice) => {
    const [one, two] = [dice.pick(listPlaces(content)), dice.pick(listPlaces(content))];
    // A copy, because a tree must not contain itself.
    putAt(one, structuredClone(two.value));
    putAt(two, structuredClone(one.value));
  },
  'a list made long, short or empty': ({ content }, dice) => {
    const place = dice.pick(listPlaces(content).filter(({ value }) => Array.isArray(value)));
    const list = place.value as Json[];
    const lengths = [0, 1, list.length - 1, list.length + 1, 33, 257, 3000];
    putAt(
      place,
      Array.from(
        { length: Math.max(0, dice.pick(lengths)) },
        (_, i) => structuredClone(list[i % list.length]) ?? null,
      ),
    );
  },
  'a field nested deep': ({ content }, dice) =>
    putAt(dice.pick(listPlaces(content)), nest(dice, dice.pick([50, 5000, 30_000]))),
  'a thousand fields': ({ content }, dice) => {
    const object = pickObject(content, dice);
    const count = dice.pick([100, 200, 1000]);
    for (let i = 0; i < count; i++) {
      object[`f${i}`] = dice.pick(HOSTILE_NUMBERS);
    }
  },

  'other layers, fitted': (draft, dice) => {
    const layers = draft.content['generator'] as unknown as { layers: LayerConfig[] };
    layers.layers = drawLayers(dice);
    fitToGenerator(draft, dice);
  },
  'layers swapped': (draft, dice) => {
    const { layers } = draft.content['generator'] as unknown as { layers: LayerConfig[] };
    const [from, to] = [dice.below(layers.length), dice.below(layers.length)];
    [layers[from], layers[to]] = [layers[to] as LayerConfig, layers[from] as LayerConfig];
    if (dice.chance(0.5)) {
      fitToGenerator(draft, dice);
    }
  },
  'a size of a layer, fitted': (draft, dice) => {
    const place = dice.pick(listNumbers(draft.content['generator'] as Json));
    putAt(
      place,
      dice.chance(0.3)
        ? dice.pick(HOSTILE_NUMBERS)
        : dice.pick([1, 2, 3, (place.value as number) * 2, dice.below(300)]),
    );
    fitToGenerator(draft, dice);
  },
  'as large as allowed': (draft, dice) => {
    // One in a hundred is of full size: each holds megabytes and takes a second.
    const isHuge = dice.chance(0.01);
    draft.content['generator'] = drawLargeGenerator(dice, isHuge) as unknown as Json;
    fitToGenerator(draft, dice);
  },
  'another quantization': ({ content }, dice) => {
    const entries = Array.from({ length: dice.pick([0, 1, 3, 4, 5, 6, 8, 64, 65, 500]) }, () => ({
      scale: dice.pick(HOSTILE_NUMBERS),
      min: dice.pick(HOSTILE_NUMBERS),
    }));
    const old = (content['weights'] as JsonObject)['quantization'];
    const kept =
      Array.isArray(old) && dice.chance(0.7)
        ? old.map((entry, i) => (dice.chance(0.3) ? (entries[i] ?? entry) : entry))
        : entries;
    content['weights'] = { dtype: dice.chance(0.9) ? 'uint8' : drawText(dice), quantization: kept };
  },
  'another range of pixels': ({ content }, dice) => {
    (content['image'] as JsonObject)['range'] = [
      dice.pick(HOSTILE_NUMBERS),
      dice.pick(HOSTILE_NUMBERS),
    ];
  },

  'weights cut': (draft, dice) =>
    spoil(draft, dice, (bytes) => bytes.slice(0, dice.below(bytes.length))),
  'weights with more behind': (draft, dice) =>
    spoil(draft, dice, (bytes) =>
      Uint8Array.from([...bytes, ...new Uint8Array(1 + dice.below(dice.pick([1, 4, 4096])))]),
    ),
  'bits of the weights flipped': (draft, dice) =>
    spoil(draft, dice, (bytes) => flipBits(bytes, dice)),
  'NaN, infinite, huge or denormal weights': (draft, dice) =>
    spoil(draft, dice, (bytes) => {
      const view = new DataView(
        bytes.buffer,
        bytes.byteOffset,
        bytes.byteLength - (bytes.byteLength % 4),
      );
      const word = dice.pick(HOSTILE_WORDS);
      const isEverywhere = dice.chance(0.3);
      for (let at = 0; at < view.byteLength; at += 4) {
        if (isEverywhere || dice.chance(0.02)) {
          view.setUint32(at, word, true);
        }
      }
      return bytes;
    }),
  'weights of any bytes': (draft, dice) =>
    spoil(draft, dice, (bytes) => bytes.map(() => dice.below(256))),
  'weights of one byte': (draft, dice) =>
    spoil(draft, dice, (bytes) => bytes.fill(dice.below(256))),

  'raw bytes of the manifest': (draft, dice) => {
    draft.spoilManifest = (bytes) => spoilBytes(bytes, dice);
  },
  'text of the manifest': (draft, dice) => {
    draft.spoilManifest = (bytes) => spoilText(bytes, dice);
  },
  'raw bytes of the pointer': (draft, dice) => {
    draft.spoilPointer = (bytes) => spoilBytes(bytes, dice);
  },
  'text of the pointer': (draft, dice) => {
    draft.spoilPointer = (bytes) => spoilText(bytes, dice);
  },
  'a field of the pointer': (draft, dice) => {
    draft.spoilPointer = (bytes) => {
      const tree = JSON.parse(new TextDecoder().decode(bytes)) as JsonObject;
      const place = dice.pick(listPlaces(tree));
      const way = dice.below(5);
      if (way === 0) {
        removeAt(place);
      } else if (way === 1) {
        setOwn(pickObject(tree, dice), drawText(dice), drawValue(dice));
      } else {
        putAt(place, drawValue(dice));
      }
      return utf8.encode(stringify(tree));
    };
  },
  'an object missing': (draft, dice) => {
    draft.missing = dice.pick(['manifest', 'weights', 'pointer']);
  },
} as const satisfies Record<string, Mutation>;

export type MutationName = keyof typeof MUTATIONS;
export const MUTATION_NAMES = Object.keys(MUTATIONS) as MutationName[];

function listNumbers(tree: Json) {
  return listPlaces(tree).filter(({ value }) => typeof value === 'number');
}

function pickObject(tree: JsonObject, dice: Dice): JsonObject {
  const objects = listPlaces(tree)
    .map(({ value }) => value)
    .filter(
      (value): value is JsonObject =>
        typeof value === 'object' && value !== null && !Array.isArray(value),
    );
  return dice.pick([tree, ...objects].filter((object) => Object.keys(object).length > 0));
}

/** Damages the weights before or after they are signed. */
function spoil(draft: Draft, dice: Dice, change: (bytes: Uint8Array) => Uint8Array): void {
  if (dice.chance(0.8)) {
    draft.weights = change(draft.weights);
  } else {
    draft.spoilWeights = change;
  }
}

function flipBits(bytes: Uint8Array, dice: Dice): Uint8Array {
  for (let flips = 1 + dice.below(4); flips > 0 && bytes.length > 0; flips--) {
    const at = dice.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << dice.below(8));
  }
  return bytes;
}

function spoilBytes(bytes: Uint8Array, dice: Dice): Uint8Array {
  const at = dice.below(bytes.length);
  const ways: (() => Uint8Array)[] = [
    () => flipBits(bytes.slice(), dice),
    () => bytes.slice(0, at),
    () => Uint8Array.from([...bytes.slice(0, at), dice.below(256), ...bytes.slice(at)]),
    () => Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1 + dice.below(20))]),
    () => Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(dice.below(bytes.length))]),
    () => Uint8Array.from({ length: dice.below(300) }, () => dice.below(256)),
    () =>
      new Uint8Array(dice.pick([0, 1, 64 * 1024, 64 * 1024 + 1, 1024 * 1024])).fill(
        dice.pick([0, 0x20, 0x5b, 0x7b]),
      ),
    () => Uint8Array.from([0xef, 0xbb, 0xbf, ...bytes]),
  ];
  return dice.pick(ways)();
}

/** Changes bytes within what JSON allows, or slightly beyond. */
function spoilText(bytes: Uint8Array, dice: Dice): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  const braces = [...text.matchAll(/\{/g)].map(({ index }) => index + 1);
  const numbers = [...text.matchAll(/(?<=[:,[] ?)-?[0-9][0-9.e+-]*(?=[,}\]])/g)];
  const at = dice.pick(braces);
  const key = JSON.stringify(
    dice.pick([
      'name',
      'schema',
      'bytes',
      'units',
      'version',
      'sha256',
      '__proto__',
      'models',
      'default',
    ]),
  );
  const ways: (() => string)[] = [
    () => `${text.slice(0, at)}${key}:${stringify(drawValue(dice))},${text.slice(at)}`,
    () => text.replace(/\}\s*$/, `,${key}:${stringify(drawValue(dice))}}`),
    () => {
      const number = dice.pick(numbers);
      const written = dice.pick([
        '1e999',
        '-1e999',
        '1E400',
        '01',
        '1.',
        '-',
        '0x10',
        '1e-400',
        'NaN',
        'Infinity',
        `${number[0]}.0`,
        `${number[0]}e0`,
      ]);
      return text.slice(0, number.index) + written + text.slice(number.index + number[0].length);
    },
    () => `${text.slice(0, at)}${' '.repeat(dice.below(40_000))}${text.slice(at)}`,
    () => `${text}${dice.pick(['x', 'null', text, '\0', '//'])}`,
    () =>
      dice.pick(['null', '[]', '{}', '""', '0', 'true', '[[]]', `[${text}]`, JSON.stringify(text)]),
    () => '['.repeat(dice.pick([1, 1000, 65_000])),
    () => `{"schema":${'['.repeat(30_000)}${']'.repeat(30_000)}}`,
    () => `{"schema":1,"${'k'.repeat(dice.below(60_000))}":1}`,
    () =>
      text.replaceAll(/[a-z]/g, (letter) =>
        dice.chance(0.05) ? String.raw`\u00${letter.charCodeAt(0).toString(16)}` : letter,
      ),
  ];
  return utf8.encode(dice.pick(ways)());
}

function drawLayers(dice: Dice): LayerConfig[] {
  const activation = () => dice.pick(['linear', 'relu', 'leakyRelu', 'sigmoid', 'tanh'] as const);
  const side = 1 + dice.below(6);
  const channels = dice.pick([1, 2, 3, 4, 9, 16, 64]);
  const layers: LayerConfig[] = [
    ...Array.from(
      { length: dice.below(3) },
      () => ({ type: 'dense', units: 1 + dice.below(40), activation: activation() }) as const,
    ),
    { type: 'dense', units: side * side * channels, activation: activation() },
    { type: 'reshape', shape: [side, side, channels] },
  ];
  for (let more = dice.below(5); more > 0; more--) {
    layers.push(
      dice.chance(0.6)
        ? {
            type: 'conv2d',
            filters: dice.pick([1, 3, 4, 8, 36]),
            kernelSize: dice.pick([1, 3, 5] as const),
            activation: activation(),
          }
        : { type: 'depthToSpace', blockSize: dice.pick([2, 3, 4]) },
    );
  }
  if (dice.chance(0.8)) {
    layers.push({
      type: 'conv2d',
      filters: dice.pick([1, 3]),
      kernelSize: dice.pick([1, 3, 5] as const),
      activation: activation(),
    });
  }
  return layers;
}

/** Sizes at the limits or at a twentieth of them; some exceed a limit. */
function drawLargeGenerator(dice: Dice, isHuge: boolean) {
  const share = isHuge ? 1 : 0.01;
  const { units, parameters, macs } = GENERATOR_LIMITS;
  const latentSize = dice.pick([1, 60, 4096]);
  const activation = dice.pick(['linear', 'relu', 'leakyRelu', 'sigmoid', 'tanh'] as const);
  const kinds: (() => LayerConfig[])[] = [
    // As many weights as allowed, in one matrix.
    () => {
      const size = Math.min(units, Math.floor((parameters * share) / (latentSize + 1)));
      return [
        { type: 'dense', units: size, activation },
        { type: 'reshape', shape: [size, 1, 1] },
      ];
    },
    // As many multiply-accumulates as allowed: convolutions over the largest picture.
    () => {
      const side = 64;
      const filters = Math.max(1, Math.floor((macs * share) / (side * side * 25 * 4 * 2)));
      return [
        { type: 'dense', units: side, activation },
        { type: 'reshape', shape: [8, 8, 1] },
        { type: 'conv2d', filters: 64, kernelSize: 1, activation },
        { type: 'depthToSpace', blockSize: 4 },
        { type: 'depthToSpace', blockSize: 2 },
        { type: 'conv2d', filters: 4, kernelSize: 1, activation },
        { type: 'conv2d', filters: Math.min(filters, 16), kernelSize: 5, activation },
        { type: 'conv2d', filters: 1, kernelSize: 5, activation },
      ];
    },
    // The most numbers per sample, in as many layers as allowed.
    () => [
      { type: 'dense', units: 64, activation },
      { type: 'reshape', shape: [8, 8, 1] },
      { type: 'conv2d', filters: isHuge ? 1024 : 64, kernelSize: 1, activation },
      ...Array.from(
        { length: 27 },
        () => ({ type: 'conv2d', filters: isHuge ? 200 : 8, kernelSize: 1, activation }) as const,
      ),
      { type: 'conv2d', filters: 3, kernelSize: 1, activation },
    ],
  ];
  return { latentSize, classes: dice.pick([0, 10, 256]), layers: dice.pick(kinds)() };
}
