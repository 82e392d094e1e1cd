/**
 * The canonical URL of an answer: equal digits in an equal format have equal URLs. The server names
 * its answers by it, and the client writes the same. Without dependencies.
 */
import type { RouteName } from './formats.ts';
import { ROUTES, type Parameter, type Texts } from './parameters.ts';

/** The parameters of a route by name, in the order of its canonical URLs. */
export function listParameters(route: RouteName): [name: string, parameter: Parameter][] {
  return Object.entries(ROUTES[route]);
}

/** Whether a parameter has an effect in a format. */
export function hasEffect({ formats }: Parameter, format: string): boolean {
  return formats?.includes(format) !== false;
}

/** Names the given parameters that have no effect in a format. */
export function listWithoutEffect(
  route: RouteName,
  given: Readonly<Record<string, unknown>>,
  format: string,
): string[] {
  return listParameters(route)
    .filter(([name, parameter]) => given[name] !== undefined && !hasEffect(parameter, format))
    .map(([name]) => name);
}

/** @returns  The text that the parameter may be left out for; undefined without a default. */
export function findDefault(parameter: Parameter, texts: Texts): string | undefined {
  return typeof parameter.default === 'function' ? parameter.default(texts) : parameter.default;
}

/**
 * Writes path and query. Parameters stand in the table's order; those that change nothing are left
 * out.
 */
export function writeUrl(route: RouteName, path: string, format: string, texts: Texts): string {
  const pairs: string[] = [];
  for (const [name, parameter] of listParameters(route)) {
    const text = texts[name];
    const isTold =
      text !== undefined &&
      parameter.transient !== true &&
      hasEffect(parameter, format) &&
      (parameter.stated === true || text !== findDefault(parameter, texts)) &&
      parameter.isIdle?.(texts, format) !== true;
    if (isTold) {
      // A query may hold the @ of name@version as it is (RFC 3986, section 3.4).
      pairs.push(`${name}=${parameter.kind === 'model' ? text : encodeURIComponent(text)}`);
    }
  }
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
}
