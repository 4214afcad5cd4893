// The parent's phone: WeChat's home, and the chat with the hospital.

import { simulator } from "./api.js";
import { avatar, botAvatar, faceOf, memberFace } from "./avatar.js";
import { summary } from "./bubble.js";
import { composer } from "./composer.js";
import { byId, guarded, h, s, toast } from "./dom.js";
import { hints } from "./hints.js";
import { icon } from "./icons.js";
import { People, about } from "./people.js";
import { sheet } from "./sheet.js";
import { Thread } from "./thread.js";
import { clockText, spanText, stamp } from "./time.js";
import { ERRORS, PHONE } from "./words.js";

const TYPING_FOR = 15e3;

export class Phone {
  constructor(store) {
    this.store = store;
    this.person = null;
    this.people = new People(store, guarded((person) => this.choose(person)));
    this.sending = Promise.resolve();
    this.thread = new Thread(
      {
        side: (message) => (message.from === "customer" ? "mine" : "theirs"),
        face: (message) => (message.from === "customer" ? avatar(faceOf(this.person)) : message.from === "servicer" ? avatar(memberFace(store.member(message.userid))) : botAvatar()),
        tap: (item) => this.say({ msgtype: "text", text: { content: item.content, menu_id: item.id } }),
        recall: guarded(async (message) => {
          await simulator.recall(this.chat, message.msgid);
          await this.store.touch(this.person);
        }),
      },
      store,
    );
    this.time = h("span", {}, "");
    this.title = h("h2", {}, "");
    this.composer = composer((message) => this.say(message));
    this.hints = hints((text) => this.say({ msgtype: "text", text: { content: text } }));
    this.sheet = sheet((link) => this.enterChat(true, link));
    this.chatScreen = h(
      "div.screen.chat",
      {},
      h("div.navbar", {}, h("button.back", { type: "button", "aria-label": PHONE.back, onclick: () => this.goHome() }, icon("back")), this.title, h("span.dots", {}, icon("dots"))),
      this.thread.node,
      this.hints.node,
      this.sheet.node,
      this.composer.node,
    );
    this.homeScreen = h("div.screen.home", { hidden: true });
    byId("phone").replaceChildren(statusBar(this.time), this.chatScreen, this.homeScreen);
  }

  get chat() {
    return { open_kfid: this.person.open_kfid, external_userid: this.person.external_userid };
  }

  async choose(person) {
    if (!person) return;
    this.person = person;
    sessionStorage.setItem("careloop.person", person.external_userid);
    this.thread.clear();
    this.lastSeen = undefined;
    this.stopTyping();
    await this.enterChat();
  }

  /** Who has no child here yet came with a discharge sheet. */
  drawSheet() {
    return this.sheet.show(!(this.person.patients ?? []).length);
  }

  /** Open the chat as the parent does; WeCom is told of the first time in this browser session, and of every tap on the list. */
  async enterChat(tapped = false, link = {}) {
    const key = `careloop.entered.${this.person.external_userid}`;
    this.homeScreen.hidden = true;
    this.chatScreen.hidden = false;
    if (tapped || !sessionStorage.getItem(key)) {
      sessionStorage.setItem(key, "1");
      await simulator.enter(this.chat, link);
    }
    this.draw();
    this.thread.toEnd();
    await this.store.touch(this.person);
  }

  goHome() {
    const name = this.store.accountName(this.person.open_kfid);
    const last = this.store.chat(this.person.external_userid).messages.filter((message) => message.from !== "system").at(-1);
    const row = h(
      "button.talk",
      { type: "button", onclick: guarded(() => this.enterChat(true)) },
      botAvatar(),
      h("span.lines", {}, h("b", {}, name), h("small", {}, summary(last) || PHONE.empty)),
      last && h("time", {}, stamp(new Date(last.at), this.store.now())),
    );
    const tabs = PHONE.tabs.map((tab, index) => h(index ? "span" : "span.current", {}, tab));
    this.homeScreen.replaceChildren(h("div.navbar", {}, h("h2", {}, PHONE.home)), h("div.talks", {}, row), h("div.tabbar", { "aria-hidden": "true" }, tabs));
    this.chatScreen.hidden = true;
    this.homeScreen.hidden = false;
  }

