"use strict";
// Comfort only: everything works without.
for (const form of document.querySelectorAll("form.tickets")) {
  const fields = [...form.querySelectorAll("input[data-price]")];
  const total = form.querySelector(".total");
  const style = { style: "currency", currency: form.dataset.currency, trailingZeroDisplay: "stripIfInteger" };
  const money = new Intl.NumberFormat(document.documentElement.lang, style);
  const minor = 10 ** money.resolvedOptions().maximumFractionDigits;
  const count = () => {
    const number = fields.reduce((sum, field) => sum + (field.valueAsNumber || 0), 0);
    const amount = fields.reduce((sum, field) => sum + (field.valueAsNumber || 0) * Number(field.dataset.price), 0);
    total.hidden = number === 0;
    total.querySelector("output").value = amount ? money.format(amount / minor) : total.dataset.free;
  };
  for (const field of fields) {
    const step = (sign, by) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "step";
      button.textContent = sign;
      button.setAttribute("aria-label", `${sign} ${form.querySelector(`label[for="${field.id}"]`).textContent}`);
      button.addEventListener("click", () => {
        const wanted = (field.valueAsNumber || 0) + by;
        field.value = Math.max(Number(field.min), Math.min(Number(field.max), wanted));
        count();
      });
      return button;
    };
    field.before(step("−", -1));
    field.after(step("+", 1));
    field.addEventListener("input", count);
  }
  count();
}
// A double click must not order twice. Coming back to the page opens the form again.
addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
document.getElementById("faults")?.focus();
