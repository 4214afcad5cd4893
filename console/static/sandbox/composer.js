// The input bar at the foot of the parent's chat: text, emoji, photo, voice, place.

import { simulator } from "./api.js";
import { icon } from "./icons.js";
import { guarded, h, onEnter, toast } from "./dom.js";
import { PHONE } from "./words.js";

// The platform drops larger pictures and tells the hospital so in a text.
const LARGEST_IMAGE = 2 * 1024 * 1024;
const LONGEST_SIDE = 1600;
const VOICE_SECONDS = [3, 5, 8];

/** The bar; `say(message)` sends one inbound message. Returns {node, focus()}. */
export function composer(say) {
  const field = h("textarea", { rows: 1, placeholder: PHONE.placeholder, "aria-label": PHONE.placeholder, maxlength: 2000, enterkeyhint: "send" });
  const send = h("button.send", { type: "button", hidden: true }, PHONE.send);
  const more = h("button.tool", { type: "button", "aria-label": PHONE.more, "aria-expanded": "false" }, icon("plus"));
  const emoji = h("button.tool", { type: "button", "aria-label": PHONE.emoji, "aria-expanded": "false" }, icon("smile"));
  const drawer = h("div.drawer", { hidden: true });
  const picker = h("input", { type: "file", accept: "image/png,image/jpeg", hidden: true, "aria-label": PHONE.photo });
  const node = h("div.composer", {}, h("div.bar", {}, field, emoji, send, more), drawer, picker);

  const fit = () => {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 96)}px`;
    send.hidden = !field.value.trim();
    more.hidden = !send.hidden;
  };
  const submit = () => {
    const content = field.value.trim();
    if (!content) return;
    field.value = "";
    fit();
    field.focus();
    say({ msgtype: "text", text: { content } });
  };
  field.addEventListener("input", fit);
  onEnter(field, submit);
  send.addEventListener("click", submit);

  const drawers = { emoji: () => emojis((one) => insert(field, one, fit)), more: () => tools(say, picker, () => open(null)) };
  let shown = null;
  const open = (what) => {
    shown = what === shown ? null : what;
    drawer.hidden = !shown;
    drawer.replaceChildren(...(shown ? [drawers[shown]()] : []));
    emoji.setAttribute("aria-expanded", String(shown === "emoji"));
    more.setAttribute("aria-expanded", String(shown === "more"));
  };
  emoji.addEventListener("click", () => open("emoji"));
  more.addEventListener("click", () => open("more"));
  field.addEventListener("paste", (event) => {
    const file = [...event.clipboardData.files].find((one) => one.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    sendImage(file, say);
  });
  node.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && shown) open(null);
  });
  picker.addEventListener("change", () => {
    const file = picker.files[0];
    picker.value = "";
    if (file) sendImage(file, say);
  });
  return { node, focus: () => field.focus({ preventScroll: true }) };
}

function insert(field, text, fit) {
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  fit();
  field.focus();
}

function emojis(pick) {
  return h("div.emojis", {}, PHONE.emojis.map((one) => h("button", { type: "button", "aria-label": one, onclick: () => pick(one) }, one)));
}

function tools(say, picker, close) {
  const tool = (name, label, act) => h("button.kit", { type: "button", onclick: () => (close(), act()) }, h("span", {}, icon(name)), label);
  return h(
    "div.tools",
    {},
    tool("photo", PHONE.photo, () => picker.click()),
    tool("voice", PHONE.voice, () => sendVoice(say)),
    tool("place", PHONE.place, () => say({ msgtype: "location", location: pick(PHONE.places) })),
  );
}

const pick = (list) => list[Math.floor(Math.random() * list.length)];

const sendImage = guarded(async (file, say) => {
  const picture = file.size > LARGEST_IMAGE ? await smaller(file) : file;
  if (!picture || picture.size > LARGEST_IMAGE) return toast(PHONE.tooBig, "error");
  return say({ msgtype: "image", image: { media_id: await simulator.upload(picture, "image", file.name) } });
});

/** As WeChat does with large photos: scale down and save as JPEG. Null for what is no picture. */
async function smaller(file) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return null;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = h("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8));
}

/** A voice note stands in for a recording: AMR silence of a few seconds. */
const sendVoice = guarded(async (say) => {
  const frames = pick(VOICE_SECONDS) * 50;
  const sound = new Uint8Array(6 + frames * 32);
  sound.set(new TextEncoder().encode("#!AMR\n"));
  for (let frame = 0; frame < frames; frame += 1) sound[6 + frame * 32] = 0x3c;
  const blob = new Blob([sound], { type: "audio/amr" });
  return say({ msgtype: "voice", voice: { media_id: await simulator.upload(blob, "voice", "voice.amr") } });
});
