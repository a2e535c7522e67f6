"use strict";
// The time that is left, counted down. Said aloud only when it gets short and when it is over.
const box = document.querySelector(".time-left");
if (box) {
  const end = performance.now() + 1000 * Number(box.dataset.seconds);
  const shown = box.querySelector("b");
  const before = shown.textContent;
  const number = /\d+/;
  const say = (name) => {
    const text = box.querySelector(`template.${name}`).content.textContent;
    const place = box.querySelector(".warning");
    if (place.textContent !== text) place.textContent = text;
  };
  const show = () => {
    const seconds = Math.max(0, Math.round((end - performance.now()) / 1000));
    const unit = { style: "unit", unit: seconds > 60 ? "minute" : "second", unitDisplay: "long" };
    const left = new Intl.NumberFormat(document.documentElement.lang, unit);
    const from = before.search(number);
    const label = before.slice(0, from);
    shown.textContent = `${label}${left.format(seconds > 60 ? Math.ceil(seconds / 60) : seconds)}.`;
    if (seconds <= 180) {
      box.classList.add("short");
      say(seconds ? "soon" : "over");
    }
    if (seconds) setTimeout(show, seconds > 180 ? 5000 : 1000);
  };
  if (end > performance.now()) show();
}
