// Labelling by keyboard: what is marked in a sentence is what shall be hidden, and the next group is read out.
let marked = "";

document.addEventListener("selectionchange", () => {
  const chosen = getSelection(), text = chosen.toString().trim();
  if (text && document.getElementById("texts")?.contains(chosen.anchorNode)) marked = text;
});

document.addEventListener("click", ({ target }) => {
  const part = document.getElementById("part");
  if (target.closest("[data-open=private]") && part) {
    part.value = marked;
    part.focus();
  }
});

document.body.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (detail.target.id !== "labelling" && detail.elt.id !== "labelling") return;
  marked = "";
  document.getElementById("said-by")?.focus({ preventScroll: true });
});
