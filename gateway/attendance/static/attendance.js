// Keeps the page as the server draws it: each event carries the part that changes, whole.
const state = document.getElementById("state");
const live = document.getElementById("live");
const AGAIN_MILLISECONDS = 15000;
let stream = null;
let said = "";

function say(text) {
  if (text !== said) state.textContent = said = text;
}

function show(html) {
  const open = [...live.querySelectorAll("details[open]")].map((one) => one.id);
  const focused = live.contains(document.activeElement) ? document.activeElement : null;
  const place = focused && [...live.querySelectorAll("a, summary")].indexOf(focused);
  live.innerHTML = html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) live.querySelectorAll("a, summary")[place]?.focus({ preventScroll: true });
}

function start() {
  if (stream || document.hidden) return;
  stream = new EventSource(state.dataset.stream);
  stream.addEventListener("attendance", (event) => {
    say(state.dataset.live);
    show(event.data);
  });
  stream.addEventListener("error", () => {
    // The browser tries again by itself, unless it was refused: then the page says why.
    if (stream?.readyState !== EventSource.CLOSED) return say(state.dataset.lost);
    say(state.dataset.over);
    stop();
    setTimeout(() => location.reload(), AGAIN_MILLISECONDS * Math.random());
  });
}

function stop() {
  stream?.close();
  stream = null;
}

// Nobody looks: nothing needs to be sent.
document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
start();
