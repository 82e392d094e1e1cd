/** Parts of the schemas for content of files and storage, and messages about faults. */
import * as v from 'valibot';
import { shorten } from './text.ts';

// Text from a file is not repeated: it may be long, or hold control characters.
v.setGlobalMessage(({ expected, received, input }) => {
  if (expected === 'never') {
    return 'unknown key';
  }
  if (input === undefined) {
    return 'missing';
  }
  return `expected ${expected}${typeof input === 'string' ? '' : `, received ${received}`}`;
});

/** A whole number that float64 holds exactly. */
export function wholeSchema(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER) {
  return v.pipe(v.number(), v.integer('expected a whole number'), v.minValue(min), v.maxValue(max));
}

/** A number of JSON. `1e999` is none: JavaScript reads it as infinite. */
export const numberSchema = v.pipe(v.number(), v.finite('expected a finite number'));

/** A text of a pattern, which the message describes. */
export function matchSchema(pattern: RegExp, message: string) {
  return v.pipe(v.string(), v.regex(pattern, message));
}

/** A moment in UTC as ISO 8601, with seconds. */
export const momentSchema = v.pipe(
  v.string(),
  v.isoTimestamp('expected a moment in UTC as ISO 8601'),
  v.endsWith('Z', 'expected a moment in UTC as ISO 8601'),
);

/** @returns  The value, checked. @throws Error  Its message names the place and the difference. */
export function parseAs<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const { success, output, issues } = v.safeParse(schema, value);
  if (!success) {
    throw new Error(describeIssues(issues));
  }
  return output;
}

/**
 * An object whose keys are data, such as names of models. valibot's own `record` takes arrays, and
 * leaves out the keys `constructor` and `prototype`.
 */
export function recordSchema<V>(
  keySchema: v.GenericSchema<string>,
  valueSchema: v.GenericSchema<unknown, V>,
) {
  return v.pipe(
    v.custom<Readonly<Record<string, unknown>>>(
      (input) => typeof input === 'object' && input !== null && !Array.isArray(input),
      'expected an object',
    ),
    v.rawTransform(({ dataset: { value: input }, addIssue }): Record<string, V> => {
      const entries: [string, V][] = [];
      for (const [key, value] of Object.entries(input)) {
        const [name, checked] = [v.safeParse(keySchema, key), v.safeParse(valueSchema, value)];
        const place = { type: 'object', origin: 'value', input, key, value } as const;
        for (const { message, path = [] } of [...(name.issues ?? []), ...(checked.issues ?? [])]) {
          addIssue({ message, path: [place, ...path] });
        }
        if (checked.success) {
          entries.push([key, checked.output]);
        }
      }
      return Object.fromEntries(entries);
    }),
  );
}

const MAX_DETAIL_LENGTH = 500;

/** Replaces control characters, which could change what a terminal shows. */
export function hideControls(text: string): string {
  return text.replace(/\p{Cc}/gu, '\uFFFD');
}

/** The same for a text of several lines. */
export function hideControlsInLines(text: string): string {
  return text.split('\n').map(hideControls).join('\n');
}

/** Tells where a value differs from its schema, and how. */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  const text = hideControls(
    issues.map((issue) => `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}`).join('; '),
  );
  return shorten(text, MAX_DETAIL_LENGTH);
}
