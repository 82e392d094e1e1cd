/**
 * Declarations that teach a framework's JSX the element `<digit-mint>`. The frameworks are no
 * dependencies, so each has an entry of its own, which only its users import.
 */

/** How a framework types the attributes that every element has, and the element's events. */
const FRAMEWORKS = {
  react: {
    module: 'react',
    all: 'React.DetailedHTMLProps<React.HTMLAttributes<DigitMintElement>, DigitMintElement>',
    imports: "import type * as React from 'react';",
    event: (name: string) => `on${name}`,
  },
  preact: {
    module: 'preact',
    all: 'HTMLAttributes<DigitMintElement>',
    imports: "import type { HTMLAttributes } from 'preact';",
    event: (name: string) => `on${name}`,
  },
  solid: {
    module: 'solid-js',
    all: 'JSX.HTMLAttributes<DigitMintElement>',
    imports: "import type { JSX } from 'solid-js';",
    event: (name: string) => `on:${name}`,
  },
};

/** @returns  Declarations by the names of their files; imports end in .ts as in the sources. */
export function writeJsxTypes(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(FRAMEWORKS).map(([name, framework]) => [name, writeDeclaration(framework)]),
  );
}

function writeDeclaration({ module, all, imports, event }: (typeof FRAMEWORKS)['react']): string {
  return `${imports}
import type { DigitMintAttributes, DigitMintElement, DigitMintErrorDetail } from './element.ts';
export * from './element.ts';
interface Events {
    readonly '${event('load')}'?: ((event: Event) => void) | undefined;
    readonly '${event('error')}'?: ((event: CustomEvent<DigitMintErrorDetail>) => void) | undefined;
}
type Own = DigitMintAttributes & Events;
declare module '${module}' {
    namespace JSX {
        interface IntrinsicElements {
            'digit-mint': Own & Omit<${all}, keyof Own>;
        }
    }
}
`;
}
