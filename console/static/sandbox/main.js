// Joins the parts: loads who is there, opens both sides, and passes on what happens.

import { listen } from "./api.js";
import { Clock } from "./clock.js";
import { Desk } from "./desk.js";
import { byId, guarded } from "./dom.js";
import { Phone } from "./phone.js";
import { Store } from "./store.js";
import { LIVE } from "./words.js";

// The work list also changes by time alone (a deadline passes), which the simulator does not tell.
const REREAD_MS = 20e3;
const RETRY_MS = 3e3;

async function start() {
  const clock = new Clock();
  const store = new Store(clock);
  while (!(await guarded(() => load(clock, store))())) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  const phone = new Phone(store);
  const desk = new Desk(store);
  store.listeners.push(() => phone.draw(), () => desk.draw());
  clock.listeners.push(() => phone.tick());
  // Reply windows close and sessions end by time alone.
  clock.onJump = guarded(async () => {
    store.noteAll();
    await store.refresh();
  });
  document.addEventListener("visibilitychange", () => desk.draw());
  const onEvent = guarded(async (event) => {
    store.note(event);
    if (event.kind === "clock" || event.kind === "open") await clock.sync();
    await store.refresh();
  });
  bindSides(phone, desk);
  setInterval(() => store.refresh().catch(() => {}), REREAD_MS);
  await Promise.all([
    phone.choose(remembered("careloop.person", store.people, "external_userid")),
    desk.choose(remembered("careloop.member", store.members, "userid")),
  ]);
  phone.composer.focus();
  listen(onEvent, showLive);
}

/** The first reading; until it works there is nothing to show. */
async function load(clock, store) {
  await clock.sync();
  await store.start();
  return true;
}

/** The one chosen before in this window, or the first. */
function remembered(key, list, field) {
  return list.find((one) => one[field] === sessionStorage.getItem(key)) ?? list[0];
}

function showLive(on) {
  const live = byId("live");
  live.textContent = on ? LIVE.on : LIVE.off;
  live.classList.toggle("on", on);
}

/** On a narrow screen one side shows at a time. */
function bindSides(phone, desk) {
  const buttons = [...document.querySelectorAll(".sides button")];
  const show = (side) => {
    document.body.dataset.side = side;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.side === side));
    desk.draw();
  };
  for (const button of buttons) button.addEventListener("click", () => show(button.dataset.side));
  byId("help").addEventListener("click", () => {
    show("phone");
    phone.hints.open();
  });
}

guarded(start)();
