/** Plays the frames of a training: one large, with a slider for the step and a button to play. */
import { make } from '../elements.ts';

const FRAME_MS = 700;

export function addFilms(): void {
  for (const film of document.querySelectorAll<HTMLElement>('.film')) {
    addFilm(film);
  }
}

function addFilm(film: HTMLElement): void {
  const { play = '', pause = '', step = '', slider: title = '' } = film.dataset;
  const frames = [...film.querySelectorAll<HTMLImageElement>('.strip img')];
  const steps = frames.map((frame) => frame.nextElementSibling?.textContent ?? '');
  const screen = film.querySelector<HTMLImageElement>('.screen');
  const last = frames.length - 1;
  const slider = make('input', { type: 'range', min: '0', max: String(last), value: String(last) });
  slider.setAttribute('aria-label', title);
  const told = make('span'); // The slider tells it to screen readers.
  const button = make('button', { type: 'button', className: 'quiet', textContent: play });

  const show = (i: number): void => {
    slider.value = String(i);
    screen?.setAttribute('src', frames[i]?.src ?? '');
    screen?.setAttribute('alt', frames[i]?.alt ?? '');
    told.textContent = step.replace('{n}', steps[i] ?? '');
    slider.setAttribute('aria-valuetext', told.textContent);
  };
  let timer: ReturnType<typeof setInterval> | undefined;
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    button.textContent = play;
  };
  button.addEventListener('click', () => {
    if (timer !== undefined) {
      stop();
      return;
    }
    for (const frame of frames) {
      frame.loading = 'eager'; // No frame may be late.
    }
    button.textContent = pause;
    let i = Number(slider.value) >= last ? -1 : Number(slider.value);
    const advance = (): void => {
      show(++i);
      if (i >= last) {
        stop();
      }
    };
    advance();
    timer = setInterval(advance, FRAME_MS);
  });
  slider.addEventListener('input', () => {
    stop();
    show(Number(slider.value));
  });
  film.querySelector('.controls')?.append(button, slider, told);
  show(last);
}
