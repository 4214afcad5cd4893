// The two servers behind the page: the product (people, desk, work list, clock) and the WeCom simulator (everything else).

import { ERRORS } from "./words.js";

const SIMULATOR = `${document.body.dataset.simulator}/sim`;
const part = encodeURIComponent;

/** A call that failed; `message` is ready to be shown. */
export class CallError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function call(method, address, body) {
  const options = { method };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new CallError("offline", ERRORS.offline);
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok || answer?.errcode) {
    const code = answer?.code ?? answer?.errcode ?? response.status;
    throw new CallError(code, answer?.message ?? ERRORS.codes[code] ?? ERRORS.codes[response.status] ?? ERRORS.unknown);
  }
  return answer;
}

const get = (address) => call("GET", address);
const post = (address, body = {}) => call("POST", address, body);
const chatAddress = (chat) => `${SIMULATOR}/chats/${part(chat.open_kfid)}/${part(chat.external_userid)}`;
const memberAddress = (userid) => `${SIMULATOR}/members/${part(userid)}`;

export const product = {
  people: () => get("/sandbox/api/people"),
  sheets: () => get("/sandbox/api/sheets"),
  desk: () => get("/sandbox/api/desk"),
  workList: (userid) => get(`/sandbox/api/work-list?userid=${part(userid)}`),
  now: async () => new Date((await get("/sandbox/api/clock")).now),
  advance: async (seconds) => new Date((await post("/sandbox/api/clock", { advance: seconds })).now),
};

export const simulator = {
  state: () => get(`${SIMULATOR}/state`),
  addCustomer: (customer) => post(`${SIMULATOR}/customers`, customer),
  chat: (chat) => get(chatAddress(chat)),
  enter: (chat, link = {}) => post(`${chatAddress(chat)}/enter`, link),
  say: (chat, message) => post(`${chatAddress(chat)}/say`, message),
  recall: (chat, msgid) => post(`${chatAddress(chat)}/recall`, { msgid }),
  servicer: (chat, act) => post(`${chatAddress(chat)}/servicer`, act),
  inbox: (userid) => get(`${memberAddress(userid)}/messages`),
  click: (userid, taskId, act) => post(`${memberAddress(userid)}/cards/${part(taskId)}/click`, act),
  duty: (userid, openKfid, servicing) => post(`${memberAddress(userid)}/status`, { open_kfid: openKfid, servicing }),
  mediaUrl: (mediaId) => `${SIMULATOR}/media/${part(mediaId)}`,
  async upload(blob, type, name) {
    const form = new FormData();
    form.append("media", blob, name);
    return (await call("POST", `${SIMULATOR}/media?type=${part(type)}`, form)).media_id;
  },
};

/** Listen to what happens in the simulator. `onEvent` also gets {kind: "open"} after every (re)connection: read everything again. */
export function listen(onEvent, onStatus) {
  const source = new EventSource(`${SIMULATOR}/events`);
  source.onopen = () => {
    onStatus(true);
    onEvent({ kind: "open" });
  };
  source.onerror = () => onStatus(false);
  source.onmessage = (message) => onEvent(JSON.parse(message.data));
  addEventListener("pagehide", () => source.close());
}
