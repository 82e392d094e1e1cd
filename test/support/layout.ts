/** Finds faults of a page's layout, whatever fonts the machine has. Runs in the page. */

/** @returns  A line for each fault. */
export function findLayoutFaults(): string[] {
  const faults: string[] = [];
  const name = (element: Element | null) =>
    `${element?.localName}${element?.id === '' ? `.${element.className}` : `#${element?.id}`}`;
  const isShown = (element: Element) =>
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) &&
    element.closest('.hidden, .skip') === null;
  const cross = (a: DOMRect, b: DOMRect) =>
    [
      Math.min(a.right, b.right) - Math.max(a.left, b.left),
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top),
    ] as const;
  if (document.documentElement.scrollWidth > innerWidth) {
    faults.push(`the page scrolls sideways: ${document.documentElement.scrollWidth}`);
  }

  /** Cuts off what an ancestor that scrolls by itself does not show. */
  const clip = (element: Element, { left, top, right, bottom }: DOMRect) => {
    const box = { left, top, right, bottom };
    for (let at: Element | null = element; at !== null; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== 'visible' && at !== document.body) {
        const own = at.getBoundingClientRect();
        box.left = Math.max(box.left, own.left);
        box.right = Math.min(box.right, own.right);
        box.top = Math.max(box.top, own.top);
        box.bottom = Math.min(box.bottom, own.bottom);
      }
    }
    return new DOMRect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  };

  for (const cell of document.querySelectorAll('tr > :nth-child(2)')) {
    if (isShown(cell) && clip(cell, cell.getBoundingClientRect()).width < 24) {
      faults.push(`a table hides its second column: ${cell.textContent.slice(0, 40)}`);
    }
  }

  const lines: { readonly text: Text; readonly box: DOMRect }[] = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const text = node as Text;
    const parent = text.parentElement as Element;
    if (text.data.trim() === '' || !isShown(parent) || parent.localName === 'option') {
      continue;
    }
    const size = parseFloat(getComputedStyle(parent).fontSize);
    if (size < 12 && parent.closest('.drawing') === null) {
      faults.push(`${name(parent)} has text of ${size} px`);
    }
    // Runs of spaces hang over the end of a line of code, unseen.
    const parts = text.data.includes('  ') ? text.data.matchAll(/\S+/g) : [text.data];
    const rects = [...parts].flatMap((part) => {
      const range = document.createRange();
      range.setStart(text, typeof part === 'string' ? 0 : part.index);
      range.setEnd(text, typeof part === 'string' ? part.length : part.index + part[0].length);
      return [...range.getClientRects()];
    });
    for (const rect of rects) {
      const box = clip(parent, rect);
      if (box.width > 1 && box.height > 1) {
        lines.push({ text, box });
        if (box.right > innerWidth + 1 || box.left < -1) {
          faults.push(`${name(parent)} leaves the page: ${text.data.trim().slice(0, 40)}`);
        }
      }
    }
  }
  lines.sort((a, b) => a.box.top - b.box.top);
  lines.forEach(({ text, box }, i) => {
    for (let j = i + 1; (lines[j]?.box.top ?? Infinity) < box.bottom; j++) {
      const other = lines[j] as (typeof lines)[number];
      const [across, down] = cross(box, other.box);
      if (across > 2 && down > 0.4 * Math.min(box.height, other.box.height)) {
        faults.push(`“${text.data.trim()}” lies over “${other.text.data.trim()}”`.slice(0, 120));
      }
    }
  });

  const selector = 'button, input, select, summary, a.button, a.quiet, .bar a';
  const controls = [...document.querySelectorAll(selector)]
    .filter(isShown)
    .map((control) => ({ control, box: clip(control, control.getBoundingClientRect()) }));
  controls.forEach(({ control, box }, i) => {
    const isBox = control.matches('[type=checkbox], [type=radio]');
    if (!isBox && box.height > 0 && Math.min(box.width, box.height) < 24) {
      faults.push(`${name(control)} is smaller than 24 px: ${box.width} x ${box.height}`);
    }
    for (const other of controls.slice(i + 1)) {
      const [across, down] = cross(box, other.box);
      const isInside = control.contains(other.control) || other.control.contains(control);
      if (across > 1 && down > 1 && !isInside) {
        faults.push(`${name(control)} lies over ${name(other.control)}`);
      }
    }
    for (const { text, box: line } of control.localName === 'button' ? lines : []) {
      const [across, down] = cross(box, line);
      if (across > 1 && down > 2 && !control.contains(text)) {
        faults.push(`${name(control)} lies over “${text.data.trim().slice(0, 40)}”`);
      }
    }
  });
  return [...new Set(faults)];
}
