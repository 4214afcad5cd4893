// Figures: <figure class="chart" data-chart='{"kind": "line", "x": [...], "series": [{"name": …, "values": [...]}], "unit": "kg"}'>.
import { options, say } from "./chart_options.js";
import { el, icon } from "./dom.js";
import { WORDS } from "./words.js";

const drawn = new Map();
let library = null;

function loaded() {
  library ??= new Promise((resolve, reject) => {
    const src = new URL("../vendor/echarts.min.js", import.meta.url).pathname;
    document.head.append(el("script", { src, load: () => resolve(window.echarts), error: reject }));
  });
  return library;
}

const sized = new ResizeObserver((entries) => { for (const { target } of entries) drawn.get(target.closest(".chart"))?.resize(); });

function isEmpty(data) {
  return !data.series.some((series) => series.values.flat(2).some((value) => typeof value === "number"));
}

// For screen readers, and for whoever wants the numbers.
function table(data, title) {
  const pairs = data.series.some((series) => series.values.some(Array.isArray)) && data.kind !== "heat";
  const head = data.kind === "heat" ? data.x : data.series.map((series) => series.name);
  const rows = data.kind === "heat"
    ? data.y.map((name, y) => [name, ...data.series[0].values[y]])
    : pairs
      ? data.series.flatMap((series, at) => series.values.map(([x, value]) => [x, ...data.series.map((_, each) => (each === at ? value : null))]))
      : data.x.map((name, at) => [name, ...data.series.map((series) => series.values[at])]);
  return el("table", {}, el("caption", {}, `${title} ${WORDS.chart.table}`),
    el("thead", {}, el("tr", {}, ...[data.x_name ?? WORDS.chart.x, ...head].map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, ...rows.map(([name, ...values]) => el("tr", {}, el("th", { scope: "row" }, name), ...values.map((value) => el("td", { "data-value": value ?? "" }, say(value, data.unit)))))));
}

function save(chart, title) {
  const ground = getComputedStyle(document.documentElement).getPropertyValue("--surface").trim();
  el("a", { href: chart.getDataURL({ pixelRatio: 2, backgroundColor: ground }), download: `${title || "CareLoop"}.png` }).click();
}

// A file that Excel opens. What would be a formula there is words here.
function saveNumbers(numbers, title) {
  const safe = (text) => `"${(/^[=+@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const lines = [...numbers.rows].map((row) => [...row.cells].map((cell) => safe(cell.dataset.value ?? cell.textContent)).join(","));
  const href = URL.createObjectURL(new Blob(["\ufeff", lines.join("\r\n")], { type: "text/csv" }));
  el("a", { href, download: `${title || "CareLoop"}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10000);
}

async function draw(figure) {
  const data = JSON.parse(figure.dataset.chart), caption = figure.querySelector("figcaption");
  const title = caption?.querySelector("[data-title]")?.textContent.trim() ?? caption?.firstChild?.textContent.trim() ?? "";
  figure.dataset.drawn = "";
  if (isEmpty(data)) return figure.append(el("p", { class: "plot empty" }, WORDS.chart.empty));
  const plot = el("div", { class: "plot", role: "img", "aria-label": title || data.series.map((series) => series.name).join("、") });
  figure.append(plot, el("div", { class: "sr" }, table(data, title)));
  const echarts = await loaded();
  if (!figure.isConnected) return;
  const chart = echarts.init(plot, null, { renderer: "canvas" });
  chart.setOption(options(data));
  drawn.set(figure, chart);
  sized.observe(plot);
  // Where the page has a file of its own beside the figure, it says so.
  const sheet = "excel" in figure.dataset
    ? null
    : el("button", { type: "button", class: "btn ghost small square", "aria-label": WORDS.chart.excel, title: WORDS.chart.excel, click: () => saveNumbers(figure.querySelector("table"), title) }, icon("list"));
  const button = el("button", { type: "button", class: "btn ghost small square", "aria-label": WORDS.chart.png, title: WORDS.chart.png, click: () => save(chart, title) }, icon("download"));
  if (!("plain" in figure.dataset)) caption?.append(el("span", { class: "actions" }, sheet, button));
}

function drawAll() {
  for (const [figure, chart] of drawn) {
    if (figure.isConnected) continue;
    chart.dispose();
    drawn.delete(figure);
  }
  for (const figure of document.querySelectorAll("[data-chart]:not([data-drawn])")) draw(figure);
}

function recolour() {
  for (const [figure, chart] of drawn) chart.setOption(options(JSON.parse(figure.dataset.chart)), true);
}

// Paper is always light.
const dark = document.getElementById("dark");
let media = "";
addEventListener("beforeprint", () => { media = dark.media; dark.media = "not all"; recolour(); });
addEventListener("afterprint", () => { dark.media = media; recolour(); });
document.addEventListener("theme", recolour);
document.body.addEventListener("htmx:afterSettle", drawAll);
drawAll();