  /** Send in the order of the taps and key strokes, however fast they come; each is on screen at once. */
  say(message) {
    const chat = this.chat;
    const shown = this.thread.expect(message);
    this.sending = this.sending.then(async () => {
      try {
        shown.settle((await simulator.say(chat, message)).msgid);
        this.hints.used();
        await this.store.touch(this.person);
      } catch (error) {
        shown.fail(() => this.say(message));
        toast(`${ERRORS.send}：${error.message}`, "error");
      }
    });
    return this.sending;
  }

  /** Bring the screen up to what the store knows. */
  draw() {
    if (!this.person) return;
    this.person = this.store.person(this.person.external_userid) ?? this.person;
    guarded(() => this.drawSheet())();
    const state = this.store.chat(this.person.external_userid);
    this.thread.update(state.messages);
    this.typing(state);
    this.window = state.window;
    if (!this.homeScreen.hidden) this.goHome();
    this.people.draw(this.person, !this.chatScreen.hidden);
    this.drawTitle();
    this.tick();
  }

  /** While the assistant owns the chat and owes an answer, it types. */
  typing(state) {
    const last = state.messages.at(-1);
    const owed = last?.from === "customer" && last.status !== "recalled" && [0, 1].includes(state.service_state);
    const fresh = this.lastSeen !== undefined && last?.msgid !== this.lastSeen;
    this.lastSeen = last?.msgid ?? null;
    if (!owed) return this.stopTyping();
    if (!fresh) return undefined;
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => this.stopTyping(), TYPING_FOR);
    this.isTyping = true;
    return this.thread.setTyping(botAvatar);
  }

  stopTyping() {
    clearTimeout(this.typingTimer);
    if (!this.isTyping) return;
    this.isTyping = false;
    this.thread.setTyping(null);
    this.drawTitle();
  }

  drawTitle() {
    this.title.textContent = this.isTyping ? PHONE.typing : this.store.accountName(this.person.open_kfid);
  }

  /** Redraw what depends on the time of day. */
  tick() {
    if (!this.person) return;
    const now = this.store.now();
    this.time.textContent = clockText(now);
    const until = this.window?.until ? new Date(this.window.until) : null;
    const open = until && until > now && this.window.left > 0;
    const text = open ? PHONE.window(spanText(until - now), this.window.left) : PHONE.windowShut;
    const caption = byId("caption");
    if (caption.dataset.shown === `${this.person.external_userid}${text}`) return;
    caption.dataset.shown = `${this.person.external_userid}${text}`;
    const who = about(this.person).map((part) => h("span", {}, part));
    caption.replaceChildren(h("b", {}, who), h("span", { title: PHONE.windowHelp, class: open ? "open" : "shut" }, text));
  }
}

function statusBar(time) {
  const signals = s(
    "svg",
    { viewBox: "0 0 62 14", width: 62, height: 14, "aria-hidden": "true" },
    s("path", { d: "M1 9h2.5v4H1zM5 7h2.5v6H5zM9 4.5h2.5V13H9zM13 2h2.5v11H13z", fill: "currentColor" }),
    s("path", { d: "M20 6a9 9 0 0 1 12 0M22.5 8.800a5.5 5.5 0 0 1 7 0M26 11.800h.01", fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round" }),
    s("rect", { x: 37.5, y: 2, width: 21, height: 10.5, rx: 3, fill: "none", stroke: "currentColor" }),
    s("rect", { x: 39.5, y: 4, width: 15, height: 6.5, rx: 1.5, fill: "currentColor" }),
    s("path", { d: "M60 5.5v3.5", stroke: "currentColor", "stroke-width": 1.5, "stroke-linecap": "round" }),
  );
  return h("div.statusbar", { "aria-hidden": "true" }, time, signals);
}
