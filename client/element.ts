/**
 * `<digit-mint base="https://digits.example" label="7" seed="Ada" scale="4">`: digits as an element. Importing this module
 * defines it. It needs no style and no script of the page's: a strict Content-Security-Policy has to allow its module and
 * the service's images, nothing else.
 */
import type { ImageAttributes } from './image.ts';
import { buildImage } from './image.ts';
import { parseAttributes } from './element-attributes.ts';

/** What the element tells of: `load` when it shows digits, `error` when it cannot; both stay on the element, as `<img>`'s do. */
export interface DigitMintErrorDetail {
  /** What is wrong: an attribute, or the picture. */
  readonly message: string;
  /** The HTTP status, where the browser tells it. The API draws its errors: then the picture says what is wrong. */
  readonly status: number | undefined;
}

const ATTRIBUTES = [
  'base',
  'label',
  'number',
  'n',
  'seed',
  'start',
  'cols',
  'scale',
  'gap',
  'margin',
  'dpr',
  'fg',
  'bg',
  'dark-fg',
  'dark-bg',
  'smooth',
  'format',
  'model',
  'alt',
  'loading',
  'sample',
] as const;

const STYLE =
  ':host{display:inline-block;line-height:0}:host([hidden]){display:none}img{max-width:100%;height:auto}';

/** Bytes of a seed that the element draws: 16 URL-safe characters, as the API's own. */
const SEED_BYTES = 12;

/** In Node, where pages are rendered ahead, the module must load; nothing is defined there. */
const Base = (globalThis.HTMLElement ?? Object) as typeof HTMLElement;

export class DigitMintElement extends Base {
  static readonly observedAttributes: readonly string[] = ATTRIBUTES;

  /** Without a seed of its own each element draws one: the same URL twice on a page is one picture, however fresh. */
  #drawnSeed: string | undefined;
  #image: HTMLImageElement | undefined;
  #isDue = false;

  /** The URL of what it shows; '' before that and when an attribute is wrong. It always shows the same. */
  get src(): string {
    return this.#image?.src ?? '';
  }

  /** Shows other digits. Does nothing where the attribute `seed` holds them fast. */
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

  /** Several attributes that change at once are one picture. */
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
    // What decides how it loads comes before what makes it load.
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
    // A style sheet that is made by script is none of those that a Content-Security-Policy is about.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    const image = document.createElement('img');
    image.setAttribute('part', 'image');
    // So that canvases may read it, and the browser tells its status.
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

/** @returns  undefined where the browser does not tell, as older ones, and for pictures from its cache. */
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
