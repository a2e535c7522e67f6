// Where codes come from: the camera, and readers that act as a keyboard.

import { PREFIX } from "./code.js";

const MAX_SIDE = 720;
const PAUSE_MS = 60;
// The same code is read once, until it was out of sight for so long.
const OUT_OF_SIGHT_MS = 1500;

export class CameraRefused extends Error {
  // `camera_denied` or `camera_missing`.
  constructor(what) {
    super(what);
    this.what = what;
  }
}

export class Camera {
  constructor(video, decoderUrl, seen) {
    Object.assign(this, { video, decoderUrl, seen });
    this.isRunning = false;
    this.last = { text: null, at: -Infinity };
    this.canvas = document.createElement("canvas");
  }

  // Throws `CameraRefused`.
  async start() {
    this.stop();
    const wanted = { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } };
    try {
      if (!navigator.mediaDevices?.getUserMedia) throw new CameraRefused("camera_missing");
      this.stream = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
    } catch (error) {
      throw error.name === "NotAllowedError" ? new CameraRefused("camera_denied") : new CameraRefused("camera_missing");
    }
    this.video.srcObject = this.stream;
    await this.video.play().catch(() => {});
    this.detect ??= await detector(this.decoderUrl);
    this.isRunning = true;
    this.look();
  }

  stop() {
    this.isRunning = false;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  get track() {
    return this.stream?.getVideoTracks()[0];
  }

  get hasTorch() {
    return Boolean(this.track?.getCapabilities?.().torch);
  }

  async setTorch(on) {
    await this.track.applyConstraints({ advanced: [{ torch: on }] });
  }

  async look() {
    const stream = this.stream;
    while (this.isRunning && this.stream === stream) {
      const picture = document.hidden ? null : this.picture();
      const text = picture ? await this.detect(picture).catch(() => null) : null;
      if (text && this.isRunning) this.notice(text);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  notice(text) {
    const now = performance.now();
    const isNew = text !== this.last.text || now - this.last.at > OUT_OF_SIGHT_MS;
    this.last = { text, at: now };
    if (isNew) this.seen(text, now);
  }

  // The middle of what the camera sees, no larger than reading needs.
  picture() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const side = Math.min(width, height);
    if (!side) return null;
    const size = Math.min(side, MAX_SIDE);
    this.canvas.width = size;
    this.canvas.height = size;
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, size, size);
    return context.getImageData(0, 0, size, size);
  }
}

// The browser's own where it has one; else ours, which is fetched only then.
async function detector(decoderUrl) {
  const formats = await globalThis.BarcodeDetector?.getSupportedFormats().catch(() => []);
  if (formats?.includes("qr_code")) {
    const own = new BarcodeDetector({ formats: ["qr_code"] });
    return async (picture) => (await own.detect(picture))[0]?.rawValue ?? null;
  }
  const worker = new Worker(decoderUrl, { type: "module" });
  const waiting = new Map();
  let last = 0;
  worker.onmessage = ({ data }) => {
    waiting.get(data.id)?.(data.text);
    waiting.delete(data.id);
  };
  return ({ width, height, data }) =>
    new Promise((resolve) => {
      last += 1;
      waiting.set(last, resolve);
      worker.postMessage({ id: last, width, height, buffer: data.buffer }, [data.buffer]);
    });
}

const BETWEEN_KEYS_MS = 100;
// Once a code seems to be coming, from its first letter on: slow readers, and phones that are busy.
const WITHIN_CODE_MS = 1000;

function isCode(typed) {
  return typed.startsWith(PREFIX) || (typed !== "" && PREFIX.startsWith(typed));
}
const LEAST_CHARACTERS = 8;

// Readers type faster than people and end with Enter. `isTyping` tells whether a field has the keys.
export function listenToWedge(target, { seen, isTyping }) {
  let typed = "";
  let lastAt = -Infinity;
  target.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const isFast = event.timeStamp - lastAt < (isCode(typed) ? WITHIN_CODE_MS : BETWEEN_KEYS_MS);
      if (event.key === "Enter" && isFast && typed.length >= LEAST_CHARACTERS) {
        event.preventDefault();
        event.stopPropagation();
        const text = typed;
        typed = "";
        seen(text, performance.now());
        return;
      }
      if (event.key.length !== 1) return;
      if (!isFast) typed = "";
      // A space in a code must not press the button that has the focus.
      else event.preventDefault();
      typed += event.key;
      lastAt = event.timeStamp;
    },
    { capture: true },
  );
}
