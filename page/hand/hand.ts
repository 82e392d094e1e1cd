/** The script of the page `/hand`. */
import { LIMITS } from '../../shared/contract/limits.ts';
import { NUMBER } from '../../shared/contract/parameters.ts';
import { encodeNumber, normalizeNumber, parseText } from '../../shared/contract/query.ts';
import { BASE_PATH } from '../base-path.ts';
import { addCopying } from '../copying.ts';
import { find, make, markReady, showText } from '../elements.ts';
import { startWorker } from '../worker-link.ts';
import { EXAMPLES } from './examples.ts';
import type { Drawn, DrawnDigit, Scribe, Written } from './scribe.ts';
import { addStrokePad } from './strokes.ts';

const INVITATION = 'Draw one digit, as large as you like.';
/** Steps after which more make no visible difference. */
const STEPS = 10;

const page = find('hand', HTMLElement);
const { scribe: scribeUrl = '', name = '', version = '' } = page.dataset;
const [status, fault] = [find('hand-status', HTMLElement), find('hand-fault', HTMLElement)];
const label = find('hand-label', HTMLSelectElement);
const number = find('hand-number', HTMLInputElement);
const results = find('hand-results', HTMLElement);

/** Whether the generator did not load: the page says so until it is loaded again. */
let isBroken = false;
showStatus('Loading the generator…');
const scribe = startWorker<Scribe>(scribeUrl).then(async (link) => {
  await link.ask('open', { name, version });
  return link;
});
scribe.then(
  () => showStatus(INVITATION),
  (cause: unknown) => {
    isBroken = true;
    showStatus('');
    showText(fault, `The generator did not load: ${describe(cause)}. Reload the page.`);
  },
);

const describe = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);

function showStatus(text: string): void {
  status.textContent = text;
}

/** Counts changes of the drawing: what an older one gives is not shown. */
let change = 0;
let hand: string | undefined;
/** Digits that were drawn before the one on the canvas, in the same hand. */
let kept: readonly DrawnDigit[] = [];
/** The digit on the canvas, once it was recognised. */
let latest: DrawnDigit | undefined;
const [keptList, more] = [find('hand-kept', HTMLElement), find('hand-more', HTMLButtonElement)];

more.addEventListener('click', () => {
  if (latest !== undefined && more.ariaDisabled === 'false') {
    keep(latest);
    label.value = '';
    pad.clear();
  }
});

/** Keeps the digit on the canvas, and shows it as a button that removes it. */
function keep(digit: DrawnDigit): void {
  kept = [...kept, digit];
  const digitName = label.options[(digit.label ?? 0) + 1]?.text;
  const button = make('button', { type: 'button', className: 'quiet' });
  button.setAttribute('aria-label', `Remove the ${digitName} that you drew`);
  const { canvas } = pad;
  const view = make('canvas', { width: canvas.width / 4, height: canvas.height / 4 });
  view.toggleAttribute('data-picture', canvas.hasAttribute('data-picture'));
  view.getContext('2d')?.drawImage(canvas, 0, 0, view.width, view.height);
  button.append(view);
  button.addEventListener('click', () => {
    kept = kept.filter((other) => other !== digit);
    button.remove();
    more.focus({ preventScroll: true }); // Otherwise the focus is lost.
    void read();
  });
  keptList.append(button);
}

const readLabel = (): number | undefined => (label.value === '' ? undefined : Number(label.value));

const pad = addStrokePad(find('hand-pad', HTMLCanvasElement), () => void read());
const digits = [...find('hand-digits', HTMLElement).querySelectorAll('canvas')];

async function read(): Promise<void> {
  if (isBroken) {
    return;
  }
  const own = ++change;
  showText(fault, '');
  delete page.dataset['read'];
  const picture = pad.readPicture();
  const drawn = picture === undefined ? undefined : { picture, label: readLabel() };
  const asked = drawn === undefined ? kept : [...kept, drawn];
  latest = undefined;
  more.ariaDisabled = 'true';
  if (asked.length === 0) {
    hand = undefined;
    results.hidden = true;
    showStatus(INVITATION);
    return;
  }
  try {
    const link = await scribe;
    const answer = await link.ask('read', asked);
    if (own !== change) {
      return;
    }
    if ('fault' in answer) {
      showStatus('');
      showText(fault, answer.fault);
      return;
    }
    const guessed = answer.read.at(-1)?.label;
    latest = drawn && { ...drawn, label: drawn.label ?? guessed };
    more.ariaDisabled = String(drawn === undefined || asked.length === LIMITS.maxWritten);
    show(answer, 0);
    for (let step = 1; step <= STEPS; step++) {
      const better = await link.ask('improve', undefined);
      if (own !== change) {
        return;
      }
      show(better, step);
    }
    page.dataset['read'] = String(own); // For tests: nothing changes any more.
  } catch (cause) {
    if (!isBroken) {
      showText(fault, `It failed: ${describe(cause)}.`);
    }
  }
}

