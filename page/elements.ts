/** Access to the page's elements. */

/** Finds an element by its id. @throws Error  When the element is missing or of another kind. */
export function find<T extends Element>(id: string, kind: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) {
    throw new Error(`the page has no ${kind.name} #${id}`);
  }
  return element;
}

/** Shows a text; hides the element without one. */
export function showText(element: HTMLElement, text: string): void {
  element.textContent = text;
  element.hidden = text === '';
}

/**
 * Whether a pointer presses its main button. Ctrl+click opens a menu on macOS, and no release
 * follows.
 */
export function isPress({ button, ctrlKey }: PointerEvent): boolean {
  return button === 0 && !ctrlKey;
}

/** Hides the text for pages without scripts, and shows the parts that need a script. */
export function markReady(): void {
  document.documentElement.dataset['ready'] = '';
  for (const note of document.querySelectorAll<HTMLElement>('.needs-script')) {
    note.hidden = true;
  }
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(tag), properties);
}
