/** The playground: asks the API when a control changes, and shows the answer and texts to copy. */
import { BASE_PATH } from '../base-path.ts';
import { find, showText } from '../elements.ts';
import {
  ask,
  buildAlt,
  buildPageQuery,
  buildRequestPath,
  buildSnippets,
  isPicture,
  readDpr,
  type Answer,
  type Fault,
  type PlayRequest,
} from './request.ts';

/** A request is made after so long without typing. */
const PAUSE_MS = 180;
/** The most characters of a text answer that are shown. */
const SHOWN_TEXT = 6000;

interface Shown {
  readonly request: PlayRequest;
  readonly path: string;
  readonly answer: Answer;
  /** The picture's pixels; undefined without a picture. */
  readonly pixels: { width: number; height: number } | undefined;
}

/** Shows what the form's values imply: swatches, and the fields that have an effect. */
function refresh(form: HTMLFormElement): void {
  matchSwatches(form);
  showFields(form);
}

export function addPlayground(): void {
  const form = find('play-form', HTMLFormElement);
  let shown: Shown | undefined;
  let asking = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  const update = async (): Promise<void> => {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const request = readRequest(form);
    const path = BASE_PATH + buildRequestPath(request);
    try {
      const answer = await ask(path, signal);
      if (signal.aborted) {
        return;
      }
      const fault = 'detail' in answer ? answer : undefined;
      const isBeside = showFault(form, fault);
      showText(
        find('play-fault', HTMLElement),
        fault === undefined || isBeside ? '' : fault.detail,
      );
      find('play-paper', HTMLElement).classList.toggle('stale', fault !== undefined);
      if (!('detail' in answer)) {
        const pixels = await showAnswer(answer, request, signal);
        if (signal.aborted) {
          return;
        }
        shown = { request, path, answer, pixels };
        tell(shown);
      }
    } catch {
      if (!signal.aborted) {
        const text = 'No answer came: network or service is down. Any change asks again.';
        showText(find('play-fault', HTMLElement), text);
        find('play-paper', HTMLElement).classList.add('stale');
      }
    }
  };
  const updateSoon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void change(), PAUSE_MS);
  };
  // The page's address has the state, so that it can be shared.
  const change = (): Promise<void> => {
    history.replaceState(null, '', `?${buildPageQuery(readRequest(form))}${location.hash}`);
    return update();
  };

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void change();
  });
  form.addEventListener('input', ({ target }) => {
    if (target instanceof HTMLInputElement && target.dataset['swatch'] !== undefined) {
      const text = form.elements.namedItem(target.dataset['swatch']);
      if (text instanceof HTMLInputElement) {
        text.value = target.value.slice(1);
      }
    }
    refresh(form);
    updateSoon();
  });
  // A hint covers what lies below its control: Escape hides it until the focus moves.
  form.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') {
      form.classList.add('quiet-hints');
    }
  });
  form.addEventListener('focusin', () => form.classList.remove('quiet-hints'));
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-query]')) {
    button.addEventListener('click', () => {
      fillForm(form, new URLSearchParams(button.dataset['query']));
      refresh(form);
      void change();
    });
  }
  for (const radio of document.querySelectorAll('input[name=pin]')) {
    radio.addEventListener('change', () => {
      if (shown !== undefined) {
        tell(shown);
      }
    });
  }
  const query = new URLSearchParams(location.search);
  if ([...query.keys()].some((name) => form.elements.namedItem(name) !== null)) {
    fillForm(form, query);
  } else if (matchMedia('(prefers-color-scheme: dark)').matches) {
    for (const [name, value] of new URLSearchParams(form.dataset['dark'])) {
      find(`control-${name}`, HTMLInputElement).value = value;
    }
  }
  refresh(form);
  void update();
}

let objectUrl: string | undefined;

