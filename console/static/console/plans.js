// A mistake leads to its line in the text of a template.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-line]");
  const text = document.getElementById("yaml");
  if (!button || !text) return;
  const lines = text.value.split("\n");
  const start = lines.slice(0, button.dataset.line - 1).reduce((sum, line) => sum + line.length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[button.dataset.line - 1]?.length ?? 0));
  text.scrollTop = (button.dataset.line - 4) * parseFloat(getComputedStyle(text).lineHeight);
});
