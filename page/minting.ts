/**
 * "Mint sixteen more" without loading the page again.
 */
import { drawWordSeed } from './seeds.ts';

export function addMinting(): void {
  const link = document.querySelector<HTMLAnchorElement>('[data-again]');
  link?.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      return; // Another window was asked for.
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
