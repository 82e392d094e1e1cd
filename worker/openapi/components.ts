/** What several operations of the OpenAPI document share. */
import type { Json } from './schemas.ts';

type Section = 'schemas' | 'parameters' | 'headers' | 'responses' | 'examples';

/** Collects the shared parts of a document, and refers to them. */
export class Components {
  readonly sections: Record<Section, Record<string, Json>> = {
    schemas: {},
    parameters: {},
    headers: {},
    responses: {},
    examples: {},
  };

  /**
   * Refers to a part, which is added under the first name that is free or that has an equal part.
   * @throws Error  When all names are taken by other parts.
   */
  share(section: Section, names: readonly string[], part: Json): { readonly $ref: string } {
    const parts = this.sections[section];
    const text = JSON.stringify(part);
    const name = names.find((each) => {
      const other = parts[each];
      return other === undefined || JSON.stringify(other) === text;
    });
    if (name === undefined) {
      throw new Error(`expected a free name among ${names.join(', ')} of ${section}`);
    }
    parts[name] ??= part;
    return { $ref: `#/components/${section}/${name}` };
  }
}
