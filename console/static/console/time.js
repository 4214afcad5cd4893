// Times that go on: <time datetime=… data-ago> says how long it has been.
import { WORDS } from "./words.js";

const MINUTE = 60_000;
// The hospital's clock, not this computer's.
const ahead = () => Number(document.body.dataset.ahead ?? 0);

function span(milliseconds) {
  const minutes = Math.floor(milliseconds / MINUTE);
  if (minutes < 1) return null;
  if (minutes < 60) return WORDS.minutes(minutes);
  return minutes < 1440 ? WORDS.hours(Math.floor(minutes / 60)) : WORDS.days(Math.floor(minutes / 1440));
}

function tick() {
  const now = Date.now() + ahead();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const text = span(now - Date.parse(time.dateTime)) ?? WORDS.now;
    if (time.textContent !== text) time.textContent = text;
  }
}

export function startTimes() {
  document.body.dataset.ahead = Date.parse(document.body.dataset.now) - Date.now() || 0;
  tick();
  setInterval(tick, 15_000);
  document.body.addEventListener("htmx:afterSettle", tick);
}
