// Requests of scripts, with the proof that our page made them.
import { WORDS } from "./words.js";

/** The header that proves it; htmx gets it from the same place. */
export function proof() {
  return JSON.parse(document.body.getAttribute("hx-headers") ?? "{}");
}

/** POST a form (object or FormData) or, with `json`, JSON. Resolves to the Response; throws an Error with the sentence to show. */
export async function send(path, { form, json } = {}) {
  const headers = { ...proof() };
  let body;
  if (json !== undefined) [headers["Content-Type"], body] = ["application/json", JSON.stringify(json)];
  else body = form instanceof FormData ? form : new URLSearchParams(form ?? {});
  const answer = await fetch(path, { method: "POST", headers, body }).catch(() => { throw new Error(WORDS.no_answer); });
  if (!answer.ok) throw new Error(sentence(answer.headers.get("Content-Type") ?? "", await answer.text()));
  return answer;
}

/** What an error's answer says: our errors are one plain sentence; anything else is not for people. */
export function sentence(type, text) {
  return type.startsWith("text/plain") && text && text.length < 300 ? text : WORDS.failed;
}
