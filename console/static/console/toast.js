// Short notes at the bottom: what was done, with a way back, or what went wrong.
import { send, sentence } from "./api.js";
import { el, icon } from "./dom.js";
import { WORDS } from "./words.js";

// WCAG 2.2.1: enough time to read; a note that offers a way back or tells of an error stays longer.
const SHORT = 5_000, LONG = 12_000, MOST = 3;

/** Show `text`. `undo` is a path to POST to, or a function; `bad` for errors. */
export function toast(text, { undo = null, bad = false } = {}) {
  const place = document.getElementById("toasts");
  const note = el("div", { class: bad ? "toast bad" : "toast" }, el("p", {}, text));
  let timer;
  const close = () => { clearTimeout(timer); note.remove(); };
  const wait = () => { clearTimeout(timer); timer = setTimeout(close, undo || bad ? LONG : SHORT); };
  if (undo) note.append(el("button", { type: "button", click: () => { close(); takeBack(undo); } }, WORDS.undo));
  note.append(el("button", { type: "button", "aria-label": WORDS.close, click: close }, icon("close")));
  note.addEventListener("pointerenter", () => clearTimeout(timer));
  note.addEventListener("focusin", () => clearTimeout(timer));
  note.addEventListener("pointerleave", wait);
  note.addEventListener("focusout", wait);
  place.append(note);
  while (place.children.length > MOST) place.firstElementChild.remove();
  wait();
}

async function takeBack(undo) {
  if (typeof undo === "function") return undo();
  try {
    const answer = await send(undo);
    location.assign(answer.redirected ? answer.url : location.href);
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

/** Notes that the server asks for: after a redirect in the page, under htmx by HX-Trigger: {"toast": {...}}. */
export function startToasts() {
  const said = document.getElementById("said");
  if (said) {
    toast(said.content.textContent.trim(), { undo: said.dataset.undo ?? null });
    const here = new URL(location.href);
    for (const name of ["said", "undo", "proof"]) here.searchParams.delete(name);
    history.replaceState(history.state, "", here);
  }
  document.body.addEventListener("toast", ({ detail }) => toast(detail.text, detail));
  document.body.addEventListener("htmx:responseError", ({ detail: { xhr } }) => {
    toast(sentenceOf(xhr), { bad: true });
  });
  document.body.addEventListener("htmx:sendError", () => toast(WORDS.no_answer, { bad: true }));
  document.body.addEventListener("htmx:timeout", () => toast(WORDS.slow, { bad: true }));
}

function sentenceOf(xhr) {
  return sentence(xhr.getResponseHeader("Content-Type") ?? "", xhr.responseText);
}
