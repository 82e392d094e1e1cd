/** Examples of answers: of JSON by the name of its schema, against which a test holds them. */

const MODEL = { name: 'digits', version: '3423e331368875c9' };
const SHA256 = '0123456789abcdef'.repeat(4);
const JOB = '0123456789abcdef0123456789abcdef';
/** Replaced by the origin of the service. */
export const ORIGIN = 'https://YOUR-WORKER';
const MODEL_URL = `${ORIGIN}/models/${MODEL.name}`;
const IMAGE = { width: 28, height: 28, channels: 1 };
const TIME = '2026-11-23T09:30:00.000Z';

const HAND_TEXT = `1.digits.3423e331368875c9.${'A'.repeat(86)}`;
const DIGIT = {
  index: 0,
  label: 7,
  class: '7',
  url: `${ORIGIN}/digit.png?seed=Ada&model=tiny@0123456789abcdef`,
  pixels: [0, 255, 255, 0, 0, 128],
};

const describeFile = (part: string, bytes: number) => ({
  url: `${ORIGIN}/jobs/${JOB}/${part}/000000-${SHA256}.npy`,
  bytes,
  sha256: SHA256,
});

export const EXAMPLES: Readonly<Record<string, unknown>> = {
  DigitBatch: {
    model: { name: 'tiny', version: '0123456789abcdef' },
    seed: 'Ada',
    start: 0,
    n: 1,
    width: 3,
    height: 2,
    channels: 1,
    digits: [DIGIT],
  },
  Problem: {
    type: `${ORIGIN}/errors/invalid_parameter`,
    title: 'Invalid parameter',
    status: 400,
    detail: 'n is "1e9", expected a whole number from 1 to 256.',
    code: 'invalid_parameter',
    parameters: ['n'],
    requestId: '3f1c6d0e-8a53-4f6c-9a39-5f2f6e1c7a10',
  },
  WrittenHand: {
    model: MODEL,
    hand: HAND_TEXT,
    label: 7,
    class: '7',
    certainty: 0.997,
    error: 16.1,
    digits: [
      { label: 7, class: '7', certainty: 0.997, error: 14.9 },
      { label: 2, class: '2', certainty: 0.988, error: 16.3 },
    ],
    url: `${ORIGIN}/digit.png?label=7&hand=${HAND_TEXT}`,
    numberUrl: `${ORIGIN}/number/0123456789.png?hand=${HAND_TEXT}`,
  },
  Health: {
    status: 'ok',
    model: { ...MODEL, source: 'bundled', loadedAt: TIME },
    lastError: null,
  },
  Limits: {
    maxDigits: { value: 256, unit: 'samples', about: 'of one answer (n)' },
  },
  ModelList: {
    default: MODEL.name,
    models: [{ ...MODEL, url: MODEL_URL, publishedAt: TIME }],
  },
  ModelCard: {
    ...MODEL,
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
    subject: { one: 'handwritten digit', many: 'handwritten digits' },
    image: IMAGE,
    paper: [0],
    recipe: {
      latent: '64 words from block 1 on: (word >> 8) / 2^23 - 1, times truncation, as float32',
    },
    parameters: 172_769,
    weights: 'uint8',
    training: { preset: 'digits', steps: 40_000, imagesSeen: 5_120_000 },
    figures: { diversity: 1.002 },
    files: [
      {
        path: 'weights.bin',
        url: `${MODEL_URL}/${MODEL.version}/weights.bin`,
        bytes: 173_728,
        sha256: SHA256,
      },
    ],
  },
  OembedPhoto: {
    version: '1.0',
    type: 'photo',
    title: 'A handwritten digit that nobody wrote',
    provider_name: 'digitmint',
    provider_url: ORIGIN,
    url: `${ORIGIN}/digit.png?seed=Ada&scale=4`,
    width: 112,
    height: 112,
  },
  Job: {
    id: JOB,
    state: 'running',
    reason: null,
    model: MODEL,
    seed: 'Ada',
    start: 0,
    n: 1_000_000,
    label: null,
    truncation: 1,
    hand: null,
    vary: 0,
    format: 'npy',
    image: IMAGE,
    shards: { total: 100, done: 1, failed: 0, digits: 10_000 },
    digits: 10_000,
    bytes: 7_850_256,
    drawMs: 1500,
    costUsd: { soFar: 0.0001, expected: 0.01, storageMonth: 0.0001 },
    createdAt: TIME,
    lastShardAt: TIME,
    failures: [],
    url: `${ORIGIN}/jobs/${JOB}`,
    manifestUrl: `${ORIGIN}/jobs/${JOB}/manifest`,
  },
  JobManifest: {
    job: JOB,
    complete: false,
    shards: [
      {
        shard: 0,
        start: 0,
        n: 10_000,
        images: describeFile('images', 7_840_128),
        labels: describeFile('labels', 10_128),
      },
    ],
    next: null,
  },
  JsonDocument: { format: 'layers-model' },
  'application/x-ndjson': `${JSON.stringify(DIGIT)}\n`,
};
