// Three things to try, for someone who sees the page for the first time.

import { icon } from "./icons.js";
import { h } from "./dom.js";
import { HINTS } from "./words.js";

const SEEN = "careloop.hints-seen";

/** The card above the input bar; `say(text)` sends a suggestion. Returns {node, open(), used()}. */
export function hints(say) {
  const close = () => {
    node.hidden = true;
    localStorage.setItem(SEEN, "1");
  };
  const left = new Set(HINTS.tries);
  const button = (text) =>
    h("button", { type: "button", onclick: (event) => (left.delete(text), event.currentTarget.classList.add("tried"), say(text)) }, text);
  const node = h(
    "aside.hints",
    { hidden: localStorage.getItem(SEEN) !== null, "aria-label": HINTS.title },
    h("button.close", { type: "button", "aria-label": HINTS.close, onclick: close }, icon("close")),
    h("b", {}, HINTS.title),
    h("div.tries", {}, HINTS.tries.map(button)),
    h("p", {}, HINTS.more),
  );
  return {
    node,
    open() {
      node.hidden = false;
      node.classList.remove("compact");
      node.querySelector(".tries button").focus();
    },
    /** Something was sent: the card gets out of the way, and once all were tried it goes by itself. */
    used() {
      node.classList.add("compact");
      if (!left.size) close();
    },
  };
}
