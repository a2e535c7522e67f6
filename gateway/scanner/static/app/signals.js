// What staff hear and feel, so that nobody needs to look.

const TONES = { admitted: [[880, 0, 0.12], [1320, 0.12, 0.2]], refused: [[220, 0, 0.25], [160, 0.3, 0.45]] };
const VIBRATIONS = { admitted: [90], refused: [220, 100, 220, 100, 220] };
const VOLUME = 0.4;

export class Signals {
  constructor(choices) {
    this.choices = choices;
  }

  // Browsers allow sound only after somebody touched the page.
  unlock() {
    if (!globalThis.AudioContext) return;
    this.audio ??= new AudioContext();
    if (this.audio.state === "suspended") this.audio.resume().catch(() => {});
  }

  give(outcome) {
    if (this.choices.vibration) navigator.vibrate?.(VIBRATIONS[outcome]);
    if (this.choices.sound && this.audio?.state === "running") TONES[outcome].forEach((tone) => this.play(outcome, tone));
  }

  play(outcome, [frequency, after, seconds]) {
    const start = this.audio.currentTime + after;
    const oscillator = new OscillatorNode(this.audio, { frequency, type: outcome === "admitted" ? "sine" : "square" });
    const gain = new GainNode(this.audio, { gain: VOLUME });
    gain.gain.setTargetAtTime(0, start + seconds - 0.05, 0.015);
    oscillator.connect(gain).connect(this.audio.destination);
    oscillator.start(start);
    oscillator.stop(start + seconds);
  }
}

// The screen stays on while the page is seen.
export class Wakefulness {
  constructor() {
    document.addEventListener("visibilitychange", () => this.keep());
  }

  async keep() {
    if (document.hidden || !navigator.wakeLock || this.lock?.released === false) return;
    this.lock = await navigator.wakeLock.request("screen").catch(() => null);
  }
}
