/** How a camera was held, by Exif: read from a file, and followed. Pure. */

const ORIENTATION_TAG = 0x0112;
const UPRIGHT = 1;

/** Pixels with 1 or more channels. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** [height, width, channels] */
  readonly pixels: Uint8Array;
}

/** Reads the orientation, 1 to 8, from the TIFF in Exif; undefined where it does not say. */
export function readOrientation(tiff: Uint8Array): number | undefined {
  if (tiff.length < 8) {
    return undefined;
  }
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const isLittle = tiff[0] === 0x49;
  const directory = view.getUint32(4, isLittle);
  const entries = directory + 2 <= tiff.length ? view.getUint16(directory, isLittle) : 0;
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 10 > tiff.length) {
      return undefined;
    }
    if (view.getUint16(at, isLittle) === ORIENTATION_TAG) {
      const value = view.getUint16(at + 8, isLittle);
      return value >= UPRIGHT && value <= 8 ? value : undefined;
    }
  }
  return undefined;
}

/** Whether an orientation exchanges width and height. */
export function isOnItsSide(orientation = UPRIGHT): boolean {
  return orientation >= 5;
}

/** Turns and mirrors a picture as Exif's orientation says. */
export function orient({ width, height, pixels }: Pixels, orientation = UPRIGHT): Pixels {
  if (orientation === UPRIGHT) {
    return { width, height, pixels };
  }
  const isTurned = isOnItsSide(orientation);
  const [columns, rows] = isTurned ? [height, width] : [width, height];
  const channels = pixels.length / (width * height);
  const turned = new Uint8Array(pixels.length);
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [across, down] = isTurned ? [row, column] : [column, row];
      const x = fromRight ? width - 1 - across : across;
      const y = fromBottom ? height - 1 - down : down;
      for (let c = 0; c < channels; c++) {
        turned[(row * columns + column) * channels + c] =
          pixels[(y * width + x) * channels + c] ?? 0;
      }
    }
  }
  return { width: columns, height: rows, pixels: turned };
}
