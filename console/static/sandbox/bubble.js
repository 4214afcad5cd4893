// One chat message as WeChat draws it. The same for the parent's phone and the clinician's desk.

import { simulator } from "./api.js";
import { icon } from "./icons.js";
import { byId, h, link, linkify, s } from "./dom.js";
import { CHAT } from "./words.js";

// Bytes per second of AMR 12.2: 32 bytes every 20 ms.
const AMR_RATE = 1600;

/** Nodes for a message; `act.tap(item)` is called for a tapped menu entry and may be left out (then the menu is only read). */
export function bubble(message, act = {}) {
  const draw = DRAW[message.msgtype] ?? (() => h("div.bubble.note", {}, CHAT.other));
  return draw(message[message.msgtype] ?? {}, act);
}

/** One line that stands for the message in a list. */
export function summary(message) {
  if (!message) return "";
  const body = message[message.msgtype] ?? {};
  if (message.msgtype === "text") return body.content ?? "";
  if (message.msgtype === "msgmenu") return body.head_content || CHAT.menu;
  return { image: CHAT.image, voice: CHAT.voice, video: CHAT.video, file: CHAT.file, location: CHAT.location, link: `${CHAT.link}${body.title ?? ""}`,
    business_card: CHAT.card, miniprogram: CHAT.miniprogram }[message.msgtype] ?? "";
}

const DRAW = {
  text: (body) => h("div.bubble.text", {}, ...linkify(body.content ?? "")),
  msgmenu: menu,
  image,
  voice,
  video: () => h("div.bubble.tile", {}, h("span.play", {}, icon("forward")), CHAT.video),
  file: (body) => h("div.bubble.tile", {}, icon("file"), h("span", {}, body.name ?? CHAT.file)),
  location,
  link: (body) =>
    link("a.bubble.article", body.url, h("b", {}, body.title), h("span.desc", {}, body.desc ?? ""), h("span.thumb", {}, thumb(body))),
  miniprogram: (body) =>
    h("div.bubble.mini", {}, h("small", {}, CHAT.miniprogram), h("b", {}, body.title ?? ""), h("span.cover", {}, icon("service"))),
  business_card: (body) => h("div.bubble.contact", {}, h("b", {}, body.userid ?? CHAT.member), h("small", {}, CHAT.businessCard)),
  ca_link: (body) => link("a.bubble.article", body.link_url, h("b", {}, CHAT.acquire)),
};

function menu(body, act) {
  const rows = (body.list ?? []).map((item) => {
    const content = item[item.type] ?? {};
    if (item.type === "text") return h(content.no_newline ? "span.menu-text" : "div.menu-text", {}, ...linkify(content.content ?? ""));
    if (item.type === "view") return link("a.menu-item", content.url, content.content);
    const tap = item.type === "click" && act.tap ? () => act.tap(content) : null;
    return h("button.menu-item", { type: "button", onclick: tap, disabled: !tap, "data-menu-id": content.id }, content.content ?? "");
  });
  return h(
    "div.bubble.menu",
    {},
    body.head_content && h("div.menu-head", {}, ...linkify(body.head_content)),
    h("div.menu-list", {}, rows),
    body.tail_content && h("div.menu-tail", {}, ...linkify(body.tail_content)),
  );
}

function image(body) {
  const picture = h("img", { src: simulator.mediaUrl(body.media_id), alt: CHAT.image });
  const frame = h("button.bubble.image", { type: "button", "aria-label": CHAT.image, onclick: () => show(picture.src) }, picture);
  picture.addEventListener("error", () => frame.replaceChildren(h("span", {}, CHAT.broken)), { once: true });
  return frame;
}

function show(source) {
  const viewer = byId("viewer");
  viewer.replaceChildren(h("img", { src: source, alt: CHAT.image }));
  viewer.onclick = () => viewer.close();
  viewer.showModal();
}

function voice(body) {
  const length = h("span.seconds", {}, "");
  const bar = h("div.bubble.voice", { "aria-label": CHAT.voice }, waves(), length);
  measure(body.media_id).then((seconds) => {
    length.textContent = `${seconds}″`;
    bar.style.setProperty("--seconds", Math.min(seconds, 30));
  });
  return bar;
}

async function measure(mediaId) {
  const answer = await fetch(simulator.mediaUrl(mediaId)).catch(() => null);
  const bytes = answer?.ok ? (await answer.arrayBuffer()).byteLength : 0;
  return Math.max(1, Math.round(bytes / AMR_RATE));
}

function waves() {
  return s(
    "svg.waves",
    { viewBox: "0 0 20 20", "aria-hidden": "true" },
    s("path", { d: "M5 8.5a2.2 2.2 0 0 1 0 3M8.5 6a5.8 5.8 0 0 1 0 8M12 3.5a9.4 9.4 0 0 1 0 13", fill: "none", stroke: "currentColor", "stroke-width": 1.7, "stroke-linecap": "round" }),
  );
}

/** A little map, drawn: streets, a park, a river and the pin. */
function location(body) {
  const map = s(
    "svg",
    { viewBox: "0 0 230 84", preserveAspectRatio: "xMidYMid slice", "aria-hidden": "true" },
    s("rect", { width: 230, height: 84, fill: "#f2efe9" }),
    s("path", { d: "M0 62c50-14 80 12 130 0s70-10 100-4v26H0z", fill: "#cfe6f5" }),
    s("rect", { x: 20, y: 8, width: 54, height: 30, rx: 4, fill: "#d6ecc9" }),
    s("path", { d: "M0 46h230M96 0v84M164 0v60M0 4h230", stroke: "#fff", "stroke-width": 7, fill: "none" }),
    s("path", { d: "M115 16a11 11 0 0 0-11 11c0 8 11 19 11 19s11-11 11-19a11 11 0 0 0-11-11z", fill: "#fa5151" }),
    s("circle", { cx: 115, cy: 27, r: 4, fill: "#fff" }),
  );
  return h("div.bubble.location", {}, h("b", {}, body.name ?? CHAT.location), h("small", {}, body.address ?? ""), map);
}

/** The picture of a link, if it is one of ours; a picture from elsewhere is not fetched. */
function thumb(body) {
  const mediaId = body.thumb_media_id;
  return mediaId ? h("img", { src: simulator.mediaUrl(mediaId), alt: "" }) : icon("inbox");
}
