"use strict";
// What is new if there is a network, what was kept if there is none.
const KEPT = "tickets";
const PATIENCE_MS = 4000;
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  if (event.request.method === "GET") event.respondWith(answer(event.request));
});
async function answer(request) {
  const kept = async () => (await caches.open(KEPT)).match(request, { ignoreSearch: true, ignoreVary: true });
  try {
    const fresh = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (fresh.ok && request.mode === "navigate") {
      const cache = await caches.open(KEPT);
      await cache.put(new URL(request.url).pathname, fresh.clone());
    }
    return fresh.status < 500 ? fresh : ((await kept()) ?? fresh);
  } catch {
    return (await kept()) ?? Response.error();
  }
}
