/** Encodes pictures as a GIF: grey ones exactly, coloured ones in at most 256 colours. */
// Imported by its path, because the package's own entries differ in their default export.
import gifenc from 'gifenc/dist/gifenc.js';
import { addAlpha, type Colour } from '../picture/colour.ts';
import { mixLevels, type SheetColours } from '../picture/paper.ts';
import { replaceBytes } from '../picture/pixels.ts';
import type { Picture } from '../picture/png.ts';
import { cutOut, findBox, FIRST_PIXEL, type Box } from '../box.ts';

const MAX_COLOURS = 256;
/** The fewest bits of a pixel that GIF's LZW begins with. */
const MIN_DEPTH = 2;
/** Pixels that a palette is chosen from. The work grows with the square of their colours. */
export const MAX_PALETTE_PIXELS = 2000;
/** GIF has no half transparency: pixels of less opacity are transparent. */
const HALF_OPAQUE = 128;
const TRANSPARENT = 'transparent';

/** Encodes pictures of one size; several become an endless animation. `colours` are for grey. */
export function encodeGif(
  pictures: readonly Picture[],
  colours: SheetColours,
  delaysCs: readonly number[] = [],
): Uint8Array<ArrayBuffer> {
  const gif = gifenc.GIFEncoder();
  const { palette, transparentIndex, frames } =
    pictures[0]?.channels === 1
      ? mapGreys(pictures, mixLevels(colours, pictures[0].paper))
      : mapColours(pictures);
  const places: Place[] = [];
  for (const [i, { width, height }] of pictures.entries()) {
    const indices = frames[i] as Uint8Array;
    // The first frame has the size of the whole picture.
    const box =
      i === 0 || transparentIndex < 0
        ? { left: 0, top: 0, width, height }
        : (findBox(width, height, (pixel) => indices[pixel] !== transparentIndex) ?? FIRST_PIXEL);
    places.push({ at: gif.bytesView().length + CONTROL_BYTES, ...box });
    gif.writeFrame(cutOut(indices, width, 1, box), box.width, box.height, {
      ...(i === 0 && { palette, repeat: pictures.length > 1 ? 0 : -1 }),
      colorDepth: Math.max(MIN_DEPTH, Math.ceil(Math.log2(palette.length))),
      delay: (delaysCs[i] ?? 0) * 10,
      transparent: transparentIndex >= 0,
      transparentIndex,
    });
  }
  gif.finish();
  const bytes = gif.bytes() as Uint8Array<ArrayBuffer>;
  const view = new DataView(bytes.buffer);
  for (const { at, left, top } of places.slice(1)) {
    view.setUint16(at + 1, left, true);
    view.setUint16(at + 3, top, true);
  }
  return bytes;
}

/** Bytes of a frame before its descriptor, which begins with a mark and the frame's place. */
const CONTROL_BYTES = 8;

/** The place of a frame in the picture. gifenc always writes (0, 0). */
interface Place extends Box {
  /** Offset of its descriptor in the file. */
  readonly at: number;
}

interface Mapping {
  readonly palette: gifenc.Palette;
  /** -1 for none. */
  readonly transparentIndex: number;
  /** The index of each pixel in the palette, for each picture. */
  readonly frames: readonly Uint8Array[];
}

/**
 * Maps each grey level to its colour. Equal colours share an index: on transparent paper all ink
 * has one colour, and a few indices pack four times as small as 256.
 */
function mapGreys(pictures: readonly Picture[], colours: readonly Colour[]): Mapping {
  const palette: [number, number, number][] = [];
  const places = new Map<string, number>();
  const indices = Uint8Array.from(colours, ([red, green, blue, alpha]) => {
    const name = alpha < HALF_OPAQUE ? TRANSPARENT : `${red} ${green} ${blue}`;
    const place = places.get(name) ?? palette.push([red, green, blue]) - 1;
    places.set(name, place);
    return place;
  });
  return {
    palette,
    transparentIndex: places.get(TRANSPARENT) ?? -1,
    frames: pictures.map(({ pixels }) => replaceBytes(pixels, indices)),
  };
}

/** Chooses one palette for all pictures, and maps them at once: equal colours stay equal. */
function mapColours(pictures: readonly Picture[]): Mapping {
  const rgba = addAlpha(PALETTE_ROOM, ...pictures.map(({ pixels }) => pixels));
  const pixels = new Uint32Array(rgba.buffer).subarray(MAX_COLOURS);
  // An even step would miss every second column of a picture of even width.
  const step = Math.ceil(pixels.length / MAX_PALETTE_PIXELS) | 1;
  const length = Math.ceil(pixels.length / step);
  const picked = Uint32Array.from({ length }, (_, i) => pixels[i * step] as number);
  const palette = gifenc.quantize(new Uint8Array(picked.buffer), MAX_COLOURS);
  // gifenc gives colours that share their highest 5 or 6 bits the index of the first one. The
  // palette comes first, so that no odd pixel decides for paper.
  rgba.set(addAlpha(Uint8Array.from(palette.flat())));
  const indices = gifenc.applyPalette(rgba, palette).subarray(MAX_COLOURS);
  const size = pixels.length / pictures.length;
  return {
    palette,
    transparentIndex: -1,
    frames: pictures.map((_, i) => indices.subarray(i * size, (i + 1) * size)),
  };
}

const PALETTE_ROOM = new Uint8Array(3 * MAX_COLOURS);
