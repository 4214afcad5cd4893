// Questions before what cannot be taken back, menus, and dialogs that buttons open.
import { el } from "./dom.js";
import { WORDS } from "./words.js";

/** Ask; resolves to true when the person agrees. */
export function ask(question, { yes = WORDS.confirm, danger = false } = {}) {
  return new Promise((resolve) => {
    const agree = el("button", { class: danger ? "btn primary danger" : "btn primary", value: "yes" }, yes);
    const dialog = el("dialog", { class: "dialog", "aria-label": question },
      el("form", { method: "dialog" }, el("p", {}, question),
        el("div", { class: "actions" }, el("button", { class: "btn", value: "no", autofocus: danger }, WORDS.cancel), agree)));
    dialog.addEventListener("close", () => { resolve(dialog.returnValue === "yes"); dialog.remove(); });
    document.body.append(dialog);
    dialog.showModal();
    (danger ? dialog.querySelector("[value=no]") : agree).focus();
  });
}

function asked(source) {
  return ask(source.dataset.confirm || WORDS.sure, { yes: source.dataset.yes || WORDS.confirm, danger: "danger" in source.dataset });
}

/** `data-confirm="question"` on a form or its button; `data-open="id"` on a button, `data-close` inside a dialog. */
export function startDialogs() {
  document.addEventListener("submit", (event) => {
    const form = event.target, button = event.submitter;
    const source = button?.matches("[data-confirm]") ? button : form.matches("[data-confirm]") ? form : null;
    if (!source || event.detail?.agreed || form.dataset.agreed || form.matches("[hx-post], [hx-get]")) return busy(form, event);
    event.preventDefault();
    event.stopImmediatePropagation();
    asked(source).then((agreed) => {
      if (!agreed) return;
      form.dataset.agreed = "1";
      form.requestSubmit(button ?? undefined);
      delete form.dataset.agreed;
    });
  }, true);
  document.body.addEventListener("htmx:confirm", (event) => {
    const by = event.detail.triggeringEvent?.submitter;
    const source = by?.matches("[data-confirm]") ? by : event.detail.elt.matches("[data-confirm]") ? event.detail.elt : null;
    if (!source) return;
    event.preventDefault();
    asked(source).then((agreed) => agreed && event.detail.issueRequest(true));
  });
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]"), closer = event.target.closest("[data-close]");
    if (opener) document.getElementById(opener.dataset.open)?.showModal();
    if (closer) closer.closest("dialog")?.close();
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.activeElement?.closest("details.menu[open]");
    if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
  });
  // A page that comes back out of the browser's store is not waiting for anything.
  addEventListener("pageshow", () => { for (const button of document.querySelectorAll(".btn[aria-busy]")) button.removeAttribute("aria-busy"); });
}

// A form that was sent cannot be sent twice.
function busy(form, event) {
  if (event.defaultPrevented || form.method === "dialog" || form.matches("[hx-post], [hx-get], [target]")) return;
  if (form.dataset.sent && Date.now() - form.dataset.sent < 5_000) return event.preventDefault();
  form.dataset.sent = Date.now();
  event.submitter?.setAttribute("aria-busy", "true");
}
