// The parents who can be played, and what waits unread on each one's phone.

import { simulator } from "./api.js";
import { avatar, faceOf } from "./avatar.js";
import { arrows, byId, guarded, h, keepFocus } from "./dom.js";
import { icon } from "./icons.js";
import { PHONE, SEX } from "./words.js";

const READ = "careloop.read";

export class People {
  /** `choose(person)` puts the phone into that person's hands. */
  constructor(store, choose) {
    this.store = store;
    this.choose = choose;
    this.read = new Map(Object.entries(JSON.parse(localStorage.getItem(READ) ?? "{}")));
    arrows(byId("people"));
    this.newcomer = h(
      "button.person.newcomer",
      { type: "button", title: PHONE.newcomerHint, onclick: guarded(() => this.addNewcomer()) },
      h("span.face", {}, icon("plus")),
      h("b", {}, PHONE.newcomer),
    );
  }

  /** Show everybody; `current` holds the phone and, when the chat is open, has read it. */
  draw(current, reading) {
    if (reading) this.markRead(current);
    const strip = byId("people");
    keepFocus(strip, () => strip.replaceChildren(...this.store.people.map((person) => this.one(person, current)), this.newcomer));
  }

  one(person, current) {
    const count = this.unread(person);
    const children = (person.patients ?? []).map((patient) => patient.name).join("、");
    return h(
      "button.person",
      {
        type: "button",
        "aria-pressed": String(person.external_userid === current.external_userid),
        title: about(person).join("\n"),
        "data-customer": person.external_userid,
        onclick: () => this.choose(person),
      },
      h("span.face", {}, avatar(faceOf(person)), count > 0 && h("i.badge", {}, count)),
      h("b", {}, person.nickname),
      h("small", {}, children || person.role || ""),
    );
  }

  /** Messages of the hospital that came after the last one this parent has looked at. */
  unread(person) {
    const { messages } = this.store.chat(person.external_userid);
    const from = messages.findIndex((message) => message.msgid === this.read.get(person.external_userid)) + 1;
    return messages.slice(from).filter((message) => message.from === "bot" || message.from === "servicer").length;
  }

  markRead(person) {
    const last = this.store.chat(person.external_userid).messages.at(-1);
    if (!last || this.read.get(person.external_userid) === last.msgid) return;
    this.read.set(person.external_userid, last.msgid);
    localStorage.setItem(READ, JSON.stringify(Object.fromEntries(this.read)));
  }

  async addNewcomer() {
    const taken = new Set(this.store.people.map((person) => person.nickname));
    const nickname = PHONE.newcomerNames.find((name) => !taken.has(name)) ?? `${PHONE.newcomer}${this.store.people.length}`;
    const { external_userid: id } = await simulator.addCustomer({ nickname });
    await this.store.readPeople();
    await this.choose(this.store.person(id));
  }
}

/** A child's name, sex and age, as far as known. */
export const patientWords = (patient) => [patient.name, SEX[patient.sex] ?? patient.sex, patient.age_text].filter(Boolean);

/** A parent, then each child. */
export function about(person) {
  const patients = (person.patients ?? []).map((patient) => [...patientWords(patient), patient.note].filter(Boolean).join(" "));
  const who = person.role && !person.nickname.includes(person.role) ? `${person.nickname}（${person.role}）` : person.nickname;
  return [who, ...patients];
}
