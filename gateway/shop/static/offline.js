"use strict";
// Keeps this page of tickets on the device: at the entrance there may be no network.
const { worker } = document.currentScript.dataset;
const keep = async () => {
  await navigator.serviceWorker.register(worker, { scope: location.pathname });
  const cache = await caches.open("tickets");
  await cache.addAll([location.pathname, document.querySelector('link[rel="stylesheet"]').href]);
  document.querySelector(".kept").hidden = false;
};
if ("serviceWorker" in navigator) keep().catch(() => {});
