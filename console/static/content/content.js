// Tells that the page was opened, and that it was read: its end was on the screen, and the time that reading takes has passed.
"use strict";
const { base, dwell } = document.body.dataset;
const began = Date.now();
const tell = (what) => fetch(`${base}/${what}`, { method: "POST", keepalive: true });
let opened = tell("opened");
const end = document.getElementById("end");
const watch = new IntersectionObserver((entries) => {
  if (!entries.some((entry) => entry.isIntersecting)) return;
  watch.disconnect();
  // A second more than is asked for: the server counts from when it heard of the opening.
  const left = Math.max(0, Number(dwell) * 1000 - (Date.now() - began)) + 1000;
  setTimeout(async () => { await opened; tell("finished"); }, left);
});
watch.observe(end);
