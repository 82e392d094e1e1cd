import { mkdtemp, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeEvent, encodeHead, openEventLog } from '../../../trainer/run/log/event-log.ts';
import { computeCrc32c, readAllEvents, readEvents } from '../../support/event-files.ts';

const line = (step: number) => ({
  step,
  imagesSeen: step,
  discriminatorLoss: step + 0.5,
  generatorLoss: 1,
});
const createFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'digitmint-events-'));

it('the reader of these tests computes the checksum of RFC 3720', () => {
  expect(computeCrc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(computeCrc32c(new Uint8Array(32))).toBe(0x8a9136aa);
});

describe('an event file', () => {
  it('begins with its version and a session', () => {
    const events = readEvents(
      Buffer.from(encodeHead({ wallTimeMs: 1_700_000_000_500, step: 300 })),
    );
    expect(events).toMatchObject([
      { wallTime: 1_700_000_000.5, step: 0, fileVersion: 'brain.Event:2' },
      { wallTime: 1_700_000_000.5, step: 300, sessionStatus: 1 },
    ]);
  });

  it('holds figures and pictures as they were given', () => {
    const png = Uint8Array.from({ length: 1000 }, (_, i) => i);
    const record = encodeEvent({
      wallTimeMs: 1500,
      step: 5_000_000_000,
      scalars: { 'loss/generator': 0.1, 'loss/discriminator': NaN },
      images: { grid: { png, width: 448, height: 300, channels: 1 } },
    });
    const [event] = readEvents(Buffer.from(record));
    expect(event).toMatchObject({ wallTime: 1.5, step: 5_000_000_000 });
    expect(event?.values).toEqual([
      { tag: 'loss/generator', scalar: Math.fround(0.1), image: undefined },
      { tag: 'loss/discriminator', scalar: NaN, image: undefined },
      {
        tag: 'grid',
        scalar: undefined,
        image: { height: 300, width: 448, colorspace: 1, encoded: png },
      },
    ]);
  });
});

describe('a log that is opened again', () => {
  it('logs no step twice, keeps earlier times, and starts a new file even within a second', async () => {
    const folder = await createFolder();
    const first = await openEventLog(folder, 0, () => 1000);
    for (const step of [0, 100, 200, 300]) {
      await first.append(line(step), null);
    }
    const second = await openEventLog(folder, 200, () => 1001);
    await second.append(line(200), null);
    expect(await readdir(folder)).toHaveLength(2);
    const events = (await readAllEvents(folder)).filter(({ values }) => values.length > 0);
    expect(events.map(({ step, wallTime }) => [step, wallTime])).toEqual([
      [0, 1],
      [100, 1],
      [200, 1.001],
    ]);
  });

  it('drops the record that a killed process left half-written', async () => {
    const folder = await createFolder();
    const first = await openEventLog(folder, 0);
    await first.append(line(0), null);
    await first.append(line(100), null);
    const [name] = await readdir(folder);
    const path = join(folder, name as string);
    await truncate(path, (await readFile(path)).length - 3);
    await openEventLog(folder, 200);
    expect(
      (await readAllEvents(folder)).flatMap(({ step, values }) =>
        values.length > 0 ? [step] : [],
      ),
    ).toEqual([0]);
  });

  it('removes its files without records before the step, and keeps other files', async () => {
    const folder = await createFolder();
    const first = await openEventLog(folder, 0, () => 1000);
    await first.append(line(0), null);
    await writeFile(join(folder, 'notes.txt'), 'mine');
    await openEventLog(folder, 0, () => 5000);
    expect((await readdir(folder)).sort()).toEqual([
      'events.out.tfevents.0000000005.digitmint',
      'notes.txt',
    ]);
  });
});
