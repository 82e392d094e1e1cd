/**
 * Numbers and lists in words. Pure.
 */
import { ARMS, type ArmName } from './arms.ts';
import type { Summary } from './analysis.ts';

/** An arm's title inside a sentence. */
export function nameArm(name: ArmName): string {
  return ARMS[name].title;
}

/** "a", "a and b", "a, b and c". */
export function joinWords(words: readonly string[]): string {
  return words.length < 2
    ? (words[0] ?? '')
    : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

/** Three significant digits. The spread of the seeds supports no more. */
export function formatFigure(value: number): string {
  if (!Number.isFinite(value)) {
    return '–';
  }
  const size = Math.abs(value);
  if (size >= 99.95) {
    return Math.round(value).toLocaleString('en');
  }
  // The rounded number decides: 0.9999 is 1.00.
  return value.toFixed(size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

/** A mean with its spread. A single run has no spread. */
export function formatSummary({ mean, deviation, count }: Summary): string {
  return count > 1 ? `${formatFigure(mean)} ± ${formatFigure(deviation)}` : formatFigure(mean);
}

/** "1 step", "2,000 steps". */
export function countOf(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
