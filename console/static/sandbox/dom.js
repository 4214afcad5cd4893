// Building the page from nodes. Strings always become text nodes: nothing here, or anywhere in this folder, parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: h("button.primary", {type: "button", onclick: f}, "文字", child, …). null and false children are left out. */
export function h(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElement(tag || "div"), classes, props, children);
}

/** The same for SVG; all props become attributes. */
export function s(what, props = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  return fill(document.createElementNS(SVG, tag), classes, props, children);
}

function fill(node, classes, props, children) {
  if (classes.length) node.classList.add(...classes);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Only addresses a browser may safely open; anything else (javascript:, data:) is null. */
export function safeUrl(address) {
  try {
    const url = new URL(address, location.href);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** A link to somewhere else, or plain text when the address is not one to open. */
export function link(what, address, ...children) {
  const href = safeUrl(address);
  if (!href) return h(what.replace(/^a\b/, "span"), {}, ...children);
  return h(what, { href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

const URLS = /https?:\/\/[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+/g;

/** A plain text as nodes, its web addresses made into links. */
export function linkify(text) {
  const nodes = [];
  let from = 0;
  for (const found of String(text).matchAll(URLS)) {
    nodes.push(text.slice(from, found.index), link("a", found[0], found[0]));
    from = found.index + found[0].length;
  }
  nodes.push(String(text).slice(from));
  return nodes;
}

/** Run `work` now; calls during a run lead to exactly one more run after it. */
export function coalesce(work) {
  let running = null;
  let again = false;
  return function run() {
    if (running) {
      again = true;
      return running;
    }
    running = (async () => {
      try {
        do {
          again = false;
          await work();
        } while (again);
      } finally {
        running = null;
      }
    })();
    return running;
  };
}

/** A drop-down: closes on Escape, on a click elsewhere and when an entry was chosen. */
export function dropdown(what, summary, entries, props = {}) {
  const list = h("div.drop-list", { role: "menu" }, entries);
  const box = h(`details.drop.${what}`, props, h("summary", {}, summary), list);
  list.addEventListener("click", () => (box.open = false));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    box.open = false;
    box.querySelector("summary").focus();
  });
  return box;
}

document.addEventListener("click", (event) => {
  for (const box of document.querySelectorAll("details.drop[open]")) if (!box.contains(event.target)) box.open = false;
});

/** Enter sends; Shift+Enter and the Enter that ends a pinyin input do not. */
export function onEnter(field, send) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  });
}

let lastToast;
/** A short notice at the foot of the page; read out by screen readers. */
export function toast(text, kind = "info") {
  lastToast?.remove();
  lastToast = h(`div.toast.${kind}`, {}, text);
  byId("toasts").append(lastToast);
  const mine = lastToast;
  setTimeout(() => mine.remove(), kind === "error" ? 6000 : 3000);
}

/** Wrap an action of the user: what goes wrong is shown, not swallowed. */
export function guarded(action) {
  return async (...args) => {
    try {
      return await action(...args);
    } catch (error) {
      toast(error.message, "error");
      return undefined;
    }
  };
}

/** Redraw something with buttons and put the focus back on the one that had it. */
export function keepFocus(place, draw) {
  const index = [...place.querySelectorAll("button")].indexOf(document.activeElement);
  draw();
  if (index >= 0) place.querySelectorAll("button")[index]?.focus();
}

/** Let the arrow keys walk along a row of buttons. */
export function arrows(row) {
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
  row.addEventListener("keydown", (event) => {
    const buttons = [...row.querySelectorAll("button")];
    const index = buttons.indexOf(document.activeElement);
    if (!step[event.key] || index < 0) return;
    event.preventDefault();
    buttons[(index + step[event.key] + buttons.length) % buttons.length].focus();
  });
}
