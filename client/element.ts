/**
 * Digits as an element: `<digit-mint base="https://digits.example" label="7" seed="Ada">`.
 * Importing this module defines it. A strict Content-Security-Policy must allow only this module and
 * the service's images.
 */
import type { ImageAttributes } from './image.ts';
import { buildImage } from './image.ts';
import { ATTRIBUTES, parseAttributes } from './element-attributes.ts';

/** The detail of the event `error`. Like those of `<img>`, `load` and `error` do not bubble. */
export interface DigitMintErrorDetail {
  /** What is wrong with an attribute or with the picture. */
  readonly message: string;
  /** The HTTP status, if the browser reveals it. Then the picture says what is wrong. */
  readonly status: number | undefined;
}

const STYLE =
  ':host{display:inline-block;line-height:0}:host([hidden]){display:none}img{max-width:100%;height:auto}';

/** Bytes of a drawn seed: 16 URL-safe characters, like those of the API. */
const SEED_BYTES = 12;

/** The module must load in Node too, for server-side rendering; it defines nothing there. */
const Base = (globalThis.HTMLElement ?? Object) as typeof HTMLElement;

export class DigitMintElement extends Base {
  static readonly observedAttributes: readonly string[] = ATTRIBUTES;

  /**
   * Drawn where there is no `seed`: with equal URLs two elements of a page would be one picture.
   */
  #drawnSeed: string | undefined;
  #image: HTMLImageElement | undefined;
  #isDue = false;

  /**
   * The URL of the picture, which always shows the same; '' before it and for a wrong attribute.
   */
  get src(): string {
    return this.#image?.src ?? '';
  }

  /** Shows other digits. Does nothing if the attribute `seed` fixes them. */
  mint(): void {
    this.#drawnSeed = undefined;
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
    let attributes: ImageAttributes;
    try {
      const options = parseAttributes((name) => this.getAttribute(name));
      attributes = buildImage({
        ...options,
        seed: options.seed ?? (this.#drawnSeed ??= drawSeed()),
      });
    } catch (error) {
      for (const name of ['src', 'srcset', 'width', 'height']) {
        image.removeAttribute(name);
      }
      image.alt = this.getAttribute('alt') ?? '';
      this.#fail((error as Error).message);
      return;
    }
    const { src, srcset, ...others } = attributes;
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
    // A Content-Security-Policy does not apply to a style sheet that a script constructs.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const image = document.createElement('img');
    image.setAttribute('part', 'image');
    // Canvases may read the picture, and the browser reveals the status.
    image.crossOrigin = 'anonymous';
    image.addEventListener('load', () => {
      const status = readStatus(image.currentSrc);
      if (status === undefined || status < 400) {
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

/** @returns  undefined in older browsers, and for pictures from the cache. */
function readStatus(url: string): number | undefined {
  const [entry] = performance
    .getEntriesByName(url, 'resource')
    .slice(-1) as PerformanceResourceTiming[];
  return entry?.responseStatus === 0 ? undefined : entry?.responseStatus;
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
