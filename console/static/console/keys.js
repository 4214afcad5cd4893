// The keyboard: lists are walked with j and k, / finds, ? tells.
import { el } from "./dom.js";
import { WORDS } from "./words.js";

function typing(target) {
  return target.isContentEditable || target.matches?.("input:not([type=checkbox], [type=radio]), select, textarea");
}

function step(by) {
  const list = document.querySelector("[data-list] .at")?.closest("[data-list]") ?? document.querySelector("[data-list]");
  const rows = list ? [...list.querySelectorAll("tbody > tr, :scope > a, :scope > li")].filter((row) => row.offsetParent) : [];
  if (!rows.length) return;
  const from = rows.findIndex((row) => row.classList.contains("at") || row.contains(document.activeElement));
  const next = rows[Math.max(0, Math.min(rows.length - 1, from + by))];
  for (const row of rows) row.classList.toggle("at", row === next);
  const link = next.matches("a") ? next : next.querySelector("a[href], button");
  link?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function tell() {
  if (document.getElementById("shortcuts")) return;
  const rows = WORDS.keys.flatMap(([keys, text]) => [el("dt", {}, ...keys.split(" ").map((key) => el("kbd", {}, key))), el("dd", {}, text)]);
  const dialog = el("dialog", { class: "dialog", id: "shortcuts", "aria-labelledby": "shortcuts-title" },
    el("h2", { id: "shortcuts-title" }, WORDS.shortcuts), el("dl", { class: "shortcuts" }, ...rows),
    el("form", { method: "dialog" }, el("div", { class: "actions" }, el("button", { class: "btn" }, WORDS.close))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const KEYS = {
  "?": tell,
  "/": () => document.querySelector("input[type=search]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
  x: () => document.querySelector("[data-list] .at input[type=checkbox]")?.click(),
};

/** Listen; `data-keys` on a button opens the list of shortcuts. */
export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target) || document.querySelector("dialog[open]")) return;
    const own = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (own?.offsetParent) { event.preventDefault(); own.click(); }
    else if (KEYS[event.key]) { event.preventDefault(); KEYS[event.key](); }
  });
  document.addEventListener("focusin", ({ target }) => {
    const row = target.closest("[data-list] :is(tr, a, li)");
    for (const at of document.querySelectorAll("[data-list] .at")) if (at !== row && !at.contains(target)) at.classList.remove("at");
  });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-keys]")) tell(); });
}
