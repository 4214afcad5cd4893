// Times that go on: <time datetime=… data-ago> says how long it has been, data-until how long is left.
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
  for (const time of document.querySelectorAll("time[data-ago], time[data-until]")) {
    const at = Date.parse(time.dateTime);
    const text = "ago" in time.dataset
      ? span(now - at) ?? WORDS.now
      : at > now ? WORDS.left(span(at - now) ?? WORDS.minutes(1)) : WORDS.over(span(now - at) ?? WORDS.minutes(1));
    if (time.textContent !== text) time.textContent = text;
    if ("until" in time.dataset) time.classList.toggle("late", at <= now);
  }
}

export function startTimes() {
  document.body.dataset.ahead = Date.parse(document.body.dataset.now) - Date.now() || 0;
  tick();
  setInterval(tick, 15_000);
  document.body.addEventListener("htmx:afterSettle", tick);
}
