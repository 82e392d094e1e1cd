declare module 'gifenc' {
  type Palette = readonly (readonly [red: number, green: number, blue: number])[];
  interface FrameOptions {
    /** Required for the first frame; later frames may have their own. */
    readonly palette?: Palette;
    /** Milliseconds. */
    readonly delay?: number;
    /** 0: endless. First frame only. */
    readonly repeat?: number;
  }
  interface Encoder {
    /** @param indices  A place in the palette for each pixel. */
    writeFrame(indices: Uint8Array, width: number, height: number, options?: FrameOptions): void;
    finish(): void;
    bytes(): Uint8Array;
  }
  const gifenc: {
    GIFEncoder(): Encoder;
    /** Chooses at most `maxColors` colours for [pixels, 4]. */
    quantize(rgba: Uint8Array, maxColors: number): Palette;
    /** Gives the place of the nearest colour for each pixel of [pixels, 4]. */
    applyPalette(rgba: Uint8Array, palette: Palette): Uint8Array;
  };
  export default gifenc;
}
