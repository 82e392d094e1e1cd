/** Encodes pictures as a GIF: grey ones exactly, coloured ones in the 256 best colours. */
// By its path: the package's own entries differ in their default export.
import gifenc from 'gifenc/dist/gifenc.js';
import { addAlpha, mixColours } from '../../shared/picture/colour.ts';
import type { Picture, SheetColours } from '../../shared/picture/sheet.ts';

const MAX_COLOURS = 256;
/** Pixels that a palette is chosen from: more do not make it better. */
const MAX_PALETTE_PIXELS = 20_000;
/** GIF has no half transparency: pixels of less opacity are transparent. */
const HALF_OPAQUE = 128;

/** Encodes pictures of one size; several become an endless animation. `colours` are for grey. */
export function encodeGif(
  pictures: readonly Picture[],
  colours: SheetColours,
  delaysCs: readonly number[] = [],
): Uint8Array<ArrayBuffer> {
  const gif = gifenc.GIFEncoder();
  const { palette, transparentIndex, indexPixels } =
    pictures[0]?.channels === 1 ? mapGreys(colours) : mapColours(pictures);
  for (const [i, picture] of pictures.entries()) {
    gif.writeFrame(indexPixels(picture.pixels), picture.width, picture.height, {
      ...(i === 0 && { palette, repeat: pictures.length > 1 ? 0 : -1 }),
      delay: (delaysCs[i] ?? 0) * 10,
      transparent: transparentIndex >= 0,
      transparentIndex,
    });
  }
  gif.finish();
  return gif.bytes() as Uint8Array<ArrayBuffer>;
}

interface Mapping {
  readonly palette: gifenc.Palette;
  /** -1 for none. */
  readonly transparentIndex: number;
  /** Returns the index of each pixel in the palette. */
  readonly indexPixels: (pixels: Uint8Array) => Uint8Array;
}

/** Maps each grey number to its colour. */
function mapGreys({ bg, fg }: SheetColours): Mapping {
  const mixed = Array.from({ length: MAX_COLOURS }, (_, value) => mixColours(bg, fg, value));
  const transparentIndex = mixed.findIndex((colour) => colour[3] < HALF_OPAQUE);
  const indices = Uint8Array.from(mixed, ([, , , alpha], value) =>
    alpha < HALF_OPAQUE ? transparentIndex : value,
  );
  return {
    palette: mixed.map(([red, green, blue]) => [red, green, blue]),
    transparentIndex,
    indexPixels: (pixels) => pixels.map((value) => indices[value] as number),
  };
}

/** Chooses one palette for all pictures. */
function mapColours(pictures: readonly Picture[]): Mapping {
  const total = pictures.reduce((sum, { width, height }) => sum + width * height, 0);
  const step = Math.ceil(total / MAX_PALETTE_PIXELS) | 1; // An odd step visits every column.
  const thinned: number[] = [];
  for (const { pixels } of pictures) {
    for (let i = 0; i < pixels.length; i += 3 * step) {
      thinned.push(pixels[i] as number, pixels[i + 1] as number, pixels[i + 2] as number, 255);
    }
  }
  const palette = gifenc.quantize(Uint8Array.from(thinned), MAX_COLOURS);
  return {
    palette,
    transparentIndex: -1,
    indexPixels: (pixels) => gifenc.applyPalette(addAlpha(pixels), palette),
  };
}
