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

/** What to draw for a parent. */
export const faceOf = (person) => ({ seed: person.external_userid, hint: `${person.role ?? ""}${person.nickname}` });

/** What to draw for a clinician. */
export const memberFace = (member) => ({ seed: member.userid, hint: `${member.title ?? ""}${member.name}` });

/** The hospital's assistant: a heart in a loop. */
export function botAvatar() {
  return s(
    "svg.avatar",
    { viewBox: "0 0 48 48", "aria-hidden": "true", focusable: "false" },
    s("rect", { width: 48, height: 48, fill: "#12b886" }),
    s("path", { d: "M34.5 18.2A12 12 0 1 0 36 24", fill: "none", stroke: "#fff", "stroke-width": 3.4, "stroke-linecap": "round" }),
    s("path", { d: "M24 31c-4-2.9-6.4-5.1-6.4-7.9a3.5 3.5 0 0 1 6.4-2 3.5 3.5 0 0 1 6.4 2c0 2.8-2.4 5-6.4 7.9z", fill: "#fff" }),
  );
}
