/**
 * Where samples lie on a sheet, and how large it is. Pure, and without dependencies: the client measures pictures by it.
 */

/** How a sheet is laid out. */
export interface SheetLayout {
  /** Samples a row, >= 1. */
  readonly cols: number;
  /** Side of the square, in pixels, that each of a sample's pixels becomes; >= 1. */
  readonly scale: number;
  /** Pixels of paper between neighbours, >= 0; default 0. */
  readonly gap?: number;
  /** Pixels of paper around all, >= 0; default 0. */
  readonly margin?: number;
  /** Enlarges by cubic convolution in place of squares. */
  readonly smooth?: boolean;
}

/** Columns for `count` samples when none are asked for: the smallest square that holds them. */
export function chooseCols(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

/** Size in pixels of the sheet that `buildSheet` would make. */
export function measureSheet(
  sample: { height: number; width: number },
  count: number,
  layout: SheetLayout,
): { width: number; height: number } {
  const { cols, scale, gap = 0, margin = 0 } = layout;
  const columns = Math.min(cols, count);
  const rows = Math.ceil(count / cols);
  return {
    width: 2 * margin + columns * sample.width * scale + (columns - 1) * gap,
    height: 2 * margin + rows * sample.height * scale + (rows - 1) * gap,
  };
}

/** Where the top left corner of sample `i` lies on a sheet. */
export function locateSample(
  sample: { height: number; width: number },
  i: number,
  { cols, scale, gap = 0, margin = 0 }: SheetLayout,
): { left: number; top: number } {
  return {
    left: margin + (i % cols) * (sample.width * scale + gap),
    top: margin + Math.floor(i / cols) * (sample.height * scale + gap),
  };
}
