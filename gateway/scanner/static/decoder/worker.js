// Finds QR codes in pictures, away from the page's own thread.

import { prepareZXingModule, readBarcodes } from "./zxing/reader/index.js";

const OPTIONS = { formats: ["QRCode"], maxNumberOfSymbols: 1, tryHarder: true, tryDenoise: false };

prepareZXingModule({ overrides: { locateFile: (file) => new URL(`./zxing/${file}`, import.meta.url).href }, fireImmediately: true });

addEventListener("message", async ({ data: { id, width, height, buffer } }) => {
  try {
    const found = await readBarcodes({ width, height, data: new Uint8ClampedArray(buffer) }, OPTIONS);
    postMessage({ id, text: found[0]?.text ?? null });
  } catch (error) {
    postMessage({ id, text: null, error: String(error) });
  }
});
