/**
 * Digits as an element: `<digit-mint base="https://digits.example" label="7" seed="Ada">`.
 * Importing this module defines it. A strict Content-Security-Policy must allow only this module
 * and the service's images.
 */
import type { Kind } from '../shared/contract/parameters.ts';
import { describeExpected, listParameters, parseText } from '../shared/contract/query.ts';
import {
  buildImage,
  type DigitImageOptions,
  type ImageAttributes,
  type NumberImageOptions,
} from './image.ts';
import { notAllowed, toCamelCase } from './option-text.ts';
import type { DigitMintProperties } from './options.ts';

export type { DigitMintAttributes, DigitMintProperties } from './options.ts';

/** The detail of the event `error`. Like those of `<img>`, `load` and `error` do not bubble. */
export interface DigitMintErrorDetail {
  /** The fault of an attribute or of the picture. */
  readonly message: string;
  /** The HTTP status, if the browser reveals it. Then the picture says what is wrong. */
  readonly status: number | undefined;
}

/** Parameters by the names of their attributes. An image has no use for some of them. */
const PARAMETERS = listParameters('digit')
  .filter(({ name }) => !['pixels', 'latent', 'strict', 'width', 'height'].includes(name))
  .map(({ name, parameter }) => ({ ...parameter, name, attribute: name.replace('_', '-') }));

/** Attributes by the names of their properties. */
const ATTRIBUTES: Readonly<Record<string, string>> = Object.fromEntries([
  ...PARAMETERS.map(({ name, attribute }) => [toCamelCase(name), attribute]),
  ...['base', 'number', 'alt', 'loading', 'sample'].map((name) => [name, name]),
]);

const STYLE =
  ':host{display:inline-block}:host([hidden]){display:none}img{display:block;max-width:100%;height:auto}';

/** Bytes of a drawn seed: 16 URL-safe characters, like those of the API. */
const SEED_BYTES = 12;

/** Types the event `error`, which other elements have as an `ErrorEvent`. */
interface ErrorTarget {
  addEventListener(
    type: 'error',
    listener: (event: CustomEvent<DigitMintErrorDetail>) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  readonly removeEventListener: ErrorTarget['addEventListener'];
}

/** The module must load in Node too, for server-side rendering; it defines nothing there. */
const Base = (globalThis.HTMLElement ?? Object) as new () => DigitMintProperties &
  ErrorTarget &
  HTMLElement;

export class DigitMintElement extends Base {
  static readonly observedAttributes: readonly string[] = Object.values(ATTRIBUTES);

  /**
   * Drawn where there is no `seed`: with equal URLs two elements would show one picture. A hand
   * needs none: its URL never changes.
   */
  #drawnSeed: string | undefined;
  #image: HTMLImageElement | undefined;
  #isDue = false;

  constructor() {
    super();
    // The element may be older than this module. Then its properties hide those of the class.
    const own = this as Record<string, unknown>;
    for (const property of Object.keys(this).filter((name) => name in ATTRIBUTES)) {
      const { [property]: value } = own;
      delete own[property];
      own[property] = value;
    }
  }

  /** The URL of the picture, which always shows the same; '' without one. */
  get src(): string {
    return this.#image?.src ?? '';
  }

  /**
   * Shows other digits. Does nothing if the attribute `seed` fixes them. A hand stays: `vary` and
   * missing labels follow the new seed.
   */
  mint(): void {
    this.#drawnSeed = drawSeed();
    this.#schedule();
  }

  connectedCallback(): void {
    this.#schedule();
  }

  attributeChangedCallback(): void {
    this.#schedule();
  }

  /** Several attributes that change together make one picture. */
  #schedule(): void {
    if (this.#isDue) {
      return;
    }
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      if (this.isConnected) {
        this.#show();
      }
    });
  }

  #show(): void {
    const image = (this.#image ??= this.#attach());
    applyStyle(image.getRootNode() as ShadowRoot);
    let attributes: ImageAttributes;
    try {
      const options = parseAttributes((name) => this.getAttribute(name));
      if (options.hand === undefined) {
        this.#drawnSeed ??= drawSeed();
      }
      attributes = buildImage({ ...options, seed: options.seed ?? this.#drawnSeed });
    } catch (error) {
      for (const name of ['src', 'srcset', 'width', 'height']) {
        image.removeAttribute(name);
      }
      image.alt = this.getAttribute('alt') ?? '';
      this.#fail((error as Error).message);
      return;
    }
    const { src, srcset, ...others } = attributes;
    readFailures(image.ownerDocument.defaultView);
    // `src` comes last, since setting it starts loading with the other attributes.
    const wanted = { ...others, srcset, src };
    for (const [name, value] of Object.entries({ width: undefined, ...wanted })) {
      if (value === undefined) {
        image.removeAttribute(name);
      } else if (image.getAttribute(name) !== String(value)) {
        image.setAttribute(name, String(value));
      }
    }
  }

  #attach(): HTMLImageElement {
    const root = this.attachShadow({ mode: 'open' });
    const image = document.createElement('img');
    image.setAttribute('part', 'image');
    // Canvases may read the picture, and the browser reveals the status.
    image.crossOrigin = 'anonymous';
    image.addEventListener('load', () => {
      // Older browsers do not reveal it.
      const status = readFailures(image.ownerDocument.defaultView)?.get(image.currentSrc);
      if (status === undefined) {
        this.dispatchEvent(new Event('load'));
      } else {
        this.#fail(`the service answered ${status}; the picture says why`, status);
      }
    });
    image.addEventListener('error', () =>
      this.#fail(`no picture came from ${image.currentSrc || image.src}`),
    );
    root.append(image);
    return image;
  }

  #fail(message: string, status?: number): void {
    this.dispatchEvent(
      new CustomEvent<DigitMintErrorDetail>('error', { detail: { message, status } }),
    );
  }
}

