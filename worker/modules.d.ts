/** Types of two packages, and of files that the bundler reads by wrangler's module rules. */
declare module '*.wasm' {
  const compiled: WebAssembly.Module;
  export default compiled;
}

declare module '*.bin' {
  const bytes: ArrayBuffer;
  export default bytes;
}

declare module 'oled-font-5x7' {
  const font: {
    readonly width: number;
    readonly height: number;
    /** One byte for each column of a glyph. */
    readonly fontData: number[];
    /** The characters, in the order of `fontData`. */
    readonly lookup: string[];
  };
  export default font;
}

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
      readonly transparent?: boolean;
      readonly transparentIndex?: number;
    }
    interface Encoder {
      /** @param indices  The index of each pixel in the palette. */
      writeFrame(indices: Uint8Array, width: number, height: number, options?: FrameOptions): void;
      finish(): void;
      bytes(): Uint8Array;
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

/** What dev/build/page.ts has made of `page/`: URLs by role. */
declare module 'page-files' {
  const files: {
    readonly page: string;
    /** The script that draws in the browser, a worker. */
    readonly painter: string;
    readonly style: string;
    /** The GIF of the training of the model that ships, and a picture of what it came to. */
    readonly progress: string;
    readonly samples: string;
    readonly bytes: {
      /** Compressed, with all that it loads but the model. */
      readonly painter: number;
      readonly progress: number;
      readonly samples: number;
    };
    /** From the card of the model that ships. */
    readonly quality: {
      readonly model: string;
      readonly figures: readonly {
        readonly name: string;
        readonly value: string;
        readonly real: string;
      }[];
    };
  };
  export default files;
}
