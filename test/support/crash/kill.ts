/**
 * The shared part of the kill tests: runs programs, kills them repeatedly at random points, and
 * collects the damage.
 */
import type { Dice } from '../dice.ts';

/** The outcome of one run or publication that was killed several times. */
export interface KillReport {
  readonly kills: number;
  /** Describes each loss; empty when nothing was lost. */
  readonly faults: readonly string[];
  /** The point of each kill. */
  readonly where: readonly string[];
}

export interface Killer {
  readonly name: string;
  kill(dice: Dice): Promise<KillReport>;
  close(): Promise<void>;
}
