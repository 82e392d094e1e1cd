/** The canvas on which a visitor writes: strokes of finger, mouse or pen, or a picture. */
import { getStroke } from 'perfect-freehand';
import { MIN_CONTRAST, type GreyPicture } from '../../shared/hand/ink-map.ts';
import { isPress, make } from '../elements.ts';

/** Side of the canvas in its own pixels. */
const SIDE = 336;
/** The pen's width in the same pixels: a digit that fills the canvas has MNIST's line width. */
const PEN = 24;
/** Longest side of an uploaded picture that is read. */
const UPLOADED_SIDE = 640;
/** In the tab's storage: the strokes, so that a reload keeps them. */
const KEPT = 'hand-strokes';

/** x, y and pressure 0..1 */
type Point = [number, number, number];
export type Stroke = readonly (readonly [number, number])[];

interface StrokePad {
  readonly canvas: HTMLCanvasElement;
  /** @returns  undefined without ink. */
  readPicture(): GreyPicture | undefined;
  /** Shows the strokes that the tab had before it was reloaded. */
  restore(): void;
  undo(): void;
  clear(): void;
  /** Shows strokes in place of the visitor's. Points are parts of the side, 0..1. */
  show(strokes: readonly Stroke[]): void;
  /** Shows a picture in place of strokes. Rejects when the browser cannot decode it. */
  showFile(file: Blob): Promise<void>;
}

/** @param onRead  Called after each stroke, and after every other change. */
export function addStrokePad(canvas: HTMLCanvasElement, onRead: () => void): StrokePad {
  canvas.width = canvas.height = SIDE;
  const context = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
  let strokes: { points: Point[]; hasPressure: boolean }[] = [];
  /** No bitmap: of an SVG file without a size there is none, or one of wrong proportions. */
  let uploaded: HTMLImageElement | undefined;
  let pointer: number | undefined;
  /** Counts what replaces the drawing: a picture that an older choice decodes is not shown. */
  let choice = 0;

  const onChange = (): void => {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(strokes));
    } catch {
      // A browser may forbid or limit storage. Then a reload clears the canvas.
    }
    onRead();
  };

  /** Paints ink in black, to which the style sheet gives the page's colour. */
  function paint(): void {
    context.clearRect(0, 0, SIDE, SIDE);
    canvas.toggleAttribute('data-picture', uploaded !== undefined);
    if (uploaded !== undefined) {
      const scale = SIDE / Math.max(uploaded.naturalWidth, uploaded.naturalHeight);
      const [width, height] = [uploaded.naturalWidth * scale, uploaded.naturalHeight * scale];
      context.drawImage(uploaded, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
    }
    for (const { points, hasPressure } of strokes) {
      const thinning = hasPressure ? 0.5 : 0;
      const options = { size: PEN, thinning, streamline: 0.35, simulatePressure: false };
      context.fill(traceOutline(getStroke(points, options) as [number, number][]));
    }
  }

  function locate({ clientX, clientY, pressure }: PointerEvent): Point {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return [((clientX - left) * SIDE) / width, ((clientY - top) * SIDE) / height, pressure];
  }

  canvas.addEventListener('pointerdown', (event) => {
    if (pointer !== undefined || !isPress(event)) {
      return;
    }
    event.preventDefault();
    choice++;
    canvas.setPointerCapture(event.pointerId);
    pointer = event.pointerId;
    if (uploaded !== undefined) {
      uploaded = undefined;
      strokes = [];
    }
    strokes.push({ points: [locate(event)], hasPressure: event.pointerType === 'pen' });
    paint();
  });
  const end = (event: PointerEvent): void => {
    if (event.pointerId === pointer) {
      pointer = undefined;
      onChange();
    }
  };
  canvas.addEventListener('pointermove', (event) => {
    if (event.buttons === 0) {
      end(event); // The browser did not tell of the release.
    } else if (event.pointerId === pointer) {
      const passed = event.getCoalescedEvents?.() ?? [];
      strokes.at(-1)?.points.push(...(passed.length > 0 ? passed : [event]).map(locate));
      paint();
    }
  });
  canvas.addEventListener('pointerup', end);
  canvas.addEventListener('pointercancel', (event) => {
    if (event.pointerId === pointer) {
      strokes.pop(); // The system took the hand that rests on the screen for a finger.
      paint();
    }
    end(event);
  });

  function replace(next: typeof strokes, picture?: HTMLImageElement): void {
    choice++;
    pointer = undefined; // A stroke that another finger undoes has ended.
    strokes = next;
    uploaded = picture;
    paint();
    onChange();
  }

  return {
    canvas,
    readPicture() {
      if (uploaded !== undefined) {
        return readImage(uploaded);
      }
      if (strokes.length === 0) {
        return undefined;
      }
      const { data } = context.getImageData(0, 0, SIDE, SIDE);
      const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, i) => data[4 * i + 3] as number);
      return { width: SIDE, height: SIDE, pixels };
    },
    restore() {
      try {
        const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? '[]') as typeof strokes;
        if (kept.length > 0) {
          replace(kept);
        }
      } catch {
        // No storage, or not ours: the canvas stays empty.
      }
    },
    undo: () => replace(uploaded === undefined ? strokes.slice(0, -1) : []),
    clear: () => replace([]),
    show: (given) =>
      replace(
        given.map((points) => ({
          points: points.map(([x, y]): Point => [x * SIDE, y * SIDE, 0.5]),
          hasPressure: false,
        })),
      ),
    async showFile(file) {
      const own = ++choice;
      const image = make('img', { src: URL.createObjectURL(file) });
      await image.decode().finally(() => URL.revokeObjectURL(image.src));
      readImage(image); // Throws where browsers forbid it, as for an SVG file with HTML in it.
      if (own === choice) {
        replace([], image);
      }
    },
  };
}

/** Joins the middles of an outline's sides by curves, whose control points are its corners. */
function traceOutline(outline: readonly [number, number][]): Path2D {
  const path = new Path2D();
  outline.forEach(([x, y], i) => {
    const [nextX, nextY] = outline[(i + 1) % outline.length] as [number, number];
    const middle = [(x + nextX) / 2, (y + nextY) / 2] as const;
    if (i === 0) {
      path.moveTo(...middle);
    } else {
      path.quadraticCurveTo(x, y, ...middle);
    }
  });
  path.closePath();
  return path;
}

/** Reads a picture as grey, with white paper below transparency, or black when it has white ink. */
function readImage(image: HTMLImageElement): GreyPicture {
  const { naturalWidth, naturalHeight } = image;
  const scale = Math.min(1, UPLOADED_SIDE / Math.max(naturalWidth, naturalHeight));
  const width = Math.max(1, Math.round(naturalWidth * scale));
  const height = Math.max(1, Math.round(naturalHeight * scale));
  const read = (paper: string): Uint8Array => {
    const context = new OffscreenCanvas(width, height).getContext(
      '2d',
    ) as OffscreenCanvasRenderingContext2D;
    context.fillStyle = paper;
    context.fillRect(0, 0, width, height);
    context.drawImage(image, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    return Uint8Array.from({ length: width * height }, (_, i) => {
      const [r, g, b] = data.subarray(4 * i, 4 * i + 3) as unknown as [number, number, number];
      return (77 * r + 150 * g + 29 * b + 128) >> 8;
    });
  };
  const pixels = read('#fff');
  const isBlank = pixels.every((value) => value > 255 - MIN_CONTRAST);
  return { width, height, pixels: isBlank ? read('#000') : pixels };
}
