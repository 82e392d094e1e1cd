/** The part of a picture that a frame of an animation holds. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Finds the smallest box, of at least one pixel, that holds the pixels that `isInside` chooses. */
export function findBox(width: number, height: number, isInside: (pixel: number) => boolean): Box {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let i = 0; i < width * height; i++) {
    if (isInside(i)) {
      const [x, y] = [i % width, Math.floor(i / width)];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), y];
    }
  }
  return right < 0
    ? { left: 0, top: 0, width: 1, height: 1 }
    : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Cuts a box out of rows of `across` pixels. */
export function cutOut(
  pixels: Uint8Array,
  across: number,
  channels: number,
  { left, top, width, height }: Box,
): Uint8Array {
  const cut = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * across + left) * channels;
    cut.set(pixels.subarray(from, from + width * channels), y * width * channels);
  }
  return cut;
}
