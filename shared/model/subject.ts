/** The subject of a model's pictures, in words. Pure. */

/** Names of one picture and of several, such as "flag" and "flags". */
export interface Subject {
  readonly one: string;
  readonly many: string;
}

/** The subject of a manifest that names none. */
export const HANDWRITTEN_DIGITS: Subject = { one: 'handwritten digit', many: 'handwritten digits' };

/** Names a picture with its article: "A flag", "An emoji". */
export function nameOne({ one }: Subject): string {
  return `${/^[aeiou]/i.test(one) ? 'An' : 'A'} ${one}`;
}

/** Whether the classes include every digit by its name, so that numbers can be written. */
export function hasDigits(classes: readonly string[]): boolean {
  return [...'0123456789'].every((digit) => classes.includes(digit));
}
