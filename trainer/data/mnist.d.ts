declare module 'mnist' {
  /** For each digit, 0 to 9: the pixels of all its images, 0..1, and the number of images. */
  const digits: Readonly<Record<number, { raw: readonly number[]; length: number }>>;
  export default digits;
}
