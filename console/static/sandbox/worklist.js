// The clinician's open work, as the product lists it.

import { h, keepFocus } from "./dom.js";
import { stamp } from "./time.js";
import { WORK } from "./words.js";

export class WorkList {
  constructor(store) {
    this.store = store;
    this.kind = null;
    this.node = h("div.pane.work", { tabindex: "0" });
  }

  open(userid) {
    this.userid = userid;
    this.kind = null;
  }

  /** Show these items: [{kind, level, patient, text, at, state}]. */
  update(items) {
    this.items = items;
    const shown = items.filter((item) => !this.kind || item.kind === this.kind);
    const head = h("header", {}, h("h3", {}, WORK.title(this.store.memberName(this.userid))), this.filters(items));
    const list = shown.length ? h("ul", {}, shown.map((item) => this.row(item))) : h("p.empty", {}, WORK.none);
    keepFocus(this.node, () => this.node.replaceChildren(head, list));
  }

  filters(items) {
    const button = (kind, text, count) =>
      h("button", { type: "button", "aria-pressed": String(this.kind === kind), onclick: () => ((this.kind = kind), this.update(this.items)) }, text, h("i", {}, count));
    const kinds = Object.keys(WORK.kinds).filter((kind) => items.some((item) => item.kind === kind));
    return h("div.filters", {}, button(null, WORK.all, items.length), kinds.map((kind) => button(kind, WORK.kinds[kind], items.filter((item) => item.kind === kind).length)));
  }

  row(item) {
    const level = WORK.levels[item.level] ? item.level : "none";
    return h(
      `li.${level}`,
      {},
      h("span.level", {}, WORK.levels[level] ?? WORK.noLevel),
      h("div", {}, h("p", {}, h("b", {}, item.patient), h("em", {}, WORK.kinds[item.kind] ?? item.kind)), h("p.what", {}, item.text)),
      h("div.side", {}, h("time", {}, item.at ? stamp(new Date(item.at), this.store.now()) : ""), h("span", {}, WORK.states[item.state] ?? item.state ?? "")),
    );
  }
}
