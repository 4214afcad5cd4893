// The clinician's 微信客服: who waits, whom I serve, and the chat.

import { simulator } from "./api.js";
import { avatar, faceOf } from "./avatar.js";
import { summary } from "./bubble.js";
import { guarded, h, keepFocus } from "./dom.js";
import { Talk, groupOf } from "./talk.js";
import { stamp } from "./time.js";
import { SERVICE } from "./words.js";

const ORDER = ["pool", "mine", "bot", "others", "ended"];

export class Service {
  constructor(store) {
    this.store = store;
    this.talk = new Talk(store, () => this.select(null));
    this.list = h("div.sessions", { "aria-label": SERVICE.groups.mine });
    this.node = h("div.pane.service", {}, this.list, this.talk.node);
  }

  open(userid) {
    this.userid = userid;
    this.select(null);
  }

  get session() {
    return this.sessions?.find((one) => one.external_userid === this.selected) ?? null;
  }

  /** Show these sessions: chats with {…chat, external_userid, open_kfid, person}. */
  update(sessions) {
    this.sessions = sessions.filter((one) => one.messages.length);
    this.drawList();
    this.talk.update(this.session);
  }

  toEnd() {
    this.talk.thread.toEnd();
  }

  select(externalUserid) {
    this.selected = externalUserid;
    this.talk.open(this.userid);
    this.drawList();
    this.talk.update(this.session);
  }

  drawList() {
    const groups = ORDER.map((group) => {
      const members = (this.sessions ?? []).filter((one) => groupOf(one, this.userid) === group).sort((a, b) => lastAt(b) - lastAt(a));
      return members.length ? h(`section.${group}`, {}, h("h4", {}, SERVICE.groups[group], h("i", {}, members.length)), members.map((one) => this.entry(one, group))) : null;
    });
    const any = groups.some(Boolean);
    const none = any ? null : h("p.empty", {}, SERVICE.none);
    keepFocus(this.list, () => this.list.replaceChildren(...[this.dutySwitch(), ...groups, none].filter(Boolean)));
    this.node.classList.toggle("chosen", Boolean(this.selected));
  }

  /** Receiving or not: a member who has stopped gets no sessions. */
  dutySwitch() {
    const account = this.store.accounts.find(({ open_kfid }) => this.store.duty(this.userid, open_kfid) !== undefined);
    if (!account) return null;
    const on = this.store.duty(this.userid, account.open_kfid) === 0;
    const turn = guarded(async () => {
      await simulator.duty(this.userid, account.open_kfid, !on);
      await this.store.readPeople();
      this.drawList();
    });
    return h("button.duty", { type: "button", role: "switch", "aria-checked": String(on), onclick: turn }, on ? SERVICE.duty.on : SERVICE.duty.off, h("small", {}, on ? SERVICE.duty.pause : SERVICE.duty.resume));
  }

  entry(session, group) {
    const last = session.messages.filter((message) => message.from !== "system").at(-1);
    return h(
      "button.talk",
      { type: "button", "aria-current": session.external_userid === this.selected ? "true" : null, "data-customer": session.external_userid, onclick: () => this.select(session.external_userid) },
      avatar(faceOf(session.person)),
      h("span.lines", {}, h("b", {}, session.person.nickname, h("em", {}, SERVICE.wechat)), h("small", {}, summary(last))),
      group === "pool" ? h("i.wait") : last && h("time", {}, stamp(new Date(last.at), this.store.now())),
    );
  }
}

const lastAt = (session) => new Date(session.messages.at(-1)?.at ?? 0);