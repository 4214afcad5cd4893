// App messages that are not cards: text, text card, markdown, news. The few tags WeCom knows become nodes, all else stays text.

import { simulator } from "./api.js";
import { h, link, linkify } from "./dom.js";
import { CHAT, DESK } from "./words.js";

const DIVS = new Set(["gray", "normal", "highlight"]);

/** Nodes for one app message. */
export function notice(message) {
  const body = message[message.msgtype] ?? {};
  const draw = DRAW[message.msgtype];
  return draw ? draw(body) : h("div.bubble.note", {}, CHAT.other);
}

const DRAW = {
  text: (body) => h("div.bubble.text", {}, ...tagged(body.content)),
  markdown: (body) => h("div.bubble.text.markdown", {}, (body.content ?? "").split("\n").map(markdownLine)),
  textcard: (body) =>
    h("article.card", {}, h("header", {}, h("h3", {}, body.title)), h("div.description", {}, ...tagged(body.description)), link("a.jump", body.url, body.btntxt || DESK.open)),
  news: (body) => h("article.card", {}, (body.articles ?? []).map((one) => link("a.jump", one.url, h("b", {}, one.title), h("small", {}, one.description)))),
  image: (body) => h("div.bubble.image", {}, h("img", { src: simulator.mediaUrl(body.media_id), alt: CHAT.image })),
};

// Read by pattern, not by the browser's parser, which would already act on handlers and pictures in it.
const TAGS = /<a\s+href=["']([^"'<>]*)["'][^>]*>([^<]*)<\/a>|<div(?:\s+class=["'](\w+)["'])?>([^<]*)<\/div>|<br\s*\/?>/g;

/** Text with WeCom's <a href>, <div class> and <br> as nodes; any other tag is shown as it was written. */
function tagged(text = "") {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(TAGS)) {
    const [all, href, label, kind, words] = found;
    nodes.push(...linkify(text.slice(from, found.index)));
    if (href !== undefined) nodes.push(link("a", href, label));
    else if (words !== undefined) nodes.push(h(`div.${DIVS.has(kind) ? kind : "normal"}`, {}, ...linkify(words)));
    else nodes.push(h("br"));
    from = found.index + all.length;
  }
  return [...nodes, ...linkify(text.slice(from))];
}

/** The subset that matters in a chat: headings, quotes, bold, coloured words. */
function markdownLine(line) {
  const [, mark, rest] = /^(#{1,6} |> ?)?(.*)$/.exec(line);
  const what = mark?.startsWith("#") ? "h4" : mark ? "blockquote" : "p";
  const parts = rest.split(/(\*\*[^*]+\*\*|<font color="[a-z]+">[^<]*<\/font>)/).filter(Boolean);
  const node = (part) => {
    if (part.startsWith("**")) return h("b", {}, part.slice(2, -2));
    const coloured = /^<font color="(info|comment|warning)">([^<]*)<\/font>$/.exec(part);
    return coloured ? h(`span.${coloured[1]}`, {}, coloured[2]) : part;
  };
  return h(what, {}, parts.map(node));
}