function show({ hand: text, read: seen, error, digits: drawn }: Written, step: number): void {
  hand = text;
  results.hidden = false;
  const names = seen.map((each) => label.options[each.label + 1]?.text).join(', ');
  const sure = Math.round(100 * (seen[0]?.certainty ?? 0));
  const told =
    seen.length > 1
      ? `The hand of ${names}`
      : label.value === '' && kept.length === 0
        ? `Read as ${names}, ${sure}% sure`
        : `Taken as ${names}`;
  const next = latest === undefined ? ' Draw the next digit.' : '';
  // Screen readers read every change, so the steps between have no words.
  if (step === 0) {
    showStatus(`${told}. Improving…`);
  } else if (step === STEPS) {
    showStatus(
      `${told}. Redrawn, ${seen.length > 1 ? 'they differ' : 'it differs'} by ${error.toFixed(1)} of 255 grey levels.${next}`,
    );
  }
  drawn.forEach((digit, i) => paint(digits[i], digit));
  void write();
}

/** Paints ink in black, to which the style sheet gives the page's colour. */
function paint(canvas: HTMLCanvasElement | undefined, { width, height, pixels }: Drawn): void {
  if (canvas === undefined) {
    return;
  }
  Object.assign(canvas, { width, height });
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const image = context.createImageData(width, height);
  pixels.forEach((ink, i) => {
    image.data[4 * i + 3] = ink;
  });
  context.putImageData(image, 0, 0);
}

async function write(): Promise<void> {
  const written = find('hand-written', HTMLCanvasElement);
  const text = normalizeNumber(number.value.trim());
  const isNumber = parseText(NUMBER, text) !== undefined;
  showText(find('hand-number-fault', HTMLElement), isNumber ? '' : `Expected ${NUMBER.expected}.`);
  number.setAttribute('aria-invalid', String(!isNumber));
  if (hand === undefined || !isNumber) {
    return;
  }
  const path = `${BASE_PATH}/number/${encodeNumber(text)}.png`;
  const url = `${location.origin}${path}?scale=4&smooth=1&fg=1d2430&bg=transparent&hand=${hand}`;
  find('hand-url', HTMLElement).textContent = url;
  find('hand-open', HTMLAnchorElement).href = url;
  const link = await scribe;
  paint(written, await link.ask('write', { hand, number: text }));
  written.setAttribute('aria-label', `${text} in your hand`);
}

find('hand-undo', HTMLButtonElement).addEventListener('click', pad.undo);
find('hand-clear', HTMLButtonElement).addEventListener('click', () => {
  label.value = '';
  pad.clear();
});
let example = 0;
find('hand-example', HTMLButtonElement).addEventListener('click', () => {
  label.value = '';
  pad.show(EXAMPLES[example++ % EXAMPLES.length] ?? []);
});
label.addEventListener('change', () => void read());
number.addEventListener('input', () => void write());
const upload = find('hand-upload', HTMLInputElement);
upload.addEventListener('change', () => {
  showFirst(upload.files);
  upload.value = ''; // So that the same file can be chosen again.
});
addEventListener('paste', ({ clipboardData, target }) => {
  // A cell of a table comes as text and as a picture.
  const isText = target === number && clipboardData?.getData('text/plain') !== '';
  showFirst(isText ? undefined : clipboardData?.files);
});
const hasFiles = ({ dataTransfer }: DragEvent): boolean =>
  dataTransfer?.types.includes('Files') === true;
// Without both of these the browser leaves the page for the dropped file.
addEventListener('dragover', (event) => {
  if (hasFiles(event)) {
    event.preventDefault();
  }
});
addEventListener('drop', (event) => {
  if (hasFiles(event)) {
    event.preventDefault();
    showFirst(event.dataTransfer?.files);
  }
});

/** Shows the first picture of files, or says that there is none. */
function showFirst(files: FileList | null | undefined): void {
  const given = [...(files ?? [])];
  const file = given.find(({ type }) => type.startsWith('image/')) ?? given[0];
  if (file !== undefined) {
    pad.showFile(file).catch(() => {
      showText(fault, `${file.name} is no picture that this browser can read.`);
    });
  }
}
addCopying();
pad.restore();
markReady();
