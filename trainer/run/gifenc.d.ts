declare module 'gifenc' {
  type Palette = readonly (readonly [red: number, green: number, blue: number])[];
  /** The first frame needs a palette; its `repeat: 0` makes the GIF endless. */
  interface FrameOptions {
    readonly palette?: Palette;
    readonly delay?: number; // ms
    readonly repeat?: number;
  }
  const gifenc: {
    GIFEncoder(): {
      /** @param indices  A place in the palette for each pixel. */
      writeFrame(indices: Uint8Array, width: number, height: number, options?: FrameOptions): void;
      finish(): void;
      bytes(): Uint8Array;
    };
    /** Chooses at most `maxColors` colours for [pixels, 4]. */
    quantize(rgba: Uint8Array, maxColors: number): Palette;
    /** Gives the place of the nearest colour for each pixel of [pixels, 4]. */
    applyPalette(rgba: Uint8Array, palette: Palette): Uint8Array;
  };
  export default gifenc;
}
