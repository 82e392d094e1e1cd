/** The playground: asks the API when a control changes, and shows the answer and texts to copy. */
import { find, showText } from '../elements.ts';
import { fillForm, matchSwatches, readRequest, showFault, showRoute } from './controls.ts';
import {
  ask,
  buildPageQuery,
  buildRequestPath,
  buildSnippets,
  isPicture,
  readDpr,
  type Answer,
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
  /** In CSS pixels; undefined for what is no picture. */
  readonly size: { width: number; height: number } | undefined;
}

/** Shows what the form's values imply: swatches, and the fields of the route. */
function refresh(form: HTMLFormElement): void {
  matchSwatches(form);
  showRoute(form, readRequest(form).route);
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
    const path = buildRequestPath(request);
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
        const size = await showAnswer(answer, request);
        if (signal.aborted) {
          return;
        }
        shown = { request, path, answer, size };
        tell(shown);
      }
    } catch (cause) {
      if (!signal.aborted) {
        showText(find('play-fault', HTMLElement), `No answer: ${String(cause)}`);
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
  }
  refresh(form);
  void update();
}

let objectUrl: string | undefined;

/** @returns  A picture's size in CSS pixels. */
async function showAnswer({ bytes }: Answer, request: PlayRequest): Promise<Shown['size']> {
  const { format } = request;
  const picture = find('play-picture', HTMLImageElement);
  const text = find('play-text', HTMLPreElement);
  picture.hidden = !isPicture(format);
  text.hidden = isPicture(format);
  if (!isPicture(format)) {
    const all =
      format === 'npy' ? 'A file for NumPy: read it with numpy.load.' : await bytes.text();
    text.textContent = all.length > SHOWN_TEXT ? `${all.slice(0, SHOWN_TEXT)}…` : all;
    text.classList.toggle('drawing', format === 'txt');
    return undefined;
  }
  const stale = objectUrl;
  objectUrl = URL.createObjectURL(bytes);
  // A new element replaces the old one once it has loaded, so that the size always fits the
  // picture.
  const next = picture.cloneNode() as HTMLImageElement;
  next.removeAttribute('src');
  // With the density, its natural size is in CSS pixels.
  next.srcset = `${objectUrl} ${readDpr(request)}x`;
  await next.decode();
  const size = { width: next.naturalWidth, height: next.naturalHeight };
  next.width = size.width;
  next.height = size.height;
  picture.replaceWith(next);
  if (stale !== undefined) {
    URL.revokeObjectURL(stale);
  }
  return size;
}

/** Writes the caption and the texts to copy. */
function tell({ request, path, answer, size }: Shown): void {
  const isPinned =
    document.querySelector('input[name=pin]:checked')?.getAttribute('value') === 'pinned';
  const snippets = find('snippets', HTMLElement);
  const url = `${location.origin}${isPinned ? answer.permalink : path}`;
  const texts = buildSnippets(url, request.format, snippets.dataset['alt'] ?? '', size);
  for (const [name, text] of Object.entries(texts)) {
    find(`snippet-${name}`, HTMLPreElement).textContent = text;
  }
  const isSeeded = request.parameters.some(([name]) => name === 'seed');
  find('pin-note', HTMLElement).textContent = isPinned
    ? 'Always exactly this picture: the URL names the seed and the model’s version.'
    : isSeeded
      ? 'Your URL: the seed keeps the digits until a newer model redraws them.'
      : 'Your URL: without a seed, every view shows new digits.';
  const dpr = readDpr(request);
  const about = [
    ...(size === undefined ? [] : [`${size.width * dpr} × ${size.height * dpr} pixels`]),
    `${answer.bytes.size.toLocaleString('en')} bytes`,
    `seed ${answer.seed}`,
    ...(answer.warning === '' ? [] : [answer.warning]),
  ];
  find('play-caption', HTMLElement).textContent = about.join(' · ');
}
