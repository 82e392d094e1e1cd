/** Puts what a document’s references stand for in their places. */
export function resolveReferences<T extends object>(document: T): T {
  const resolve = (node: unknown): unknown => {
    if (Array.isArray(node)) {
      return node.map(resolve);
    }
    if (typeof node !== 'object' || node === null) {
      return node;
    }
    if ('$ref' in node && typeof node.$ref === 'string') {
      const keys = node.$ref.slice('#/'.length).split('/');
      return resolve(
        keys.reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], document),
      );
    }
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, resolve(value)]));
  };
  return resolve(document) as T;
}
