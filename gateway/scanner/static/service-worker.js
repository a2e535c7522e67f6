"use strict";
// Keeps the app on the phone. The lines above this file name what it keeps: VERSION, PAGE, APP and DECODER.
const KEPT = `scanner-${VERSION}`;

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keep());
});
addEventListener("activate", (event) => event.waitUntil(Promise.all([clients.claim(), forgetOlder()])));
addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  const isOurs = origin === location.origin && (pathname === PAGE || pathname.startsWith(`${PAGE}/`));
  if (event.request.method === "GET" && isOurs) event.respondWith(answer(event.request, pathname));
});

async function keep() {
  const cache = await caches.open(KEPT);
  const files = (await readsCodes()) ? APP : [...APP, ...DECODER];
  await cache.add(new Request(PAGE, { cache: "reload" }));
  await Promise.all(files.map((file) => keepOne(cache, file)));
}

// Names of files change with their content: what an older version kept under the same name is the same.
async function keepOne(cache, file) {
  const older = await caches.match(file);
  await (older ? cache.put(file, older) : cache.add(file));
}

async function readsCodes() {
  const formats = await self.BarcodeDetector?.getSupportedFormats().catch(() => []);
  return Boolean(formats?.includes("qr_code"));
}

async function forgetOlder() {
  const names = await caches.keys();
  const older = names.filter((name) => name.startsWith("scanner-") && name !== KEPT);
  await Promise.all(older.map((name) => caches.delete(name)));
}

async function answer(request, pathname) {
  const cache = await caches.open(KEPT);
  const kept = await cache.match(pathname, { ignoreVary: true });
  if (kept) return kept;
  const fresh = await fetch(request);
  if (fresh.ok && DECODER.includes(pathname)) await cache.put(pathname, fresh.clone());
  return fresh;
}
