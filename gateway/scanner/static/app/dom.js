export const $ = (id) => document.getElementById(id);

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// One screen at a time; whoever reads with their ears starts at its top.
export function show(screen) {
  if (document.body.dataset.state === screen) return;
  document.body.dataset.state = screen;
  for (const section of document.querySelectorAll("[data-screen]")) section.hidden = section.dataset.screen !== screen;
}

export function screenShown() {
  return document.body.dataset.state;
}

export function translate(words) {
  document.documentElement.lang = words.language;
  for (const place of document.querySelectorAll("[data-say]")) place.textContent = words.say(place.dataset.say);
}

// Said aloud by screen readers, also when it is the same as before.
export function announce(text) {
  $("heard").textContent = "";
  requestAnimationFrame(() => ($("heard").textContent = text));
}

export function listen(id, event, act) {
  $(id).addEventListener(event, act);
}

export function submitted(id, act) {
  listen(id, "submit", (event) => {
    event.preventDefault();
    act(new FormData(event.target));
  });
}
