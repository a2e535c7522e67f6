// What the person at the gate has chosen for this phone. None of it is anybody's data.

import { preferredLanguage } from "./words.js";

const NAME = "parvis-scanner";
const DEFAULTS = { theme: "auto", sound: true, vibration: true, gate_id: null };

export function readChoices() {
  const language = preferredLanguage(navigator.languages ?? [navigator.language]);
  try {
    return { ...DEFAULTS, language, ...JSON.parse(localStorage.getItem(NAME) ?? "{}") };
  } catch {
    return { ...DEFAULTS, language };
  }
}

export function keepChoices(choices) {
  try {
    localStorage.setItem(NAME, JSON.stringify(choices));
  } catch {
    // They last as long as the page, then.
  }
}

export function applyTheme(theme) {
  document.documentElement.dataset.theme = theme;
}
