// What somebody has tried stays ticked in this browser.
const KEY = "careloop.tour";
const boxes = document.querySelectorAll("[data-tour] [data-job]");
const done = new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));
for (const box of boxes) {
  box.checked = done.has(box.dataset.job);
  box.addEventListener("change", () => {
    done[box.checked ? "add" : "delete"](box.dataset.job);
    localStorage.setItem(KEY, JSON.stringify([...done]));
  });
}
