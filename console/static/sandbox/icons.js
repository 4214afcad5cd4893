// Line icons, drawn in a 24 by 24 box.

import { s } from "./dom.js";

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
