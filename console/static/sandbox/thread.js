// A list of chat messages that is brought up to date in place: what has not changed is not redrawn, and the reader's place is kept.

import { bubble } from "./bubble.js";
import { h } from "./dom.js";
import { stamp } from "./time.js";
import { CHAT, PHONE } from "./words.js";

const STAMP_GAP = 5 * 60e3;
const RECALL_WITHIN = 2 * 60e3;

export class Thread {
  /**
   * `view` says whose eyes these are: {side(message) → "mine" | "theirs", face(message) → node, name?(message) → text above the bubble,
   * tap?(item), recall?(message), mayRecall?(message)}.
   */
  constructor(view, store) {
    this.view = view;
    this.store = store;
    this.rows = new Map();
    this.pending = [];
    this.tail = h("div.tail");
    this.list = h("div.lines");
    this.node = h("div.thread", { role: "log", tabindex: "0" }, this.list, this.tail);
  }

  clear() {
    this.rows.clear();
    this.pending = [];
    this.list.replaceChildren();
    this.tail.replaceChildren();
  }

  /** Show these messages, oldest first. */
  update(messages) {
    const stick = this.atEnd() || !this.rows.size;
    const fresh = new Map();
    for (const { message, lines } of withLines(messages, this.store)) {
      const key = JSON.stringify([message, lines, this.recallable(message)]);
      const old = this.rows.get(message.msgid);
      fresh.set(message.msgid, old?.key === key ? old : { key, node: this.row(message, lines) });
    }
    const nodes = [...fresh.values()].map((row) => row.node);
    for (const [index, node] of nodes.entries()) {
      if (this.list.children[index] !== node) this.list.insertBefore(node, this.list.children[index] ?? null);
    }
    while (this.list.children.length > nodes.length) this.list.lastElementChild.remove();
    this.rows = fresh;
    this.pending = this.pending.filter((waiting) => !fresh.has(waiting.msgid));
    this.drawTail();
    if (stick) this.toEnd();
  }

  /** Show a message at once, before the server has it; returns a handle with settle(msgid) and fail(retry). */
  expect(message) {
    const waiting = { message, state: "sending" };
    this.pending.push(waiting);
    this.drawTail();
    this.toEnd();
    return {
      settle: (msgid) => {
        waiting.msgid = msgid;
        waiting.state = "sent";
        this.pending = this.pending.filter((one) => !this.rows.has(one.msgid));
        this.drawTail();
      },
      fail: (retry) => {
        waiting.state = "failed";
        waiting.retry = () => {
          this.pending = this.pending.filter((one) => one !== waiting);
          retry();
        };
        this.drawTail();
      },
    };
  }

  setTyping(face) {
    this.typing = face;
    this.drawTail();
  }

  drawTail() {
    const stick = this.atEnd();
    const rows = this.pending.map((waiting) => {
      const mark =
        waiting.state === "failed" && h("button.alarm", { type: "button", title: PHONE.retry, "aria-label": PHONE.retry, onclick: waiting.retry }, "!");
      return h(`div.line.mine.${waiting.state}`, {}, h("div.said", {}, h("div.body", {}, mark, bubble(waiting.message))), this.view.face(waiting.message));
    });
    if (this.typing) rows.push(h("div.line.theirs.typing", {}, this.typing(), h("div.said", {}, h("div.bubble.text", { "aria-label": PHONE.typing }, h("i"), h("i"), h("i")))));
    this.tail.replaceChildren(...rows);
    if (stick) this.toEnd();
  }

  row(message, lines) {
    const above = lines.map((line) => h("div.system", {}, h("span", {}, line)));
    return h("div.entry", { "data-msgid": message.msgid }, above, this.content(message));
  }

  content(message) {
    const side = this.view.side(message);
    if (message.status === "recalled") return h("div.system", {}, h("span", {}, side === "mine" ? CHAT.recalled.mine : CHAT.recalled.other));
    if (message.from === "system") return h("div.system", {}, h("span", {}, systemText(message)));
    const name = this.view.name?.(message);
    const failed = message.status === "failed" && h("span.alarm", { title: CHAT.failed, "aria-label": CHAT.failed }, "!");
    const recall = this.recallable(message) && h("button.recall", { type: "button", onclick: () => this.view.recall(message) }, PHONE.recall);
    const said = h("div.said", {}, name && h("span.name", {}, name), h("div.body", {}, failed, recall, bubble(message, { tap: this.view.tap })));
    return side === "mine" ? h("div.line.mine", {}, said, this.view.face(message)) : h("div.line.theirs", {}, this.view.face(message), said);
  }

  recallable(message) {
    return (this.view.mayRecall?.(message) ?? Boolean(this.view.recall)) && message.status === "sent" && this.view.side(message) === "mine" && this.store.now() - new Date(message.at) < RECALL_WITHIN;
  }

  atEnd() {
    return this.node.scrollHeight - this.node.scrollTop - this.node.clientHeight < 60;
  }

  toEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }
}

/** Each message with the system lines above it: the time after a pause, and who speaks when a person takes over. */
function withLines(messages, store) {
  let before = null;
  let voice = null;
  return messages.map((message) => {
    const lines = [];
    const at = new Date(message.at);
    if (!before || at - before > STAMP_GAP) lines.push(stamp(at, store.now()));
    before = at;
    if (message.from === "bot") voice = null;
    if (message.from === "servicer") {
      if (voice !== message.userid) lines.push(CHAT.servicerNow(store.memberName(message.userid)));
      voice = message.userid;
    }
    return { message, lines };
  });
}

const systemText = (message) => message[message.msgtype]?.content ?? message[message.msgtype]?.text ?? CHAT.other;
