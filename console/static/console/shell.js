// The frame: the menu on narrow screens, light and dark.
import { WORDS } from "./words.js";

const KEPT = "careloop.theme";

function isDark() {
  const sheet = document.getElementById("dark");
  return matchMedia(sheet.media).matches;
}

function label() {
  for (const button of document.querySelectorAll("[data-theme]")) {
    button.setAttribute("aria-label", isDark() ? WORDS.to_light : WORDS.to_dark);
    button.title = button.getAttribute("aria-label");
    button.querySelector(".of-light").toggleAttribute("hidden", !isDark());
    button.querySelector(".of-dark").toggleAttribute("hidden", isDark());
  }
}

export function startShell() {
  const opener = document.querySelector(".open-nav"), side = document.querySelector(".side");
  opener?.addEventListener("click", () => opener.setAttribute("aria-expanded", String(side.classList.toggle("open"))));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !side?.classList.contains("open")) return;
    side.classList.remove("open");
    opener.setAttribute("aria-expanded", "false");
    opener.focus();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-print]")) return print();
    if (!event.target.closest("[data-theme]")) return;
    const dark = !isDark();
    localStorage.setItem(KEPT, dark ? "dark" : "light");
    document.getElementById("dark").media = dark ? "screen" : "not all";
    label();
    document.dispatchEvent(new CustomEvent("theme"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { label(); document.dispatchEvent(new CustomEvent("theme")); });
  label();
}
