// The clinician's WeCom: who sits at it, its three tabs, and what is unread for whom.

import { avatar, memberFace } from "./avatar.js";
import { arrows, byId, guarded, h, keepFocus } from "./dom.js";
import { icon } from "./icons.js";
import { isEmergency } from "./card.js";
import { Inbox } from "./inbox.js";
import { Service } from "./service.js";
import { groupOf } from "./talk.js";
import { WorkList } from "./worklist.js";
import { DESK } from "./words.js";

const SEEN = "careloop.seen";
const SEEN_MOST = 1000;

export class Desk {
  constructor(store) {
    this.store = store;
    this.seen = new Set(JSON.parse(localStorage.getItem(SEEN) ?? "[]"));
    this.tab = "inbox";
    this.panes = { inbox: new Inbox(store), service: new Service(store), work: new WorkList(store) };
    this.members = h("nav.members", { "aria-label": DESK.members });
    this.rail = h("nav.rail", { role: "tablist" });
    this.body = h("div.desk-body", {});
    for (const row of [this.members, this.rail]) arrows(row);
    byId("desk").replaceChildren(this.members, h("div.desk-main", {}, this.rail, this.body));
  }

  async choose(member) {
    if (!member) return;
    this.member = member;
    sessionStorage.setItem("careloop.member", member.userid);
    for (const pane of Object.values(this.panes)) pane.open(member.userid);
    this.show(this.tab);
    this.store.worker = member.userid;
    this.store.work = [];
    await this.store.refresh();
  }

  show(tab) {
    this.tab = tab;
    this.body.replaceChildren(this.panes[tab].node);
    this.draw();
    this.panes[tab].toEnd?.();
  }

  sessions() {
    return this.store.people.map((person) => ({ ...this.store.chat(person.external_userid), open_kfid: person.open_kfid, external_userid: person.external_userid, person }));
  }

  draw() {
    if (!this.member) return;
    const { userid } = this.member;
    const unread = this.unread(userid);
    const looking = this.tab === "inbox" && document.visibilityState === "visible" && this.visible();
    if (this.tab === "inbox") this.panes.inbox.update(this.store.inbox(userid), new Set(unread.map((one) => one.msgid)));
    if (this.tab === "service") this.panes.service.update(this.sessions());
    if (this.tab === "work") this.panes.work.update(this.store.work);
    if (looking) this.markSeen(unread);
    this.drawMembers();
    this.drawRail();
  }

  /** On a narrow screen the desk may be behind the phone. */
  visible() {
    return byId("desk").offsetParent !== null || getComputedStyle(byId("desk")).display !== "none";
  }

  unread(userid) {
    return this.store.inbox(userid).filter((message) => !this.seen.has(`${userid}/${message.msgid}`));
  }

  markSeen(messages) {
    if (!messages.length) return;
    for (const message of messages) this.seen.add(`${this.member.userid}/${message.msgid}`);
    this.seen = new Set([...this.seen].slice(-SEEN_MOST));
    localStorage.setItem(SEEN, JSON.stringify([...this.seen]));
  }

  drawMembers() {
    const one = (member) => {
      const unread = this.unread(member.userid);
      const urgent = unread.some((message) => isEmergency(message.template_card));
      return h(
        `button.member-chip${urgent ? ".urgent" : ""}`,
        { type: "button", "aria-pressed": String(member === this.member), "data-member": member.userid, title: [member.team, member.title].filter(Boolean).join(" "), onclick: guarded(() => this.choose(member)) },
        h("span.face", {}, avatar(memberFace(member)), badge(unread.length)),
        h("span", {}, h("b", {}, member.name), h("small", {}, member.title ?? "")),
      );
    };
    keepFocus(this.members, () => this.members.replaceChildren(...this.store.members.map(one)));
    const total = this.store.members.reduce((sum, member) => sum + this.unread(member.userid).length, 0);
    const side = byId("desk-badge");
    side.hidden = !total;
    side.textContent = total;
    document.title = total ? `(${total}) CareLoop 沙盒` : "CareLoop 沙盒";
  }

  drawRail() {
    const waiting = this.sessions().filter((session) => groupOf(session, this.member.userid) === "pool").length;
    const counts = { inbox: this.unread(this.member.userid).length, service: waiting, work: this.store.work.length };
    const one = (tab) =>
      h(
        "button",
        { type: "button", role: "tab", "aria-selected": String(tab === this.tab), "data-tab": tab, onclick: () => this.show(tab) },
        h("span.face", {}, icon(tab), badge(counts[tab], tab === "work" ? "calm" : "")),
        DESK[tab],
      );
    keepFocus(this.rail, () => this.rail.replaceChildren(...["inbox", "service", "work"].map(one)));
  }
}

function badge(count, kind = "") {
  return count > 0 && h(kind ? `i.badge.${kind}` : "i.badge", { "aria-label": DESK.unread(count) }, count > 99 ? "99+" : count);
}
