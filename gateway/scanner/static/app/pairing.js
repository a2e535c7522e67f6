// The screen on which a phone becomes a scanner.

import { $, listen, show, submitted } from "./dom.js";
import { pair, pairingCode, PairingRefused } from "./device.js";
import { Camera, CameraRefused } from "./reader.js";
import { instance, Servers } from "./servers.js";

export class Pairing {
  // `paired` is called with the device.
  constructor(app, paired) {
    this.app = app;
    this.paired = paired;
    this.camera = new Camera($("pairing-video"), app.decoderUrl, (text) => this.seen(text));
    listen("pairing-camera", "click", () => this.toggleCamera());
    submitted("pairing-form", (form) => this.send(form.get("code"), form.get("name").trim()));
  }

  async open({ notice = "" } = {}) {
    const { words, store } = this.app;
    $("pairing-notice").textContent = notice;
    $("pairing-notice").hidden = !notice;
    const pending = await store.pendingCount();
    $("pairing-pending").textContent = pending ? words.say("pairing_pending", { n: pending }) : "";
    $("pairing-pending").hidden = !pending;
    this.fault("");
    show("pairing");
    const told = pairingCode(location.hash.startsWith("#pair=") ? location.hash : "");
    if (!told) return;
    $("pairing-code").value = told;
    // The code works once: it should not stay in the history.
    history.replaceState(null, "", location.pathname);
    await this.send(told, "");
  }

  async toggleCamera() {
    if (this.camera.isRunning) return this.closeCamera();
    try {
      $("pairing-finder").hidden = false;
      $("pairing-camera").textContent = this.app.words.say("pairing_stop");
      await this.camera.start();
    } catch (error) {
      this.closeCamera();
      if (!(error instanceof CameraRefused)) throw error;
      this.fault(this.app.words.say(error.what));
    }
  }

  closeCamera() {
    this.camera.stop();
    $("pairing-finder").hidden = true;
    $("pairing-camera").textContent = this.app.words.say("pairing_scan");
  }

  seen(text) {
    const code = text.includes("#pair=") ? pairingCode(text) : null;
    if (!code) return;
    $("pairing-code").value = code;
    this.closeCamera();
    this.send(code, $("pairing-name").value.trim());
  }

  async send(typed, name) {
    const { words, store } = this.app;
    const code = pairingCode(typed);
    if (!code) return this.fault(words.say("pairing_malformed"));
    this.fault("");
    try {
      const device = await pair(new Servers([instance(location.origin)]), store, code, name);
      this.closeCamera();
      $("pairing-form").reset();
      await this.paired(device);
    } catch (error) {
      this.fault(words.say(error instanceof PairingRefused ? "pairing_wrong" : "pairing_offline"));
    }
  }

  fault(text) {
    $("pairing-fault").textContent = text;
    $("pairing-code").setAttribute("aria-invalid", String(Boolean(text)));
    if (text) $("pairing-code").focus();
  }
}
