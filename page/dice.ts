/**
 * The buttons that put a new seed into a text field.
 */
import { find } from './elements.ts';
import { drawWordSeed } from './seeds.ts';

export function addDice(): void {
  for (const button of document.querySelectorAll<HTMLButtonElement>('[data-dice]')) {
    button.addEventListener('click', () => {
      const field = find(button.dataset['dice'] ?? '', HTMLInputElement);
      field.value = drawWordSeed();
      field.dispatchEvent(new Event('input', { bubbles: true }));
    });
  }
}
