/**
 * Hostile texts for parameters and paths, each of which once passed a check somewhere. They are
 * percent-encoded, because some are not valid text.
 */

/** The name of an injected element or attribute, which must never appear as one. */
export const MARK = 'x-hostile';

const encode = encodeURIComponent;

/** The texts, by the attack that they try. */
export const HOSTILE_TEXTS: Readonly<Record<string, string>> = {
  'an element': encode(`<${MARK}>`),
  'a script out of an attribute': encode(`"><script ${MARK}>alert(1)</script>`),
  'a script out of a title': encode(`</title><script ${MARK}>alert(1)</script>`),
  'a handler with double quotes': encode(`" onload="${MARK}" x="`),
  'a handler with single quotes': encode(`' onload='${MARK}' x='`),
  'a handler without quotes': encode(`x onload=${MARK}`),
  'a picture that fails': encode(`<img src=x onerror=${MARK}>`),
  'an end of CDATA': encode(`]]><${MARK}/>`),
  'an end of a comment': encode(`--><${MARK}/>`),
  'an entity': encode('&lt;&#60;&unknown;&'),
  'a document type': encode('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>&b;'),
  'an end of a string': encode('"],"evil":["'),
  'a backslash': '%5C%22%5C',
  'a header': 'a%0D%0AX-Hostile:%20yes%0D%0A%0D%0Abody',
  'a line feed alone': 'a%0AX-Hostile:%20yes',
  'a NUL': 'a%00b',
  'control characters': '%01%02%1B%5B31m%7F',
  'text from right to left': encode('\u202Eabc\u2066'),
  'line separators': encode('\u2028\u2029'),
  emoji: encode('😀👩‍👩‍👧‍👦'.repeat(4)),
  'accents without end': encode(`a${'\u0301'.repeat(100)}`),
  'half a character': '%ED%A0%80',
  'bytes that are no text': '%FF%FE',
  'a percent sign alone': '%',
  'percent-encoding that ends early': '%E0%A4',
  'the prototype': '__proto__',
  'a constructor': 'constructor',
  'what every object has': 'toString',
  'a path upwards': '..%2F..%2Fetc%2Fpasswd',
  'a path upwards, encoded twice': '%252e%252e%252f',
  'a path with backslashes': '..%5C..%5C',
  'a template': encode('${7*7}{{7*7}}<%= 7*7 %>'),
  'a script’s address': encode('javascript:alert(1)'),
  'another address': encode('//evil.example/'),
  'a very long text': 'A'.repeat(3000),
};
