/** The decoder of jpeg-js alone: its index has the encoder too, which is half of its size. */
declare module 'jpeg-js/lib/decoder.js' {
  export default function decode(
    bytes: Uint8Array,
    options: {
      readonly useTArray: true;
      readonly formatAsRGBA: false;
      readonly maxResolutionInMP: number;
      readonly maxMemoryUsageInMB: number;
    },
  ): { readonly width: number; readonly height: number; readonly data: Uint8Array };
}

/** Types of gifenc, which has none. The worker and the trainer import it by this path. */
declare module 'gifenc/dist/gifenc.js' {
  namespace gifenc {
    type Palette = readonly (readonly [red: number, green: number, blue: number])[];
    interface FrameOptions {
      /** Required for the first frame, and then used for all. */
      readonly palette?: Palette;
      /** How long the frame stands, in milliseconds; rounded to ten. */
      readonly delay?: number;
      /** 0: for ever, -1: once. First frame only. */
      readonly repeat?: number;
      /** Bits of an index, 2..8; default 8. */
      readonly colorDepth?: number;
      readonly transparent?: boolean;
      readonly transparentIndex?: number;
    }
    interface Encoder {
      /** @param indices  The index of each pixel in the palette. */
      writeFrame(indices: Uint8Array, width: number, height: number, options?: FrameOptions): void;
      finish(): void;
      bytes(): Uint8Array;
      /** The bytes so far, not copied. */
      bytesView(): Uint8Array;
    }
  }
  const gifenc: {
    GIFEncoder(): gifenc.Encoder;
    /** Chooses at most `maxColors` colours for [pixels, 4]. */
    quantize(rgba: Uint8Array, maxColors: number): gifenc.Palette;
    /** Returns the index of the nearest colour for each pixel of [pixels, 4]. */
    applyPalette(rgba: Uint8Array, palette: gifenc.Palette): Uint8Array;
  };
  export default gifenc;
}