/** Shows nothing once `signal` is aborted. @returns  A picture's pixels. */
async function showAnswer(
  { bytes }: Answer,
  request: PlayRequest,
  signal: AbortSignal,
): Promise<Shown['pixels']> {
  const { format } = request;
  const text = find('play-text', HTMLPreElement);
  if (!isPicture(format)) {
    const all =
      format === 'npy' ? 'A file for NumPy: read it with numpy.load.' : await bytes.text();
    if (!signal.aborted) {
      text.textContent = all.length > SHOWN_TEXT ? `${all.slice(0, SHOWN_TEXT)}…` : all;
      text.classList.toggle('drawing', format === 'txt');
      text.hidden = false;
      find('play-picture', HTMLImageElement).hidden = true;
    }
    return undefined;
  }
  // A new element replaces the old one once it has loaded, so that the size always fits the
  // picture.
  const next = find('play-picture', HTMLImageElement).cloneNode() as HTMLImageElement;
  next.hidden = false;
  const url = URL.createObjectURL(bytes);
  next.src = url;
  await next.decode();
  if (signal.aborted) {
    URL.revokeObjectURL(url);
    return undefined;
  }
  const pixels = { width: next.naturalWidth, height: next.naturalHeight };
  Object.assign(next, measure(pixels, request));
  find('play-picture', HTMLImageElement).replaceWith(next);
  text.hidden = true;
  if (objectUrl !== undefined) {
    URL.revokeObjectURL(objectUrl);
  }
  objectUrl = url;
  return pixels;
}

/** The size in whole CSS pixels. */
function measure({ width, height }: NonNullable<Shown['pixels']>, request: PlayRequest) {
  const dpr = readDpr(request);
  return { width: Math.round(width / dpr), height: Math.round(height / dpr) };
}

/** Writes the caption and the texts to copy. */
function tell({ request, path, answer, pixels }: Shown): void {
  const isPinned =
    document.querySelector('input[name=pin]:checked')?.getAttribute('value') === 'pinned';
  const snippets = find('snippets', HTMLElement);
  const url = `${location.origin}${isPinned ? answer.permalink : path}`;
  const { model: name = '', one = '', many = '', digits } = snippets.dataset;
  const alt = buildAlt(request, { name, one, many, hasDigits: digits !== undefined });
  find('play-picture', HTMLImageElement).alt = alt;
  const texts = buildSnippets(url, request.format, alt, pixels && measure(pixels, request));
  for (const [id, text] of Object.entries(texts)) {
    find(`snippet-${id}`, HTMLPreElement).textContent = text;
  }
  find('pin-note', HTMLElement).textContent =
    isPinned || answer.caching.includes('immutable')
      ? 'Always exactly this answer: the URL names everything that decides it.'
      : answer.caching === 'no-store'
        ? 'Without a seed, every view shows new ones.'
        : 'The seed keeps this answer until there is a newer model.';
  const about = [
    ...(pixels === undefined ? [] : [`${pixels.width} × ${pixels.height} pixels`]),
    `${answer.bytes.size.toLocaleString('en')} bytes`,
    `seed ${answer.seed}`,
    ...(answer.warning === '' ? [] : [answer.warning]),
  ];
  find('play-caption', HTMLElement).textContent = about.join(' · ');
}

