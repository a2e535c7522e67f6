"use strict";
// On an establishment's own site:
// <script src="https://tickets.example/embed.js" data-offer="musee-exemple/<offer id>" async></script>
(() => {
  const script = document.currentScript;
  const [slug, offer] = (script.dataset.offer || "").split("/");
  if (!slug || !offer) return;
  const home = new URL(script.src).origin;
  const language = script.dataset.lang ? `?lang=${encodeURIComponent(script.dataset.lang)}` : "";
  const frame = document.createElement("iframe");
  frame.src = `${home}/${encodeURIComponent(slug)}/embed/${encodeURIComponent(offer)}${language}`;
  frame.title = script.dataset.title || document.title;
  frame.loading = "lazy";
  frame.style.cssText = "border:0;width:100%;height:60rem;color-scheme:normal";
  addEventListener("message", (event) => {
    if (event.origin === home && event.source === frame.contentWindow && event.data?.parvisHeight > 0) {
      frame.style.height = `${Math.ceil(event.data.parvisHeight)}px`;
    }
  });
  script.after(frame);
})();
