// A template card as WeCom draws it, piece by piece, with its buttons and choices.

import { icon } from "./icons.js";
import { dropdown, h, link, linkify } from "./dom.js";
import { DESK } from "./words.js";

// source.desc_color of WeCom: 0 grey, 1 black, 2 red, 3 green.
const COLOURS = ["grey", "black", "red", "green"];
const RED = 2;

/** True when the sender marked the card's source red: an alert that cannot wait. */
export const isEmergency = (card) => Number(card?.source?.desc_color) === RED;

/**
 * Draw a card. `state` says what has happened to it: {done: bool, replace_name?: text for the button that was used up};
 * `click(key, selected)` reports a button, `name(userid)` a clinician's name.
 */
export function card(body, state, { click, name }) {
  const choices = {};
  const pieces = [
    (body.source || body.action_menu) && head(body, state, click),
    titled(body.main_title),
    body.emphasis_content && h("div.emphasis", {}, h("b", {}, body.emphasis_content.title), h("span", {}, body.emphasis_content.desc)),
    body.sub_title_text && h("p.sub", {}, ...linkify(body.sub_title_text)),
    body.quote_area && quote(body.quote_area),
    body.image_text_area && h("div.quote", {}, h("b", {}, body.image_text_area.title), h("p", {}, body.image_text_area.desc)),
    rows(body.horizontal_content_list, name),
    (body.vertical_content_list ?? []).map((row) => h("div.vertical", {}, h("b", {}, row.title), h("p", {}, row.desc))),
    [body.button_selection, ...(body.select_list ?? [])].filter(Boolean).map((one) => select(one, choices, state)),
    body.checkbox && checkbox(body.checkbox, choices, state),
    buttons(body, state, choices, click),
    (body.jump_list ?? []).map((jump) => link("a.jump", jump.url, jump.title)),
    body.card_action?.url && link("a.jump", body.card_action.url, DESK.open),
  ];
  return h(`article.card.${body.card_type}${isEmergency(body) ? ".emergency" : ""}${state.done ? ".done" : ""}`, {}, pieces);
}

function head({ source = {}, action_menu: menu }, state, click) {
  const actions = (menu?.action_list ?? []).map((action) => h("button", { type: "button", onclick: () => click(action.key, {}) }, action.text));
  const more = actions.length > 0 && dropdown("menu", h("span", { title: menu.desc ?? DESK.menu }, icon("dots")), actions);
  return h(`div.source.${COLOURS[source.desc_color] ?? "grey"}`, {}, source.desc && h("i"), h("span", {}, source.desc ?? ""), more);
}

function titled(title) {
  if (!title) return null;
  return h("header", {}, title.title && h("h3", {}, title.title), title.desc && h("p", {}, title.desc));
}

function quote(area) {
  const inside = [area.title && h("b", {}, area.title), area.quote_text && h("p", {}, area.quote_text)];
  return area.url ? link("a.quote", area.url, ...inside) : h("div.quote", {}, inside);
}

// horizontal_content_list.type: 0 text, 1 address, 2 file, 3 member.
function rows(list, name) {
  if (!list?.length) return null;
  const value = (row) => {
    if (row.type === 1) return link("a", row.url, row.value);
    if (row.type === 3) return h("span.member", {}, row.value || name(row.userid));
    return h("span", {}, row.value ?? "");
  };
  return h("dl", {}, list.map((row) => [h("dt", {}, row.keyname), h("dd", {}, value(row))]));
}

function select(question, choices, state) {
  const chosen = state.selected?.[question.question_key]?.[0] ?? question.selected_id ?? question.option_list?.[0]?.id;
  choices[question.question_key] = chosen === undefined ? [] : [chosen];
  const box = h(
    "select",
    { disabled: state.done || question.disable, onchange: () => (choices[question.question_key] = [box.value]) },
    (question.option_list ?? []).map((option) => h("option", { value: option.id, selected: option.id === chosen }, option.text)),
  );
  return h("label.choice", {}, h("span", {}, question.title ?? DESK.choose), box);
}

function checkbox(question, choices, state) {
  const chosen = new Set(question.option_list.filter((option) => option.is_checked).map((option) => option.id));
  const note = () => (choices[question.question_key] = [...chosen]);
  note();
  const many = question.mode === 1;
  const one = (option) => {
    const change = (event) => {
      if (!many) chosen.clear();
      if (event.target.checked) chosen.add(option.id);
      else chosen.delete(option.id);
      note();
    };
    const box = h("input", { type: many ? "checkbox" : "radio", name: question.question_key, checked: chosen.has(option.id), disabled: state.done || question.disable, onchange: change });
    return h("label.option", {}, box, option.text);
  };
  return h("fieldset", { disabled: state.done }, question.option_list.map(one));
}

function buttons(body, state, choices, click) {
  const list = body.button_list ?? (body.submit_button ? [{ ...body.submit_button, style: 1 }] : []);
  if (!list.length) return null;
  if (state.done) return h("div.buttons", {}, h("button.used", { type: "button", disabled: true }, state.replace_name || DESK.done));
  const one = (button) => {
    const style = `style${button.style >= 1 && button.style <= 4 ? button.style : 1}`;
    if (button.type === 1) return link(`a.button.${style}`, button.url, button.text);
    const node = h(`button.${style}`, { type: "button", "data-key": button.key }, button.text);
    node.addEventListener("click", async () => {
      const all = node.parentElement.querySelectorAll("button");
      for (const other of all) other.disabled = true;
      if (!(await click(button.key, choices))) for (const other of all) other.disabled = false;
    });
    return node;
  };
  return h("div.buttons", {}, list.map(one));
}
