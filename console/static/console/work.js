// The work list: what is marked can be done together, and a filter counts at once.

const marked = () => document.querySelectorAll("input[form=marked]:checked").length;

function count() {
  const form = document.getElementById("marked");
  if (!form) return;
  form.querySelector("[data-marked]").textContent = marked() ? `已勾选${marked()}条` : "勾选后可以一起处理";
  for (const button of form.querySelectorAll("button")) button.disabled = !marked();
}

document.addEventListener("change", ({ target }) => {
  const filters = target.closest("[data-submit-on-change]");
  if (filters) filters.requestSubmit();
  else count();
});
// A refresh that was under way when somebody opened a menu or marked a line comes again when he is done.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig } = event.detail;
  if (target.id !== "work" || !requestConfig.triggeringEvent?.type.startsWith("live:")) return;
  if (!target.querySelector("details.menu[open], input[form=marked]:checked")) return;
  event.detail.shouldSwap = false;
  document.body.dispatchEvent(new CustomEvent("live:work"));
});
document.body.addEventListener("htmx:afterSettle", count);
count();
