// One session at the clinician's desk: who it is, the chat, and what may be done with it.

import { simulator } from "./api.js";
import { avatar, botAvatar, faceOf, memberFace } from "./avatar.js";
import { dropdown, guarded, h, onEnter, toast } from "./dom.js";
import { icon } from "./icons.js";
import { patientWords } from "./people.js";
import { Thread } from "./thread.js";
import { SERVICE } from "./words.js";

const [POOL, HUMAN, ENDED] = [2, 3, 4];

/** Which heading a session stands under for this member. */
export function groupOf(session, userid) {
  if (session.service_state === POOL) return "pool";
  if (session.service_state === HUMAN) return session.servicer_userid === userid ? "mine" : "others";
  return session.service_state === ENDED ? "ended" : "bot";
}

export class Talk {
  /** `back()` returns to the list where there is room for only one of the two. */
  constructor(store, back) {
    this.store = store;
    this.back = back;
    this.drafts = new Map();
    this.thread = new Thread(
      {
        side: (message) => (message.from === "customer" || message.from === "system" ? "theirs" : "mine"),
        face: (message) => this.face(message),
        name: (message) => (message.from === "servicer" && message.userid !== this.userid ? store.memberName(message.userid) : null),
        mayRecall: (message) => message.userid === this.userid,
        recall: (message) => this.act(this.session, { act: "recall", msgid: message.msgid })(),
      },
      store,
    );
    this.node = h("div.talk-pane", {});
  }

  /** Another session, or none, for this member. */
  open(userid) {
    this.userid = userid;
    this.shown = null;
    this.thread.clear();
  }

  update(session) {
    this.session = session;
    if (!session) return this.node.replaceChildren(h("p.empty", {}, icon("service"), SERVICE.pick));
    const state = `${session.external_userid}/${session.service_state}/${session.servicer_userid}`;
    if (this.shown !== state) {
      this.shown = state;
      this.node.replaceChildren(this.header(session), this.thread.node, this.foot(session));
      this.node.querySelector("textarea")?.focus({ preventScroll: true });
    }
    return this.thread.update(session.messages);
  }

  header(session) {
    const group = groupOf(session, this.userid);
    const says = SERVICE.states[session.service_state];
    const patients = (session.person.patients ?? []).map((one) => patientWords(one).join(" ")).join("、");
    return h(
      "header.talk-head",
      {},
      h("button.back", { type: "button", "aria-label": SERVICE.back, onclick: this.back }, icon("back")),
      h("div", {}, h("h3", {}, session.person.nickname, h("em", {}, SERVICE.wechat)), h("p", {}, [patients, typeof says === "function" ? says(this.store.memberName(session.servicer_userid)) : says].filter(Boolean).join(" · "))),
      group === "mine" && this.transferMenu(session),
      group === "mine" && this.endButton(session),
    );
  }

  transferMenu(session) {
    const others = this.store.members.filter((member) => member.userid !== this.userid && this.store.duty(member.userid, session.open_kfid) === 0);
    const entry = (member) =>
      h("button", { type: "button", role: "menuitem", onclick: this.act(session, { act: "transfer", to_userid: member.userid }, SERVICE.transferred(member.name)) }, avatar(memberFace(member)), h("span", {}, member.name, h("small", {}, member.title)));
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
    return avatar(memberFace(this.store.member(message.userid)));
  }
}
