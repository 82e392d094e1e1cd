declare module 'mnist' {
  interface Digit {
    /** Pixels of the digit's images one after the other, 0..1. */
    readonly raw: readonly number[];
    /** How many images that are. */
    readonly length: number;
  }
  /** By digit, 0 to 9. */
  const digits: Readonly<Record<number, Digit>>;
  export default digits;
}
