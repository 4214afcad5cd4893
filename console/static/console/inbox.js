// The inbox: the last line in sight, canned answers into the field, sending by keyboard.
const NEAR = 120; // px from the end at which one still reads the latest lines

const lines = () => document.getElementById("lines");
const words = () => document.getElementById("words");
let atEnd = true, kept = "";

function toEnd() {
  const log = lines();
  if (log) log.scrollTop = log.scrollHeight;
}

document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const log = lines();
  atEnd = !log || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR;
  // What is being written outlives an answer to something else than the sending of it.
  const from = detail.requestConfig?.elt?.closest("form");
  kept = detail.target.id === "talk" && from?.id !== "composer" ? (words()?.value ?? "") : "";
});

document.body.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (detail.target.classList.contains("older")) return;
  if (detail.target.id === "talk") {
    if (kept && words()) words().value = kept;
    toEnd();
    words()?.focus();
  } else if (detail.target.id === "lines" && atEnd) toEnd();
});

document.addEventListener("click", ({ target }) => {
  const pick = target.closest("[data-insert]"), field = words();
  if (!pick || !field) return;
  field.setRangeText(pick.dataset.insert, field.selectionStart, field.selectionEnd, "end");
  pick.closest("details").open = false;
  field.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.target.id !== "words" || event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  document.querySelector("#send-row .primary")?.click();
});

toEnd();
