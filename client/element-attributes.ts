/**
 * The element's attributes as options: text on one side, what the builders take on the other.
 */
import type { DigitImageOptions, NumberImageOptions } from './image.ts';
import type { LookOptions } from './options.ts';

/** Reads an attribute; null when it is not there. */
type Read = (name: string) => string | null;

/**
 * Parses the attributes. What they may hold, the builders check.
 * @throws RangeError  For what is no number where one is expected, and for attributes that exclude each other.
 */
export function parseAttributes(read: Read): DigitImageOptions | NumberImageOptions {
  const text = (name: string) => read(name) ?? undefined;
  const look: LookOptions = {
    scale: readWhole(read, 'scale'),
    margin: readWhole(read, 'margin'),
    dpr: readWhole(read, 'dpr'),
    fg: text('fg'),
    bg: text('bg'),
    smooth: readFlag(read, 'smooth'),
    darkFg: text('dark-fg'),
    darkBg: text('dark-bg'),
  };
  const hasDark = look.darkFg !== undefined || look.darkBg !== undefined;
  const format = text('format') ?? (hasDark ? 'svg' : 'png');
  if (hasDark && format !== 'svg') {
    throw new RangeError(
      `digitmint: format is ${JSON.stringify(format)}, expected svg: only that follows the dark scheme`,
    );
  }
  const common = {
    ...look,
    base: text('base'),
    seed: text('seed'),
    start: readWhole(read, 'start'),
    model: text('model'),
    format: format as 'png' | 'svg', // The builder refuses others.
    alt: text('alt'),
    lazy: read('loading') !== 'eager',
    sample: readSample(read),
  };
  const number = text('number');
  if (number === undefined) {
    const [n, cols, gap] = [readWhole(read, 'n'), readWhole(read, 'cols'), readWhole(read, 'gap')];
    return { ...common, n, cols, gap, label: text('label') };
  }
  const excluded = ['label', 'n', 'cols', 'gap'].filter((name) => read(name) !== null);
  if (excluded.length > 0) {
    throw new RangeError(
      `digitmint: ${excluded.join(', ')} beside number, expected one of the two: number is one picture`,
    );
  }
  return { ...common, number };
}

function readWhole(read: Read, name: string): number | undefined {
  const text = read(name);
  if (text !== null && !/^[0-9]{1,9}$/.test(text)) {
    throw new RangeError(`digitmint: ${name} is ${JSON.stringify(text)}, expected a whole number`);
  }
  return text === null ? undefined : Number(text);
}

/** As HTML's own: it is there or not. `0` and `false` are what people write who mean that it is not. */
function readFlag(read: Read, name: string): boolean | undefined {
  const text = read(name);
  return text === null ? undefined : !['0', 'false'].includes(text);
}

/** Pixels of one digit: `28` or `32x24`, width first. */
function readSample(read: Read): { width: number; height: number } | undefined {
  const text = read('sample');
  const sides = text === null ? null : /^([1-9][0-9]{0,2})(?:x([1-9][0-9]{0,2}))?$/.exec(text);
  if (text !== null && sides === null) {
    throw new RangeError(
      `digitmint: sample is ${JSON.stringify(text)}, expected pixels of a digit, such as 28 or 32x24`,
    );
  }
  return sides === null
    ? undefined
    : { width: Number(sides[1]), height: Number(sides[2] ?? sides[1]) };
}
