/**
 * The classes of a model by name and by number: how a caller's `label` is understood, offline and at the edge. Pure.
 */

/** Bounds of a manifest's class names; a label is a byte. */
export const CLASS_LIMITS = { classes: 256, nameLength: 64 } as const;

/** Whether a name has no control character and no half of a surrogate pair, which no URL and no page can hold. */
export function isPrintable(name: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(name);
}

/** Class names that an error lists. */
const MAX_LISTED = 20;

/**
 * Finds the class that a caller means: the one of exactly that name, else the one of that number. The name comes first,
 * so that 7 is the class "7" even in a model of the classes "5", "6", "7".
 *
 * @param classes  A name for each label, in order; empty without classes.
 * @param text     A class's name, or its number from 0 in plain decimal digits.
 * @returns        The label; undefined when there is no such class.
 */
export function findClass(classes: readonly string[], text: string): number | undefined {
  const named = classes.indexOf(text);
  if (named >= 0) {
    return named;
  }
  const number = /^(?:0|[1-9][0-9]{0,2})$/.test(text) ? Number(text) : Infinity;
  return number < classes.length ? number : undefined;
}

/** Says which labels a model takes, for errors: "0 to 9", or "cat, dog (or 0 to 1)". @param classes  At least one. */
export function describeClasses(classes: readonly string[]): string {
  return areNumbers(classes)
    ? listClasses(classes)
    : `${listClasses(classes)} (or 0 to ${classes.length - 1})`;
}

/** Names the classes: "0 to 9", or "cat, dog", some of them where there are many. @param classes  At least one. */
export function listClasses(classes: readonly string[]): string {
  if (areNumbers(classes)) {
    return `0 to ${classes.length - 1}`;
  }
  const more = classes.length > MAX_LISTED ? ` and ${classes.length - MAX_LISTED} more` : '';
  return `${classes.slice(0, MAX_LISTED).join(', ')}${more}`;
}

function areNumbers(classes: readonly string[]): boolean {
  return classes.every((name, label) => name === String(label));
}
