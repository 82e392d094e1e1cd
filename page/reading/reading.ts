/** The script of pages to read. They can be read without it. */
import { addCopying } from '../copying.ts';
import { markReady } from '../elements.ts';
import { addFilms } from './film.ts';
import { addTries } from './try.ts';

/** Shows samples in the language that was chosen in any of them. */
function addLanguages(): void {
  document.addEventListener('change', ({ target }) => {
    if (target instanceof HTMLInputElement && target.dataset['language'] !== undefined) {
      const top = target.getBoundingClientRect().top;
      const wanted = `[data-language="${target.dataset['language']}"]`;
      for (const other of document.querySelectorAll<HTMLInputElement>(wanted)) {
        other.checked = true;
      }
      // Other samples have other heights: this one stays where it is.
      scrollBy({ top: target.getBoundingClientRect().top - top, behavior: 'instant' });
    }
  });
}

addCopying();
addLanguages();
addTries();
addFilms();
markReady();
