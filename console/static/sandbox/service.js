// The clinician's 微信客服: who waits, whom I serve, and the chat.

import { simulator } from "./api.js";
import { avatar, botAvatar, icon } from "./avatar.js";
import { summary } from "./bubble.js";
import { dropdown, guarded, h, onEnter, toast } from "./dom.js";
import { Thread } from "./thread.js";
import { stamp } from "./time.js";
import { SERVICE } from "./words.js";

const [POOL, HUMAN, ENDED] = [2, 3, 4];
const ORDER = ["pool", "mine", "bot", "others", "ended"];

/** Which heading a session stands under for this member. */
export function groupOf(session, userid) {
  if (session.service_state === POOL) return "pool";
  if (session.service_state === HUMAN) return session.servicer_userid === userid ? "mine" : "others";
  return session.service_state === ENDED ? "ended" : "bot";
}

export class Service {
  constructor(store) {
    this.store = store;
    this.thread = new Thread(
      {
        side: (message) => (message.from === "customer" || message.from === "system" ? "theirs" : "mine"),
        face: (message) => this.face(message),
        name: (message) => (message.from === "servicer" && message.userid !== this.userid ? store.member(message.userid).name : null),
        mayRecall: (message) => message.userid === this.userid,
        recall: (message) => this.act(this.session, { act: "recall", msgid: message.msgid })(),
      },
      store,
    );
    this.list = h("div.sessions", { "aria-label": SERVICE.groups.mine });
    this.talk = h("div.talk-pane", {});
    this.node = h("div.pane.service", {}, this.list, this.talk);
    this.drafts = new Map();
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
    this.drawTalk();
  }

  select(externalUserid) {
    this.selected = externalUserid;
    this.shown = null;
    this.thread.clear();
    this.drawList();
    this.drawTalk();
  }

  drawList() {
    const groups = ORDER.map((group) => {
      const members = (this.sessions ?? []).filter((one) => groupOf(one, this.userid) === group).sort((a, b) => lastAt(b) - lastAt(a));
      return members.length ? h(`section.${group}`, {}, h("h4", {}, SERVICE.groups[group], h("i", {}, members.length)), members.map((one) => this.entry(one, group))) : null;
    });
    const any = groups.some(Boolean);
    this.list.replaceChildren(...[this.dutySwitch(), ...groups].filter(Boolean));
    if (!any) this.list.append(h("p.empty", {}, SERVICE.none));
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

  drawTalk() {
    const session = this.session;
    if (!session) return this.talk.replaceChildren(h("p.empty", {}, icon("service"), SERVICE.pick));
    const state = `${session.external_userid}/${session.service_state}/${session.servicer_userid}`;
    if (this.shown !== state) {
      this.shown = state;
      this.talk.replaceChildren(this.header(session), this.thread.node, this.foot(session));
      this.talk.querySelector("textarea")?.focus({ preventScroll: true });
    }
    return this.thread.update(session.messages);
  }

  header(session) {
    const group = groupOf(session, this.userid);
    const says = SERVICE.states[session.service_state];
    const patients = (session.person.patients ?? []).map((one) => [one.name, one.sex, one.age_text].filter(Boolean).join(" ")).join("、");
    return h(
      "header.talk-head",
      {},
      h("button.back", { type: "button", "aria-label": SERVICE.back, onclick: () => this.select(null) }, icon("back")),
      h("div", {}, h("h3", {}, session.person.nickname, h("em", {}, SERVICE.wechat)), h("p", {}, [patients, typeof says === "function" ? says(this.store.member(session.servicer_userid).name) : says].filter(Boolean).join(" · "))),
      group === "mine" && this.transferMenu(session),
      group === "mine" && this.endButton(session),
    );
  }

  transferMenu(session) {
    const others = this.store.members.filter((member) => member.userid !== this.userid && this.store.duty(member.userid, session.open_kfid) === 0);
    const entry = (member) =>
      h("button", { type: "button", role: "menuitem", onclick: this.act(session, { act: "transfer", to_userid: member.userid }, SERVICE.transferred(member.name)) }, avatar({ seed: member.userid, hint: `${member.title}${member.name}` }), h("span", {}, member.name, h("small", {}, member.title)));
    return dropdown("transfer", SERVICE.transfer, others.map(entry));
  }

  /** Ending takes two clicks: the parent falls back to the assistant and the desk cannot undo what he reads. */
  endButton(session) {
    const end = this.act(session, { act: "end" });
    const button = h("button.quiet", { type: "button" }, SERVICE.end);
    button.addEventListener("click", () => {
      if (button.classList.contains("sure")) return void end();
      button.classList.add("sure");
      button.textContent = SERVICE.endSure;
      return void setTimeout(() => {
        button.classList.remove("sure");
        button.textContent = SERVICE.end;
      }, 4000);
    });
    return button;
  }

  foot(session) {
    const group = groupOf(session, this.userid);
    if (group === "mine") return this.reply(session);
    if (this.store.duty(this.userid, session.open_kfid) === undefined && group !== "others" && group !== "bot") return h("footer.take", {}, h("span", {}, SERVICE.notServicer));
    if (group === "pool") return h("footer.take", {}, h("button.primary", { type: "button", onclick: this.act(session, { act: "take" }) }, SERVICE.take));
    if (group === "ended") return h("footer.take", {}, h("button.quiet", { type: "button", onclick: this.act(session, { act: "reopen" }) }, SERVICE.reopen));
    return h("footer.take", {}, h("span", {}, SERVICE.groups[group]));
  }

  reply(session) {
    const field = h("textarea", { rows: 2, placeholder: SERVICE.placeholder, "aria-label": SERVICE.placeholder, maxlength: 2000 });
    field.value = this.drafts.get(session.external_userid) ?? "";
    field.addEventListener("input", () => this.drafts.set(session.external_userid, field.value));
    const send = guarded(async () => {
      const content = field.value.trim();
      if (!content) return;
      field.value = "";
      this.drafts.delete(session.external_userid);
      const message = { from: "servicer", userid: this.userid, msgtype: "text", text: { content } };
      const shown = this.thread.expect(message);
      try {
        shown.settle((await simulator.servicer(session, { act: "say", userid: this.userid, msgtype: "text", text: { content } }))?.msgid);
        await this.store.touch(session.person);
      } catch (error) {
        shown.fail(() => (field.value = content));
        throw error;
      }
    });
    onEnter(field, send);
    const phrase = (text) => h("button", { type: "button", onclick: () => ((field.value = text), field.focus()) }, text);
    return h("footer.reply", {}, h("div.phrases", {}, SERVICE.phrases.map(phrase)), h("div.bar", {}, field, h("button.primary", { type: "button", onclick: send }, SERVICE.send)));
  }

  act(session, body, done) {
    return guarded(async () => {
      await simulator.servicer(session, { userid: this.userid, ...body });
      await this.store.touch(session.person);
      if (done) toast(done);
    });
  }

  face(message) {
    if (message.from === "customer") return avatar(faceOf(this.session?.person ?? { external_userid: "", nickname: "" }));
    if (message.from !== "servicer") return botAvatar();
    const member = this.store.member(message.userid);
    return avatar({ seed: message.userid, hint: `${member.title ?? ""}${member.name}` });
  }
}

const faceOf = (person) => ({ seed: person.external_userid, hint: `${person.role ?? ""}${person.nickname}` });
const lastAt = (session) => new Date(session.messages.at(-1)?.at ?? 0);
