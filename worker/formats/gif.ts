/**
 * Pictures as a GIF: grey ones exactly, coloured ones in the 256 colours that fit them best.
 */
// By its path: the package's own entries differ in their default export.
import gifenc from 'gifenc/dist/gifenc.js';
import { mixColours } from '../../shared/picture/colour.ts';
import type { Picture, SheetColours } from '../../shared/picture/sheet.ts';

const MAX_COLOURS = 256;

/** Pixels that a palette is chosen from: more do not make it better. */
const MAX_PALETTE_PIXELS = 20_000;

/** What is less opaque is not there: GIF knows no half transparency. */
const HALF_OPAQUE = 128;

/**
 * Encodes pictures.
 *
 * @param pictures   At least one, all of one size.
 * @param colours    Of grey pictures.
 * @param delaysCs   How long each stands, in hundredths of a second; one that stands alone plays nothing.
 * @returns          Plays for ever.
 */
export function encodeGif(
  pictures: readonly Picture[],
  colours: SheetColours,
  delaysCs: readonly number[] = [],
): Uint8Array<ArrayBuffer> {
  const gif = gifenc.GIFEncoder();
  const { palette, transparentIndex, choosePlaces } =
    pictures[0]?.channels === 1 ? mapGreys(colours) : mapColours(pictures);
  for (const [i, picture] of pictures.entries()) {
    gif.writeFrame(choosePlaces(picture.pixels), picture.width, picture.height, {
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
  /** The palette's place of each pixel. */
  readonly choosePlaces: (pixels: Uint8Array) => Uint8Array;
}

/** The palette is what each number of a grey picture looks like. */
function mapGreys({ bg, fg }: SheetColours): Mapping {
  const mixed = Array.from({ length: MAX_COLOURS }, (_, value) => mixColours(bg, fg, value));
  const transparentIndex = mixed.findIndex((colour) => colour[3] < HALF_OPAQUE);
  const places = Uint8Array.from(mixed, ([, , , alpha], value) =>
    alpha < HALF_OPAQUE ? transparentIndex : value,
  );
  return {
    palette: mixed.map(([red, green, blue]) => [red, green, blue]),
    transparentIndex,
    choosePlaces: (pixels) => pixels.map((value) => places[value] as number),
  };
}

/** One palette for all. */
function mapColours(pictures: readonly Picture[]): Mapping {
  const total = pictures.reduce((sum, { width, height }) => sum + width * height, 0);
  const step = Math.ceil(total / MAX_PALETTE_PIXELS) | 1; // An odd step visits every column, whatever the width.
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
    choosePlaces: (pixels) => gifenc.applyPalette(addAlpha(pixels), palette),
  };
}

function addAlpha(rgb: Uint8Array): Uint8Array {
  const rgba = new Uint8Array((rgb.length / 3) * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba.set(rgb.subarray(from, from + 3), to);
  }
  return rgba;
}
