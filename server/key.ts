/** Parts joined by '/', each starting and ending with a letter or digit, as publishing makes them. */
const KEY = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?(?:\/[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)*$/;

/**
 * True for a key that can become a path or a URL as it is: nothing that leads upwards, nothing hidden, nothing to escape. A
 * request names models and files, and a bucket's binding would take any name.
 */
export function isPlainKey(key: string): boolean {
  return key.length <= 512 && KEY.test(key);
}
