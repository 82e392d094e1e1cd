declare module 'gifenc' {
  type Palette = readonly (readonly [red: number, green: number, blue: number])[];
  interface FrameOptions {
    /** Needed for the first frame. */
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
  const gifenc: { GIFEncoder(): Encoder };
  export default gifenc;
}