/** Reads the form, without empty controls and those that the route does not have. */
function readRequest(form: HTMLFormElement): PlayRequest {
  const data = new FormData(form);
  const route = data.get('route') as PlayRequest['route'];
  const read = (name: string) => {
    const value = data.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  const format = read('format');
  const parameters = listFields(form, route, format)
    .map((name) => [name, read(name)] as const)
    .filter(([name, value]) => value !== '' && name !== 'format' && name !== 'digits');
  return { route, digits: read('digits'), format, parameters };
}

/** Names the fields that have an effect: only the page's own model has the page's classes. */
function listFields(form: HTMLFormElement, route: string, format: string): string[] {
  const asked = find('control-model', HTMLInputElement).value.trim().split('@')[0];
  const isOwn = ['', find('snippets', HTMLElement).dataset['model']].includes(asked);
  const includes = (list: string | undefined, one: string) => (list ?? '').split(' ').includes(one);
  return [...form.querySelectorAll<HTMLElement>('[data-parameter]')]
    .filter(
      ({ dataset: { modes, formats } }) =>
        includes(modes, route) && (formats === '' || includes(formats, format)),
    )
    .map((field) => field.dataset['parameter'] ?? '')
    .filter((name) => isOwn || name !== 'label');
}

function showFields(form: HTMLFormElement): void {
  const { route, format } = readRequest(form);
  const taken = new Set(listFields(form, route, format));
  for (const field of form.querySelectorAll<HTMLElement>('[data-parameter]')) {
    field.hidden = !taken.has(field.dataset['parameter'] ?? '');
  }
  for (const group of form.querySelectorAll<HTMLElement>('fieldset.group')) {
    group.hidden = group.querySelector('.field:not([hidden])') === null;
  }
}

/** Fills every control from a query. `digits` selects the route /number. */
function fillForm(form: HTMLFormElement, query: URLSearchParams): void {
  for (const element of form.elements) {
    if (element instanceof HTMLInputElement && element.type === 'radio') {
      element.checked =
        element.name === 'route'
          ? (element.value === 'number') === query.has('digits')
          : ['', query.get(element.name)].includes(element.value); // A later one replaces ''.
    } else if (element instanceof HTMLInputElement && element.type === 'checkbox') {
      element.checked = query.get(element.name) === element.value;
    } else if (element instanceof HTMLSelectElement) {
      element.value = query.get(element.name) ?? '';
      element.selectedIndex = Math.max(0, element.selectedIndex); // An address may have any text.
    } else if (element instanceof HTMLInputElement && element.name !== '') {
      // Without a number there is nothing to write.
      const without = element.name === 'digits' ? element.defaultValue : '';
      element.value = query.get(element.name) ?? without;
    }
  }
}

/** Shows in each colour picker the colour that is in force. */
function matchSwatches(form: HTMLFormElement): void {
  const read = (name: string): string => {
    const text = form.elements.namedItem(name);
    return text instanceof HTMLInputElement ? text.value.trim() || text.placeholder : '';
  };
  for (const swatch of form.querySelectorAll<HTMLInputElement>('[data-swatch]')) {
    const name = swatch.dataset['swatch'] ?? '';
    const [, other] = /^as (\w+)$/.exec(read(name)) ?? [];
    const colour = read(other ?? name);
    swatch.value = toHex(colour) ?? swatch.value;
    swatch.classList.toggle('clear', colour === 'transparent');
  }
}

/** Resolves a name of CSS, or 3, 4, 6 or 8 hex digits, to the colour that a picker takes. */
function toHex(colour: string): string | undefined {
  const hex = colour.replace('#', '');
  const text = /^[0-9a-f]+$/i.test(hex) ? `#${hex.slice(0, hex.length === 4 ? 3 : 6)}` : colour;
  const context = document.createElement('canvas').getContext('2d');
  if (context === null || colour === 'transparent' || !CSS.supports('color', text)) {
    return undefined;
  }
  context.fillStyle = text;
  return context.fillStyle; // In the form that a picker takes.
}

/** Shows an error beside the controls at fault. @returns  Whether any of them is visible. */
function showFault(form: HTMLFormElement, fault: Fault | undefined): boolean {
  let isSeen = false;
  for (const field of form.querySelectorAll<HTMLElement>('[data-parameter]')) {
    const isFaulty =
      fault?.parameters.includes(field.dataset['parameter'] ?? '') === true && !field.hidden;
    const text = field.querySelector<HTMLElement>('.fault');
    if (text !== null) {
      showText(text, isFaulty ? (fault?.detail ?? '') : '');
    }
    for (const control of field.querySelectorAll('input, select')) {
      control.ariaInvalid = isFaulty ? 'true' : null;
    }
    if (isFaulty) {
      isSeen = true;
      field.closest('details')?.setAttribute('open', '');
    }
  }
  return isSeen;
}
