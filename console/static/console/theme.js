// Before the first paint: the theme that this person chose, if any. No module, so that nothing flashes.
(() => {
  const chosen = localStorage.getItem("careloop.theme"), sheet = document.getElementById("dark");
  if (chosen && sheet) sheet.media = chosen === "dark" ? "screen" : "not all";
})();
