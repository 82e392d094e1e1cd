import { describe, expect, it } from 'vitest';
import { describeClasses, findClass, listClasses } from '../../../shared/model/classes.ts';

const DIGITS = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

describe('a label', () => {
  it.each<[readonly string[], string, number | undefined]>([
    [DIGITS, '7', 7],
    [DIGITS, '10', undefined],
    [['cat', 'dog'], 'dog', 1],
    [['cat', 'dog'], '1', 1],
    [['cat', 'dog'], 'Dog', undefined],
    [['cat', 'dog'], '01', undefined],
    [['cat', 'dog'], '-1', undefined],
    [['cat', 'dog'], '1e0', undefined],
    [['cat', 'dog'], '', undefined],
    // Names take precedence over numbers.
    [['5', '0'], '0', 1],
    [['5', '6', '7'], '7', 2],
    [['5', '6', '7'], '1', 1],
    [[], '0', undefined],
    [['toString'], 'constructor', undefined],
    // An é of one character and of two, and both as names of their own.
    [['caf\u00e9', 'the'], 'cafe\u0301', 0],
    [['the', 'cafe\u0301'], 'caf\u00e9', 1],
    [['caf\u00e9', 'cafe\u0301'], 'cafe\u0301', 1],
  ])('of the classes %j: %j has number %s', (classes, text, label) => {
    expect(findClass(classes, text)).toBe(label);
  });

  it('is listed by name, or as the range of numbers', () => {
    expect(listClasses(DIGITS)).toBe('0 to 9');
    expect(listClasses(['cat', 'dog'])).toBe('cat, dog');
  });

  it('is listed in errors by number when the names are numbers, else by name too', () => {
    expect(describeClasses(DIGITS)).toBe('0 to 9');
    expect(describeClasses(['cat', 'dog'])).toBe('cat, dog (or 0 to 1)');
    expect(describeClasses(Array.from({ length: 30 }, (_, i) => `c${i}`))).toMatch(
      /c19 and 10 more \(or 0 to 29\)$/,
    );
  });
});
