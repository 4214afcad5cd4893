// Behaviour that all pages share.
import { startDialogs } from "./dialog.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startShell } from "./shell.js";
import { startTimes } from "./time.js";
import { startToasts } from "./toast.js";

for (const start of [startShell, startDialogs, startKeys, startTimes, startToasts, startLive]) start();
