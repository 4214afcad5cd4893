// The clinician's app messages: alerts and notices as WeCom shows them.

import { simulator } from "./api.js";
import { botAvatar } from "./avatar.js";
import { card, isEmergency } from "./card.js";
import { guarded, h } from "./dom.js";
import { icon } from "./icons.js";
import { notice } from "./notice.js";
import { stamp } from "./time.js";
import { DESK } from "./words.js";

const GAP = 5 * 60e3;
// A little longer than the animations in card.css.
const GLOW_MS = 3500;

export class Inbox {
  constructor(store) {
    this.store = store;
    this.rows = new Map();
    this.list = h("div.stream", { role: "log", tabindex: "0", "aria-label": DESK.inbox });
    this.node = h("div.pane.inbox", {}, this.list);
  }

  /** Another member looks: start afresh. `seen(msgid)` tells which messages he has seen before. */
  open(userid) {
    this.userid = userid;
    this.rows.clear();
    this.list.replaceChildren();
  }

  toEnd() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  /** Show the member's messages; those in `fresh` glow for a moment. */
  update(messages, fresh) {
    const stick = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80 || !this.rows.size;
    const rows = new Map();
    let before = null;
    for (const message of messages) {
      const at = new Date(message.at);
      const time = !before || at - before > GAP ? stamp(at, this.store.now()) : null;
      const key = JSON.stringify([message, time]);
      const old = this.rows.get(message.msgid);
      rows.set(message.msgid, old?.key === key ? old : { key, node: this.row(message, time) });
      if (fresh.has(message.msgid)) glow(rows.get(message.msgid).node);
      before = at;
    }
    this.rows = rows;
    const nodes = [...rows.values()].map((row) => row.node);
    const focused = this.list.contains(document.activeElement);
    if (nodes.some((node, index) => this.list.children[index] !== node) || nodes.length !== this.list.children.length) {
      this.list.replaceChildren(...nodes);
      if (focused) this.list.focus();
    }
    if (!nodes.length) this.list.replaceChildren(h("p.empty", {}, icon("inbox"), DESK.noCards));
    if (stick) this.toEnd();
  }

  row(message, time) {
    if (message.status === "recalled") return h("div.entry", { "data-msgid": message.msgid }, h("div.system", {}, h("span", {}, DESK.recalled)));
    const body = message.msgtype === "template_card" ? this.card(message) : notice(message);
    const urgent = message.msgtype === "template_card" && isEmergency(message.template_card);
    return h(
      `div.entry${urgent ? ".urgent" : ""}`,
      { "data-msgid": message.msgid, "data-task-id": message.task_id },
      time && h("div.system", {}, h("span", {}, time)),
      h("div.line.theirs", {}, botAvatar(), h("div.said", {}, h("span.name", {}, this.store.appName(message.agentid)), body)),
    );
  }

  card(message) {
    const userid = this.userid;
    const click = guarded(async (key, selected) => {
      await simulator.click(userid, message.task_id, { key, selected });
      this.store.note({ userid });
      await this.store.refresh();
      return true;
    });
    return card(message.template_card, cardState(message), { click, name: (id) => this.store.member(id).name });
  }
}

/** Draw the eye once: a node that is put back into the page later must not glow again. */
function glow(node) {
  node.classList.add("fresh");
  setTimeout(() => node.classList.remove("fresh"), GLOW_MS);
}

/** What the simulator says about a card, as card.js wants it. */
function cardState(message) {
  const state = message.card_state ?? {};
  return { done: Boolean(state.disabled), replace_name: state.replace_name, selected: state.selected };
}
