/** Documents that only differ in the service's origin. */

/** Stands for the origin. It needs no escaping in any format. */
export const PLACEHOLDER = 'https://origin-of-this-service.invalid';

/**
 * Builds a document at its first request only, and puts each request's origin into it. Nothing is
 * kept for an origin, because the Host header is the caller's.
 * @param escape  Escapes the origin for the format: a host name may hold quotes.
 */
export function createDocument(
  build: (origin: string) => string,
  escape: (origin: string) => string = (origin) => origin,
): (origin: string) => string {
  let parts: readonly string[] | undefined;
  return (origin) => {
    parts ??= build(PLACEHOLDER).split(PLACEHOLDER);
    return parts.join(escape(origin));
  };
}
