// What changes elsewhere: server-sent events become `live:TOPIC` events on body, which htmx listens to.
import { WORDS } from "./words.js";

const ADDRESS = "/console/live";
// First try after 1 s, then twice as long each time, up to half a minute; a short break is not worth a word.
const FIRST = 1_000, LONGEST = 30_000, TELL_AFTER = 4_000;
let source = null, open = "", pause = FIRST, retry = 0, telling = 0;
const putOff = new Set();

function topics() {
  const found = new Set();
  for (const part of document.querySelectorAll("[hx-trigger*='live:']")) {
    for (const [, topic] of part.getAttribute("hx-trigger").matchAll(/live:([\w:]+)/g)) found.add(topic);
  }
  return [...found].sort();
}

// A busy morning changes a list many times a second; a page looks again no more often than this.
const REST = 2_000;
const resting = new Map();

function announce(topic) {
  if (resting.has(topic)) return resting.set(topic, true);
  resting.set(topic, false);
  document.body.dispatchEvent(new CustomEvent(`live:${topic}`, { bubbles: true }));
  setTimeout(() => {
    const again = resting.get(topic);
    resting.delete(topic);
    if (again) announce(topic);
  }, REST);
}

function banner(shown) {
  const place = document.getElementById("offline");
  if (!place) return;
  place.textContent = shown ? WORDS.offline : "";
  place.hidden = !shown;
}

function lost() {
  if (!telling) telling = setTimeout(() => banner(true), TELL_AFTER);
}

function found() {
  clearTimeout(telling);
  telling = 0;
  // A line that was being made when the network went may still say that it is open.
  banner(!navigator.onLine);
}

function close() {
  clearTimeout(retry);
  source?.close();
  source = null;
  open = "";
}

function connect(again = false) {
  const wanted = topics();
  close();
  if (!wanted.length || document.hidden) return;
  open = wanted.join();
  source = new EventSource(`${ADDRESS}?topics=${encodeURIComponent(open)}`);
  source.onopen = () => {
    pause = FIRST;
    found();
    // Whatever happened meanwhile was not told.
    if (again) for (const topic of wanted) announce(topic);
  };
  source.onerror = () => {
    const refused = source.readyState === EventSource.CLOSED;
    close();
    if (refused) whyRefused(wanted);
    lost();
    retry = setTimeout(() => connect(true), pause);
    pause = Math.min(pause * 2, LONGEST);
  };
  source.addEventListener("change", ({ data }) => announce(data));
  source.addEventListener("bye", () => location.reload());
}

// An EventSource does not tell why; a page whose session is over begins anew at the sign-in.
async function whyRefused(wanted) {
  const stop = new AbortController();
  const answer = await fetch(`${ADDRESS}?topics=${encodeURIComponent(wanted.join())}`, { signal: stop.signal }).catch(() => null);
  stop.abort();
  if (answer?.status === 401) location.reload();
}

// Nobody loses what he is writing, or the menu that he has just opened, because something changed elsewhere.
function inUse(part) {
  const at = document.activeElement;
  const writing = part.contains(at) && at.matches("textarea, select, input:not([type=checkbox], [type=radio])");
  return writing || part.querySelector("dialog[open], details.menu[open], input[name][type=checkbox]:checked") !== null;
}

/** Connect when the page listens to a topic; a hidden page lets go (browsers allow six connections) and catches up when seen again. */
export function startLive() {
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const { elt, requestConfig } = event.detail;
    if (!requestConfig.triggeringEvent?.type.startsWith("live:") || !inUse(elt)) return;
    event.preventDefault();
    putOff.add([elt, requestConfig.triggeringEvent.type]);
  });
  // What nobody asked for by hand does not keep a session from falling idle.
  document.body.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.triggeringEvent?.type.startsWith("live:")) detail.headers["X-Live"] = "1";
  });
  setInterval(() => {
    for (const each of putOff) {
      const [elt, type] = each;
      if (elt.isConnected && inUse(elt)) continue;
      putOff.delete(each);
      if (elt.isConnected) document.body.dispatchEvent(new CustomEvent(type));
    }
  }, 1_000);
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : connect(true)));
  document.body.addEventListener("htmx:afterSettle", () => { if (topics().join() !== open) connect(); });
  addEventListener("online", () => { found(); connect(true); });
  addEventListener("offline", () => banner(true));
  addEventListener("pagehide", close);
  connect();
}
