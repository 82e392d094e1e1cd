/** Rectangles of pictures, and how they are found and cut out. */

/** A rectangle of a picture, in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A frame that changes nothing still needs a pixel. */
export const FIRST_PIXEL: Box = { left: 0, top: 0, width: 1, height: 1 };

/** Finds the smallest box of all pixels that `isInside` chooses; undefined without any. */
export function findBox(
  width: number,
  height: number,
  isInside: (pixel: number) => boolean,
): Box | undefined {
  const size = width * height;
  // From all sides: most pixels lie inside of the box and need no look.
  let first = 0;
  while (first < size && !isInside(first)) {
    first++;
  }
  if (first === size) {
    return undefined;
  }
  let last = size - 1;
  while (!isInside(last)) {
    last--;
  }
  const [top, bottom] = [Math.floor(first / width), Math.floor(last / width)];
  let [left, right] = [first % width, first % width];
  for (let y = top; y <= bottom; y++) {
    for (let x = 0; x < left; x++) {
      left = isInside(y * width + x) ? x : left;
    }
    for (let x = width - 1; x > right; x--) {
      right = isInside(y * width + x) ? x : right;
    }
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Cuts a box out of rows of `across` pixels. */
export function cutOut<Values extends Uint8Array | Float64Array>(
  values: Values,
  across: number,
  channels: number,
  { left, top, width, height }: Box,
): Values {
  const cut = values.slice(0, width * height * channels) as Values;
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * across + left) * channels;
    cut.set(values.subarray(from, from + width * channels), y * width * channels);
  }
  return cut;
}
