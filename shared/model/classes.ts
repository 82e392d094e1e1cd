/** Maps a caller's `label` to a class of the model, by name or by number. Pure. */

/** Limits of a manifest's class names. A label is one byte. */
export const CLASS_LIMITS = { classes: 256, nameLength: 64 } as const;

/** True without control characters and lone surrogates, which URLs and pages cannot hold. */
export function isPrintable(name: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(name);
}

/** Class names that an error lists. */
const MAX_LISTED = 20;

/**
 * Finds a label by its class's name, else by its number in decimal digits. The name comes first, so
 * that "7" finds the class named 7 even among the classes "5", "6", "7". Equal texts may have other
 * characters, as an é that is one character or two: they are compared in Unicode's form NFC.
 */
export function findClass(classes: readonly string[], text: string): number | undefined {
  const exact = classes.indexOf(text);
  const normal = text.normalize();
  const named = exact >= 0 ? exact : classes.findIndex((name) => name.normalize() === normal);
  if (named >= 0) {
    return named;
  }
  const number = /^(?:0|[1-9][0-9]{0,2})$/.test(text) ? Number(text) : Infinity;
  return number < classes.length ? number : undefined;
}

/** Lists the accepted labels for an error: "0 to 9", or "cat, dog (or 0 to 1)". */
export function describeClasses(classes: readonly string[]): string {
  return areNumbers(classes)
    ? listClasses(classes)
    : `${listClasses(classes)} (or 0 to ${classes.length - 1})`;
}

/** Lists at least one class: "0 to 9", or "cat, dog", or the first 20 names "and 5 more". */
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
