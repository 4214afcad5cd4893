// The discharge sheet that a newcomer holds: what stands on it, and its code to scan.

import { product } from "./api.js";
import { guarded, h } from "./dom.js";
import { SHEET } from "./words.js";

/** The sheet above the input bar; `scan(link)` opens the chat by its code. Returns {node, show(held)}. */
export function sheet(scan) {
  let sheets = [];
  let at = 0;
  const draw = () => {
    const one = sheets[at % sheets.length];
    const rows = Object.entries(SHEET.fields).map(([name, label]) => h("span", {}, h("i", {}, label), h("b", {}, one[name])));
    const { scene, scene_param } = one;
    node.replaceChildren(
      h("b.title", {}, SHEET.title),
      h("div.rows", {}, rows),
      h(
        "div.acts",
        {},
        h("button.scan", { type: "button", onclick: guarded(() => scan({ scene, scene_param })) }, SHEET.scan),
        sheets.length > 1 && h("button", { type: "button", onclick: () => ((at += 1), draw()) }, SHEET.next),
      ),
      h("p", {}, SHEET.hint),
    );
  };
  const node = h("aside.sheet", { hidden: true, "aria-label": SHEET.title });
  return {
    node,
    /** Whether whoever holds the phone has a sheet in hand. */
    async show(held) {
      if (held !== node.hidden) return;
      if (held) sheets = await product.sheets();
      node.hidden = !held || !sheets.length;
      if (!node.hidden) draw();
    },
  };
}
