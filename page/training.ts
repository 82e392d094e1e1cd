/**
 * Plays the GIF of the training on request only, since it is large and it moves.
 */
import { find } from './elements.ts';

export function addTraining(): void {
  const link = document.querySelector<HTMLAnchorElement>('[data-plays]');
  link?.addEventListener('click', (event) => {
    event.preventDefault();
    const picture = find(link.dataset['plays'] ?? '', HTMLImageElement);
    const plays = picture.getAttribute('src') !== link.getAttribute('href');
    picture.src = plays ? link.href : (picture.dataset['still'] ?? '');
    link.textContent = plays ? 'Stop' : 'Play the training';
  });
}
