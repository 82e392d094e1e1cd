/** Lays out a sheet. Pure and without dependencies: the client package contains it. */

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface SheetLayout {
  /** Samples in a row, >= 1. */
  readonly cols: number;
  /** Output pixels for each side of a sample's pixel, >= 1. */
  readonly scale: number;
  /** Pixels of paper between samples, >= 0; default 0. */
  readonly gap?: number;
  /** Pixels of paper around the sheet, >= 0; default 0. */
  readonly margin?: number;
  /** Enlarges by cubic convolution instead of squares. */
  readonly smooth?: boolean;
}

/** The default number of columns: the smallest square that holds all samples. */
export function chooseCols(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

export function measureSheet(sample: Size, count: number, layout: SheetLayout): Size {
  const { cols, scale, gap = 0, margin = 0 } = layout;
  const columns = Math.min(cols, count);
  const rows = Math.ceil(count / cols);
  return {
    width: 2 * margin + columns * sample.width * scale + (columns - 1) * gap,
    height: 2 * margin + rows * sample.height * scale + (rows - 1) * gap,
  };
}

/** Computes the top left corner of sample `i`. */
export function locateSample(
  sample: Size,
  i: number,
  { cols, scale, gap = 0, margin = 0 }: SheetLayout,
): { left: number; top: number } {
  return {
    left: margin + (i % cols) * (sample.width * scale + gap),
    top: margin + Math.floor(i / cols) * (sample.height * scale + gap),
  };
}
