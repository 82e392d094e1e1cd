declare module 'mnist' {
  interface Digit {
    /** The pixels of all images of the digit, 0..1. */
    readonly raw: readonly number[];
    /** The number of images. */
    readonly length: number;
  }
  /** By digit, 0 to 9. */
  const digits: Readonly<Record<number, Digit>>;
  export default digits;
}
