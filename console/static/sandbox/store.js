// What both sides look at: people, members, chats, app messages, the work list. Reads again only what an event says has changed.

import { product, simulator } from "./api.js";
import { coalesce } from "./dom.js";
import { PHONE } from "./words.js";

const NO_CHAT = { service_state: 4, servicer_userid: "", window: { until: null, left: 0 }, messages: [] };

export class Store {
  constructor(clock) {
    this.clock = clock;
    this.people = [];
    this.members = [];
    this.accounts = [];
    this.agents = [];
    this.duties = new Map();
    this.work = [];
    this.worker = null;
    this.chats = new Map();
    this.inboxes = new Map();
    this.listeners = [];
    this.stale = { chats: new Set(), inboxes: new Set(), people: false };
    this.refresh = coalesce(() => this.read());
  }

  now() {
    return this.clock.now();
  }

  member(userid) {
    return this.members.find((member) => member.userid === userid) ?? { userid, name: userid ?? "", title: "" };
  }

  memberName(userid) {
    return this.member(userid).name;
  }

  accountName(openKfid) {
    return this.accounts.find((account) => account.open_kfid === openKfid)?.name ?? "";
  }

  appName(agentid) {
    return this.agents.find((agent) => String(agent.agentid) === String(agentid))?.name ?? "";
  }

  /** A member's duty at a kf account: 0 receiving, 1 stopped, undefined when he is no servicer there. */
  duty(userid, openKfid) {
    return this.duties.get(userid)?.[openKfid];
  }

  chat(externalUserid) {
    return this.chats.get(externalUserid) ?? NO_CHAT;
  }

  inbox(userid) {
    return this.inboxes.get(userid) ?? [];
  }

  async start() {
    const [members] = await Promise.all([product.desk(), this.readPeople()]);
    // Who is in two teams is still one person.
    this.members = [...new Map(members.map((member) => [member.userid, member])).values()];
    this.noteAll();
    await this.refresh();
  }

  noteAll() {
    for (const person of this.people) this.stale.chats.add(person.external_userid);
    for (const member of this.members) this.stale.inboxes.add(member.userid);
  }

  /** An event of the simulator: remember what it makes stale. */
  note(event) {
    if (event.kind === "open") this.noteAll();
    if (event.external_userid) this.stale.chats.add(event.external_userid);
    if (event.userid) this.stale.inboxes.add(event.userid);
    for (const userid of event.userids ?? []) this.stale.inboxes.add(userid);
  }

  /** Read one chat again now. */
  async touch(person) {
    this.stale.chats.add(person.external_userid);
    await this.refresh();
  }

  async read() {
    const { chats, inboxes } = this.stale;
    this.stale = { chats: new Set(), inboxes: new Set() };
    // Whoever has no child yet may have been bound to one meanwhile.
    if ([...chats].some((id) => !this.person(id)?.patients?.length)) await this.readPeople();
    const known = [...chats].map((id) => this.person(id)).filter(Boolean);
    try {
      await Promise.all([
        ...known.map(async (person) => this.chats.set(person.external_userid, await simulator.chat(person))),
        ...this.members.filter(({ userid }) => inboxes.has(userid)).map(async ({ userid }) => this.inboxes.set(userid, await simulator.inbox(userid))),
        this.readWork(),
      ]);
    } catch (error) {
      for (const id of chats) this.stale.chats.add(id);
      for (const id of inboxes) this.stale.inboxes.add(id);
      throw error;
    }
    for (const listener of this.listeners) listener();
  }

  person(externalUserid) {
    return this.people.find((person) => person.external_userid === externalUserid);
  }

  async readWork() {
    const { worker } = this;
    if (!worker) return;
    const work = await product.workList(worker);
    if (worker === this.worker) this.work = work;
  }

  /** People of the product first, then customers whom the hospital does not know yet. */
  async readPeople() {
    const [people, state] = await Promise.all([product.people(), simulator.state()]);
    const known = new Set(people.map((person) => person.external_userid));
    const nicknames = new Map(state.customers.map((customer) => [customer.external_userid, customer.nickname]));
    const strangers = state.customers.filter((customer) => !known.has(customer.external_userid));
    this.accounts = state.accounts;
    this.agents = state.agents;
    this.duties = new Map(state.members.map((member) => [member.userid, member.status]));
    const named = people.map((person) => ({ ...person, nickname: nicknames.get(person.external_userid) ?? person.nickname }));
    this.people = [...named, ...strangers.map((one) => ({ ...one, role: PHONE.newcomer, open_kfid: state.accounts[0]?.open_kfid, patients: [] }))];
  }
}
