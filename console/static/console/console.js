// Behaviour that all pages share.
import { startDialogs } from "./dialog.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startShell } from "./shell.js";
import { startTimes } from "./time.js";
import { startToasts } from "./toast.js";

for (const start of [startShell, startDialogs, startKeys, startTimes, startToasts, startLive]) start();

// Figures weigh more than all else: only where there are some.
const draw = () => document.querySelector("[data-chart]") && import("./chart.js");
document.body.addEventListener("htmx:afterSettle", draw);
draw();
