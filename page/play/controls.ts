/** The playground's form: reads and fills its controls, and shows errors beside them. */
import { showText } from '../elements.ts';
import type { Fault, PlayRequest } from './request.ts';

/** Reads the form, without empty controls and those that the route does not have. */
export function readRequest(form: HTMLFormElement): PlayRequest {
  const data = new FormData(form);
  const route = data.get('route') === 'number' ? 'number' : 'digit';
  const read = (name: string) => {
    const value = data.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  const parameters = listFields(form, route)
    .map((name) => [name, read(name)] as const)
    .filter(([name, value]) => value !== '' && name !== 'format' && name !== 'digits');
  return { route, digits: read('digits'), format: read('format'), parameters };
}

function listFields(form: HTMLFormElement, route: string): string[] {
  return [...form.querySelectorAll<HTMLElement>('[data-parameter]')]
    .filter((field) => (field.dataset['modes'] ?? '').split(' ').includes(route))
    .map((field) => field.dataset['parameter'] ?? '');
}

/** Shows the fields of a route and hides the others. */
export function showRoute(form: HTMLFormElement, route: PlayRequest['route']): void {
  const taken = new Set(listFields(form, route));
  for (const field of form.querySelectorAll<HTMLElement>('[data-parameter]')) {
    field.hidden = !taken.has(field.dataset['parameter'] ?? '');
  }
}

/** Fills every control from a query. `digits` selects the route /number. */
export function fillForm(form: HTMLFormElement, query: URLSearchParams): void {
  for (const element of form.elements) {
    if (element instanceof HTMLInputElement && element.type === 'radio') {
      const wanted =
        element.name === 'route'
          ? query.has('digits')
            ? 'number'
            : 'digit'
          : (query.get(element.name) ?? '');
      element.checked = element.value === wanted;
    } else if (element instanceof HTMLInputElement && element.type === 'checkbox') {
      element.checked = query.get(element.name) === element.value;
    } else if (element instanceof HTMLSelectElement) {
      element.value = query.get(element.name) ?? element.options[0]?.value ?? '';
    } else if (element instanceof HTMLInputElement && element.name !== '') {
      element.value = query.get(element.name) ?? '';
    }
  }
}

/** Shows the colours of the text fields in the colour pickers beside them. */
export function matchSwatches(form: HTMLFormElement): void {
  for (const swatch of form.querySelectorAll<HTMLInputElement>('[data-swatch]')) {
    const text = form.elements.namedItem(swatch.dataset['swatch'] ?? '');
    if (text instanceof HTMLInputElement) {
      const colour = text.value === '' ? text.placeholder : text.value.replace('#', '');
      swatch.value = /^[0-9a-f]{6}$/i.test(colour) ? `#${colour}` : swatch.value;
      swatch.classList.toggle('unset', text.value === '' || text.value === 'transparent');
    }
  }
}

/** Shows an error beside the controls at fault. @returns  Whether any of them is visible. */
export function showFault(form: HTMLFormElement, fault: Fault | undefined): boolean {
  let isSeen = false;
  for (const field of form.querySelectorAll<HTMLElement>('[data-parameter]')) {
    const isFaulty =
      fault?.parameters.includes(field.dataset['parameter'] ?? '') === true && !field.hidden;
    const text = field.querySelector<HTMLElement>('.fault');
    if (text !== null) {
      showText(text, isFaulty ? (fault?.detail ?? '') : '');
    }
    for (const control of field.querySelectorAll('input, select')) {
      control.toggleAttribute('aria-invalid', isFaulty);
      if (isFaulty) {
        control.setAttribute('aria-invalid', 'true');
      }
    }
    isSeen ||= isFaulty;
  }
  return isSeen;
}
