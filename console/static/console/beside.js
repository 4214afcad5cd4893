// Beside a WeCom chat: WeCom's script says who is being talked to, our server shows whom that family cares for.
import { send } from "./api.js";
import { el } from "./dom.js";
import { toast } from "./toast.js";

// A slow line of a hospital's lift; after that the person is told.
const PATIENCE = 10_000;
// Where WeCom opens pages from (doc:98419): a chat of two, a contact's card, a service account's chat; groups name no family.
const SINGLE = ["single_chat_tools", "single_kf_tools", "contact_profile", "chat_attachment"], CAN_SEND = ["single_chat_tools", "single_kf_tools", "chat_attachment"];
const place = document.getElementById("beside"), family = document.getElementById("family");
const here = place.dataset.here;

function say(state) {
  for (const each of place.querySelectorAll("[data-state]")) each.hidden = each.dataset.state !== state;
  place.querySelector("[data-state=again]").hidden = !state || state === "waiting" || state === "other";
}

function load(address) {
  return new Promise((resolve, reject) => {
    if (!address) return reject(new Error("outside"));
    if (window.ww) return resolve(window.ww);
    const script = el("script", { src: address });
    const late = setTimeout(() => reject(new Error("down")), PATIENCE);
    script.addEventListener("load", () => { clearTimeout(late); window.ww ? resolve(window.ww) : reject(new Error("outside")); });
    script.addEventListener("error", () => { clearTimeout(late); reject(new Error("down")); });
    document.head.append(script);
  });
}

const signed = new Map();
function sign(url) {
  if (!signed.has(url)) {
    const asked = send(`${here}/signature`, { form: { url } }).then((answer) => answer.json(), () => { throw new Error("refused"); });
    signed.set(url, asked);
    asked.catch(() => signed.delete(url));
  }
  return signed.get(url);
}

async function register(ww) {
  const own = await sign(location.href.split("#")[0]);
  await new Promise((resolve, reject) => {
    const fail = () => reject(new Error("refused"));
    const late = setTimeout(() => reject(new Error("outside")), PATIENCE);
    ww.register({
      corpId: own.corpId, agentId: own.agentId, jsApiList: own.jsApiList,
      getConfigSignature: async (url) => (await sign(url || location.href.split("#")[0])).config,
      getAgentConfigSignature: async (url) => (await sign(url || location.href.split("#")[0])).agentConfig,
      onConfigFail: fail, onAgentConfigFail: fail,
    });
    // The script signs when it is first asked for something.
    ww.getContext().then((context) => { clearTimeout(late); resolve(context); }, () => { clearTimeout(late); fail(); });
  }).then((context) => { entry = context.entry; });
}

let entry = "", contact = "";

async function whom(ww) {
  if (!SINGLE.includes(entry)) throw new Error(entry.includes("group") ? "group" : "nobody");
  const { userId } = await ww.getCurExternalContact().catch(() => ({}));
  if (!userId) throw new Error("nobody");
  return userId;
}

async function show() {
  const answer = await fetch(`${here}/family?contact=${encodeURIComponent(contact)}`, { headers: { "HX-Request": "true" } });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error(answer.status === 404 ? "other" : "down");
  family.innerHTML = await answer.text();
  window.htmx.process(family);
  say("");
}

async function start() {
  say("waiting");
  try {
    const ww = await load(place.dataset.script);
    await register(ww);
    contact = await whom(ww);
    await show();
  } catch (error) {
    const known = place.querySelector(`[data-state="${CSS.escape(error.message)}"]`);
    say(known ? error.message : "down");
  }
}

async function draft(form) {
  try {
    if (!CAN_SEND.includes(entry)) throw new Error(document.getElementById("not-sent").content.textContent);
    const message = await (await send(`${here}/draft`, { form: new FormData(form) })).json();
    // WeCom's client shows itself what it sent.
    await window.ww.sendChatMessage(message).catch(({ errMsg = "" }) => {
      if (!errMsg.includes("cancel")) throw new Error(document.getElementById("not-sent").content.textContent);
    });
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-again]")) start();
  const button = target.closest("[data-draft]");
  if (button) draft(button.form);
});
start();
