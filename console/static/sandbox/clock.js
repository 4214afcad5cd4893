// The sandbox's clock: shows its time and moves it forward.

import { product } from "./api.js";
import { icon } from "./icons.js";
import { byId, dropdown, guarded, h, toast } from "./dom.js";
import { clockText, dayText, secondsToMorning, weekdayText } from "./time.js";
import { CLOCK } from "./words.js";

const RESYNC_MS = 30e3;
// More than clocks drift between two readings: somebody moved the time, here or in another window.
const JUMP_MS = 60e3;

export class Clock {
  constructor() {
    this.base = Date.now();
    this.at = performance.now();
    this.listeners = [];
    this.onJump = () => {};
    this.day = h("span.day", {}, "");
    this.time = h("b", {}, "");
    this.busy = false;
    byId("clock").replaceChildren(
      h("div.now", { title: CLOCK.label }, this.day, this.time),
      h("div.steps", { role: "group", "aria-label": CLOCK.forward }, h("span.label", {}, icon("forward"), CLOCK.forward), this.buttons()),
      dropdown("forward", [icon("forward"), CLOCK.forward], this.buttons()),
    );
    setInterval(() => this.draw(), 1000);
    setInterval(() => this.sync().catch(() => {}), RESYNC_MS);
  }

  buttons() {
    return CLOCK.steps.map((step) => h("button", { type: "button", onclick: guarded(() => this.forward(step)) }, step.text));
  }

  /** The sandbox's time now. */
  now() {
    return new Date(this.base + performance.now() - this.at);
  }

  async sync() {
    this.set(await product.now());
  }

  set(moment) {
    const jumped = Math.abs(moment - this.now()) > JUMP_MS;
    this.base = moment.getTime();
    this.at = performance.now();
    this.draw();
    if (jumped) this.onJump();
  }

  draw() {
    const now = this.now();
    this.day.textContent = `${dayText(now)} ${weekdayText(now)}`;
    this.time.textContent = clockText(now);
    for (const listener of this.listeners) listener(now);
  }

  async forward(step) {
    if (this.busy) return;
    this.busy = true;
    byId("clock").classList.add("moving");
    try {
      this.set(await product.advance(step.morning ? secondsToMorning(this.now()) : step.seconds));
      toast(CLOCK.arrived(`${dayText(this.now())} ${clockText(this.now())}`));
    } finally {
      this.busy = false;
      byId("clock").classList.remove("moving");
    }
  }
}
