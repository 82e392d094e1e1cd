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
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (isInside(y * width + x)) {
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, y);
        bottom = y;
      }
    }
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
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
