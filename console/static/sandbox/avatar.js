// Faces, drawn: no picture is fetched from anywhere. The same person always gets the same face.

import { s } from "./dom.js";

const BACKS = ["#ffd9c7", "#cfe8ff", "#d8f3dc", "#fde2f3", "#fff1c1", "#e2dcff", "#d3f4f1", "#ffe0e0"];
const HAIRS = ["#2f2a28", "#4a342a", "#5b4636", "#1f2430"];
const CLOTHES = ["#5aa9e6", "#f28482", "#84a59d", "#b79ced", "#f6bd60", "#57b894", "#e07a9c"];
const SKIN = "#fbd7bd";

function number(seed) {
  let hash = 2166136261;
  for (const letter of String(seed)) hash = Math.imul(hash ^ letter.codePointAt(0), 16777619);
  return hash >>> 0;
}

const LONG_HAIR = /妈|母|外婆|奶奶|姥姥|护士|女|姐|阿姨/;
const OLD = /外公|爷爷|姥爷|外婆|奶奶|姥姥/;
const NURSE = /护士|护师|护理/;
const DOCTOR = /医|主任|教授/;

/** A face for {seed, hint}: the hint (妈妈, 外公, 护士, 主治医师 …) chooses hair and clothes. */
export function avatar({ seed, hint = "" }) {
  const n = number(seed);
  const hair = OLD.test(hint) ? "#a8a29e" : HAIRS[n % HAIRS.length];
  const long = LONG_HAIR.test(hint) || (!/爸|父|爷|外公|男|哥/.test(hint) && n % 2 === 0);
  const clinician = NURSE.test(hint) || DOCTOR.test(hint);
  return s(
    "svg.avatar",
    { viewBox: "0 0 48 48", "aria-hidden": "true", focusable: "false" },
    s("rect", { width: 48, height: 48, fill: clinician ? "#d7e9ff" : BACKS[(n >>> 3) % BACKS.length] }),
    long && s("path", { d: "M11 27c0-12 5-18 13-18s13 6 13 18c0 6-1 10-3 12H14c-2-2-3-6-3-12z", fill: hair }),
    s("path", { d: "M6 50c1-10 8-14 18-14s17 4 18 14z", fill: clinician ? "#fff" : CLOTHES[(n >>> 6) % CLOTHES.length] }),
    s("path", { d: "M20 32h8v5c0 3-8 3-8 0z", fill: "#f3c5a5" }),
    s("ellipse", { cx: 24, cy: 24, rx: 9, ry: 10.5, fill: SKIN }),
    s("path", { d: long ? "M14.5 23c0-9 4-13 9.5-13s9.5 4 9.5 13c-3-1-6-3-8-6-2 3-6 5-11 6z" : "M14.5 22c-1-8 3-12.5 9.5-12.5s10.5 4.5 9.5 12.5c-1-3-2-5-4-6-4 1-9 1-11 0-2 1-3 3-4 6z", fill: hair }),
    s("circle", { cx: 20.5, cy: 25, r: 1.1, fill: "#3b2f2a" }),
    s("circle", { cx: 27.5, cy: 25, r: 1.1, fill: "#3b2f2a" }),
    s("path", { d: "M21 29.5c2 1.8 4 1.8 6 0", fill: "none", stroke: "#c4705b", "stroke-width": 1.2, "stroke-linecap": "round" }),
    NURSE.test(hint) && s("path", { d: "M15 12.5c3-4 15-4 18 0l-1.5 4.5c-4-2-11-2-15 0z", fill: "#fff", stroke: "#9cc3f0", "stroke-width": 0.8 }),
    NURSE.test(hint) && s("path", { d: "M24 11v4M22 13h4", stroke: "#ef5b5b", "stroke-width": 1.3, "stroke-linecap": "round" }),
    clinician && s("path", { d: "M18 37l6 6 6-6", fill: "none", stroke: "#7fb2ec", "stroke-width": 1.6 }),
    DOCTOR.test(hint) && s("circle", { cx: 31, cy: 44, r: 2, fill: "none", stroke: "#4f8fdc", "stroke-width": 1.4 }),
  );
}

/** The hospital's assistant: a heart in a loop. */
export function botAvatar() {
  return s(
    "svg.avatar",
    { viewBox: "0 0 48 48", "aria-hidden": "true", focusable: "false" },
    s("rect", { width: 48, height: 48, fill: "#12b886" }),
    s("path", { d: "M34.5 18.200A12 12 0 1 0 36 24", fill: "none", stroke: "#fff", "stroke-width": 3.4, "stroke-linecap": "round" }),
    s("path", { d: "M24 31c-4-2.9-6.4-5.1-6.4-7.900a3.5 3.5 0 0 1 6.4-2 3.5 3.5 0 0 1 6.4 2c0 2.8-2.4 5-6.4 7.900z", fill: "#fff" }),
  );
}

const ICONS = {
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 10v.5M15.5 10v.5M8 14.5c2.2 2.4 5.8 2.4 8 0",
  plus: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 8v8M8 12h8",
  photo: "M4 5h16v14H4zM4 16l4.5-4.5 4 4 2.5-2.5 5 5M15.5 9.5h.01",
  voice: "M12 4a2.5 2.5 0 0 0-2.5 2.5v5a2.5 2.5 0 0 0 5 0v-5A2.5 2.5 0 0 0 12 4zM6.5 11.5a5.5 5.5 0 0 0 11 0M12 17v3",
  place: "M12 3.5a6 6 0 0 0-6 6c0 4.5 6 11 6 11s6-6.5 6-11a6 6 0 0 0-6-6zM12 7.5a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  back: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  dots: "M6 12h.01M12 12h.01M18 12h.01",
  inbox: "M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5zM8 9h8M8 12h5",
  service: "M5 13v-1a7 7 0 0 1 14 0v1M5 13h2.5v5H6a1 1 0 0 1-1-1zM19 13h-2.5v5H18a1 1 0 0 0 1-1zM18.5 18c0 2-2 2.5-4.5 2.5",
  work: "M6 4h12v16H6zM9 9l1 1 2-2M9 14.5l1 1 2-2M14 9.5h1.5M14 15h1.5",
  forward: "M4 6l7 6-7 6zM13 6l7 6-7 6z",
  close: "M6 6l12 12M18 6L6 18",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  send: "M12 19V6M6 11.5L12 5.5l6 6",
};

/** A line icon by name. */
export function icon(name) {
  return s(
    `svg.icon`,
    { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    s("path", { d: ICONS[name], fill: "none", stroke: "currentColor", "stroke-width": name === "dots" ? 3 : 1.7, "stroke-linecap": "round", "stroke-linejoin": "round" }),
  );
}
