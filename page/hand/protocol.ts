/** The messages between the page `/hand` and the worker that reads and draws. */
import type { GreyPicture } from '../../shared/hand/ink-map.ts';

/** Grey pictures side by side or one: row-major, 0 for paper to 255. */
export interface Drawn {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** A digit on the canvas. Without a label the encoder guesses its class. */
export interface DrawnDigit {
  readonly picture: GreyPicture;
  readonly label: number | undefined;
}

/** A hand, and what it draws. */
export interface Written {
  /** The text for `hand=`. */
  readonly hand: string;
  /** The label and the certainty of each digit that was read, in order. */
  readonly read: readonly { readonly label: number; readonly certainty: number }[];
  /** Of 255: see `Reading.error`. */
  readonly error: number;
  /** One picture for each class, in order. */
  readonly digits: readonly Drawn[];
}

/** Why there is no hand, as a sentence about the last digit. */
interface Unread {
  readonly fault: string;
}

export interface Tasks {
  /** Loads a published model and its encoder. */
  open: {
    readonly ask: { readonly name: string; readonly version: string };
    readonly answer: null;
  };
  /** Reads the digits of one hand. */
  read: { readonly ask: readonly DrawnDigit[]; readonly answer: Written | Unread };
  /** Improves the hand that was read last, by one step. */
  improve: { readonly ask: null; readonly answer: Written };
  /** Writes a number in the hand that was read last, as the API does, enlarged by 4. */
  write: { readonly ask: { readonly number: string }; readonly answer: Drawn };
}
