/**
 * The link "Mint sixteen more" without reloading the page.
 */
import { drawWordSeed } from './seeds.ts';

export function addMinting(): void {
  const link = document.querySelector<HTMLAnchorElement>('[data-again]');
  link?.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      return; // The visitor wants another tab or window.
    }
    event.preventDefault();
    const seed = encodeURIComponent(drawWordSeed());
    for (const anchor of document.querySelectorAll<HTMLAnchorElement>('.digits a')) {
      const url = anchor.href.replace(/seed=[^&]*/, `seed=${seed}`);
      anchor.href = url;
      anchor.querySelector('img')?.setAttribute('src', url);
    }
  });
}
