/**
 * `npm run hunt -- NAME`: searches for bugs longer and deeper than `npm test` does.
 * `NAME --help` lists its flags.
 */
const HUNTS: Readonly<Record<string, readonly [file: string, about: string]>> = {
  fuzz: ['./fuzz.ts', 'the HTTP interface against its own OpenAPI document, by schemathesis'],
  artifacts: ['./fuzz-artifacts.ts', 'hostile model artifacts, read by everything that reads them'],
  bundle: ['./bundle.ts', 'the trainer as a bundle, on a bare machine with SwiftShader for a GPU'],
  crash: ['./crash.ts', 'trainings and publications that are killed again and again'],
  properties: ['./hunt.ts', 'every property test with many more cases'],
  tools: ['./tools.ts', 'sets opened by Hugging Face, PyTorch and TensorFlow'],
  soak: ['../soak/main.ts', 'hours of mixed traffic, with faults, on both servers'],
};

const [name = ''] = process.argv.splice(2, 1);
const hunt = Object.hasOwn(HUNTS, name) ? HUNTS[name] : undefined;
if (hunt === undefined) {
  const lines = Object.entries(HUNTS).map(([each, [, about]]) => `  ${each.padEnd(12)}${about}`);
  console.error(`expected one of these: npm run hunt -- NAME\n${lines.join('\n')}`);
  process.exit(1);
}
await import(hunt[0]);
