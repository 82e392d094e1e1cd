/**
 * What kills: programs of the project at random points, again and again, with a look at what they
 * leave behind.
 */
import type { Dice } from '../dice.ts';

/** What became of one run or publication that was killed some times on its way. */
export interface KillReport {
  readonly kills: number;
  /** What must never be, in words; empty when nothing was lost. */
  readonly faults: readonly string[];
  /** Where each kill hit. */
  readonly where: readonly string[];
}

export interface Killer {
  readonly name: string;
  kill(dice: Dice): Promise<KillReport>;
  close(): Promise<void>;
}
