/** Sends the requests of the reference and shows the answers. */
import { BASE_PATH } from '../base-path.ts';
import { make } from '../elements.ts';

/** The most characters of an answer that are shown. */
const SHOWN_TEXT = 2000;

export function addTries(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>('[data-try]')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void send(form);
    });
  }
}

async function send(form: HTMLFormElement): Promise<void> {
  const path = form.querySelector('input')?.value ?? '';
  const place = form.querySelector('.answer');
  const button = form.querySelector('button');
  if (place === null || button === null || button.ariaDisabled === 'true') {
    return;
  }
  button.ariaDisabled = 'true'; // `disabled` would take the focus away.
  const began = performance.now();
  try {
    const url = new URL(path.startsWith(`${BASE_PATH}/`) ? path : BASE_PATH + path, location.href);
    if (url.origin !== location.origin) {
      throw new Error('expected a path of this service, such as /digit.png');
    }
    const answer = await fetch(url);
    const body = await answer.blob();
    const ms = Math.round(performance.now() - began);
    const line = `${answer.status} · ${body.type} · ${body.size.toLocaleString('en')} bytes · ${ms} ms`;
    place.replaceChildren(make('p', { textContent: line }), await show(body, url));
  } catch (cause) {
    const textContent = cause instanceof Error ? cause.message : String(cause);
    place.replaceChildren(make('p', { className: 'fault', textContent }));
  } finally {
    button.ariaDisabled = 'false';
  }
}

async function show(body: Blob, { pathname }: URL): Promise<HTMLElement> {
  if (body.type.startsWith('image/')) {
    const image = make('img', { className: 'result', alt: `The answer to ${pathname}` });
    image.addEventListener('load', () => URL.revokeObjectURL(image.src), { once: true });
    image.src = URL.createObjectURL(body);
    return image;
  }
  if (/text|json/.test(body.type)) {
    const text = await body.text();
    const textContent = text.length > SHOWN_TEXT ? `${text.slice(0, SHOWN_TEXT)}…` : text;
    return make('pre', { textContent, tabIndex: 0 });
  }
  return make('p', { className: 'soft', textContent: 'Bytes for a program.' });
}
