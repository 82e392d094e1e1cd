// Enlarges one picture of the strip: by the slider, by the play button or by a click.
(() => {
  const viewer = document.getElementById('viewer');
  if (!viewer) {
    return;
  }
  const [large, slider, output, button] = ['img', 'input', 'output', 'button'].map((name) =>
    viewer.querySelector(name),
  );
  const items = [...document.querySelectorAll('.strip li')];
  const strip = document.querySelector('.strip');
  let timer;
  const show = (place) => {
    items.forEach((item, i) =>
      i === place
        ? item.setAttribute('aria-current', 'true')
        : item.removeAttribute('aria-current'),
    );
    const picture = items[place].querySelector('img');
    large.src = picture.src;
    large.alt = picture.alt;
    slider.value = place;
    output.value = items[place].querySelector('figcaption').textContent;
    slider.setAttribute('aria-valuetext', output.value);
    strip.scrollLeft =
      items[place].offsetLeft -
      strip.offsetLeft -
      strip.clientWidth / 2 +
      items[place].clientWidth / 2;
    strip.scrollTop =
      items[place].offsetTop -
      strip.offsetTop -
      strip.clientHeight / 2 +
      items[place].clientHeight / 2;
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    button.textContent = 'Play';
    button.setAttribute('aria-pressed', 'false');
  };
  const play = () => {
    if (Number(slider.value) === items.length - 1) {
      show(0);
    }
    timer = setInterval(
      () => (Number(slider.value) < items.length - 1 ? show(Number(slider.value) + 1) : stop()),
      500,
    );
    button.textContent = 'Stop';
    button.setAttribute('aria-pressed', 'true');
  };
  slider.addEventListener('input', () => {
    stop();
    show(Number(slider.value));
  });
  button.addEventListener('click', () => (timer === undefined ? play() : stop()));
  items.forEach((item, i) =>
    item.addEventListener('click', () => {
      stop();
      show(i);
    }),
  );
  document.documentElement.classList.add('scripted');
  viewer.hidden = items.length < 2;
  show(items.length - 1);
})();