// Solid, Angular and Lit set properties. Each one is its attribute. No static block: a Safari
// before 16.4 could not read the module.
for (const [property, attribute] of Object.entries(ATTRIBUTES)) {
  Object.defineProperty(DigitMintElement.prototype, property, {
    get(this: DigitMintElement) {
      const text = this.getAttribute(attribute);
      return attribute === 'smooth' ? parseFlag(text) : text;
    },
    set(this: DigitMintElement, value: string | number | boolean | null | undefined) {
      // Preact writes '' for undefined. Only `alt` has a use for it.
      const isAbsent = value === '' && attribute !== 'alt';
      if (isAbsent || value === undefined || value === null || value === false) {
        this.removeAttribute(attribute);
      } else {
        this.setAttribute(attribute, value === true ? '' : String(value));
      }
    },
  });
}

/**
 * Reads the attributes as options. The functions that take the options check the values.
 * @param read  Reads an attribute; null where it is absent.
 * @throws RangeError  For a text where a number is expected, and for attributes that exclude each
 *                     other.
 */
function parseAttributes(
  read: (name: string) => string | null,
): DigitImageOptions | NumberImageOptions {
  const options: Record<string, unknown> = {
    lazy: read('loading') !== 'eager',
    sample: parseSample(read('sample')),
    base: read('base') ?? undefined,
    number: read('number') ?? undefined,
    alt: read('alt') ?? undefined,
  };
  for (const parameter of PARAMETERS) {
    const { name, attribute, kind } = parameter;
    const text = read(attribute);
    if (text !== null) {
      const value = kind === 'flag' ? parseFlag(text) : text;
      const isNumber = kind === 'whole' || kind === 'decimal';
      options[toCamelCase(name)] = isNumber ? readNumber(attribute, text, parameter) : value;
    }
  }
  const hasDark = 'darkFg' in options || 'darkBg' in options;
  const { format = hasDark ? 'svg' : 'png', number } = options;
  if (hasDark && format !== 'svg') {
    throw new RangeError(
      `digitmint: format is ${JSON.stringify(format)}, expected svg: only SVG follows the dark scheme`,
    );
  }
  if (number === undefined) {
    const { number: _, ...digits } = options;
    return { ...digits, format } as DigitImageOptions;
  }
  const excluded = ['label', 'n', 'cols', 'gap'].filter((name) => name in options);
  if (excluded.length > 0) {
    throw new RangeError(
      `digitmint: ${excluded.join(', ')} beside number, expected one of the two: number is one picture`,
    );
  }
  return { ...options, format } as NumberImageOptions;
}

/** Like HTML's own flags a flag is there or not, but people also write 0 or false. */
function parseFlag(text: string | null): boolean {
  return text !== null && text !== '0' && text !== 'false';
}

function readNumber(attribute: string, text: string, parameter: Kind): number {
  const value = parseText(parameter, text);
  if (value === undefined) {
    throw notAllowed(attribute, text, describeExpected(parameter));
  }
  return value as number;
}

/** Pixels of one digit: `28`, or `32x24` with the width first. */
function parseSample(text: string | null): { width: number; height: number } | undefined {
  if (text === null) {
    return undefined;
  }
  const sides = /^([1-9][0-9]{0,2})(?:x([1-9][0-9]{0,2}))?$/.exec(text);
  if (sides === null) {
    throw new RangeError(
      `digitmint: sample is ${JSON.stringify(text)}, expected pixels of a digit, such as 28 or 32x24`,
    );
  }
  return { width: Number(sides[1]), height: Number(sides[2] ?? sides[1]) };
}

/**
 * A style sheet belongs to one document: the browser takes it from an element that moves into
 * another one, such as a window that the page opened. A document without a window shows nothing.
 * In Safari before 16.4 the picture has no style.
 */
function applyStyle(root: Partial<ShadowRoot>): void {
  const defaultView = root.ownerDocument?.defaultView;
  if (root.adoptedStyleSheets?.length === 0 && defaultView) {
    // A Content-Security-Policy does not apply to a style sheet that a script constructs.
    const sheet = new defaultView.CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
  }
}

/** Functions that read a window's failed requests, statuses by URL: one for each window. */
const readers = new WeakMap<Window, () => ReadonlyMap<string, number>>();

/** Begins to observe a window's requests. Its own list of them ends after 250. */
function readFailures(view: (Window & typeof globalThis) | null) {
  let read = view && readers.get(view);
  if (view && !read) {
    const statuses = new Map<string, number>();
    const note = (entries: PerformanceEntryList) =>
      (entries as PerformanceResourceTiming[]).forEach(({ name, responseStatus }) =>
        responseStatus >= 400 ? statuses.set(name, responseStatus) : statuses.delete(name),
      );
    const observer = new view.PerformanceObserver((list) => note(list.getEntries()));
    observer.observe({ type: 'resource', buffered: true });
    read = () => {
      note(observer.takeRecords());
      return statuses;
    };
    readers.set(view, read);
  }
  return read?.();
}

function drawSeed(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SEED_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}

if (globalThis.customElements !== undefined && customElements.get('digit-mint') === undefined) {
  customElements.define('digit-mint', DigitMintElement);
}

declare global {
  interface HTMLElementTagNameMap {
    'digit-mint': DigitMintElement;
  }
}
