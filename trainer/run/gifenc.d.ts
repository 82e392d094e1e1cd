declare module 'gifenc' {
  type Palette = readonly (readonly [red: number, green: number, blue: number])[];
  interface FrameOptions {
    /** Needed for the first frame; others may have their own. */
    readonly palette?: Palette;
    /** How long the frame stands, in milliseconds. */
    readonly delay?: number;
    /** 0: for ever. First frame only. */
    readonly repeat?: number;
  }
  interface Encoder {
    /** @param indices  One palette place a pixel. */
    writeFrame(indices: Uint8Array, width: number, height: number, options?: FrameOptions): void;
    finish(): void;
    bytes(): Uint8Array;
  }
  const gifenc: {
    GIFEncoder(): Encoder;
    /** Chooses at most `maxColors` colours for [pixels, 4]. */
    quantize(rgba: Uint8Array, maxColors: number): Palette;
    /** The nearest colour's place for each pixel of [pixels, 4]. */
    applyPalette(rgba: Uint8Array, palette: Palette): Uint8Array;
  };
  export default gifenc;
}
