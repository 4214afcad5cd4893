// From what a page says about a figure to ECharts' options. Colours go by meaning, so that the same thing looks the same everywhere.
const MEANING = {
  emergency: "--chart-emergency", urgent: "--chart-urgent", same_day: "--chart-same-day", routine: "--chart-routine",
  bad: "--chart-emergency", warn: "--chart-urgent", good: "--chart-3", info: "--chart-1", accent: "--accent", muted: "--edge",
};
const COUNT = 6;
const style = () => getComputedStyle(document.documentElement);
const token = (name) => style().getPropertyValue(name).trim();

function colour(wanted, place) {
  return token(MEANING[wanted] ?? `--chart-${(Number(wanted) || (place % COUNT) + 1)}`);
}

const round = new Intl.NumberFormat("zh-CN", { maximumFractionDigits: 2 });

/** A value as people read it. */
export function say(value, unit = "") {
  return value === null || value === undefined || value === "" ? "—" : `${round.format(value)}${unit ? ` ${unit}`.replace(" %", "%") : ""}`;
}

function common(data) {
  const ink = token("--ink"), muted = token("--muted"), line = token("--line");
  const words = { color: muted, fontFamily: token("--font"), fontSize: 12 };
  return {
    animation: false,
    textStyle: { fontFamily: token("--font"), color: ink },
    grid: { left: 8, right: 16, top: (data.series.length > 1 ? 32 : 8) + (data.unit ? 26 : 8), bottom: 8, containLabel: true },
    legend: data.series.length > 1 ? { top: 0, left: 0, type: "scroll", itemWidth: 14, itemHeight: 10, textStyle: { color: ink, fontSize: 12 }, pageTextStyle: words } : undefined,
    // Drawn on the canvas: tooltips made of markup would need inline styles, which our content policy refuses.
    tooltip: {
      renderMode: "richText", confine: true, trigger: "axis", axisPointer: { type: "line", lineStyle: { color: line } },
      backgroundColor: token("--raised"), borderColor: line, textStyle: { color: ink, fontSize: 12 }, valueFormatter: (value) => say(Array.isArray(value) ? value.at(-1) : value, data.unit),
    },
    axis: {
      name: { nameTextStyle: { ...words, align: "left" } },
      label: { axisLabel: { ...words, hideOverlap: true } },
      line: { axisLine: { lineStyle: { color: line } }, axisTick: { lineStyle: { color: line } } },
      split: { splitLine: { lineStyle: { color: line } } },
    },
  };
}

function bands(data) {
  const filled = { good: "--good-soft", warn: "--warn-soft", bad: "--bad-soft" };
  if (!data.bands?.length) return undefined;
  return {
    silent: true,
    label: { color: token("--muted"), fontSize: 11, position: "insideTopRight" },
    data: data.bands.map((band) => [
      { name: band.name ?? "", yAxis: band.low ?? "min", itemStyle: { color: token(filled[band.kind] ?? "--good-soft"), opacity: 0.8 } },
      { yAxis: band.high ?? "max" },
    ]),
  };
}

// A line's axis need not begin at zero, but what is normal must be in sight.
function reach(data) {
  const edges = (data.bands ?? []).flatMap((band) => [band.low, band.high]).filter((edge) => typeof edge === "number");
  if (!edges.length) return {};
  const step = ({ min, max }) => 10 ** Math.floor(Math.log10(Math.max(max, ...edges) - Math.min(min, ...edges) || 1)) / 2;
  return {
    min: (range) => Math.floor(Math.min(range.min, ...edges) / step(range)) * step(range),
    max: (range) => Math.ceil(Math.max(range.max, ...edges) / step(range)) * step(range),
  };
}

// x may be names, moments (axis: "time") or numbers such as months of age (axis: "value").
function alongX(data, { axis, ...rest }) {
  const measured = data.axis === "time" || data.axis === "value";
  const kind = data.kind === "line" ? "line" : "bar";
  return {
    ...rest,
    tooltip: { ...rest.tooltip, axisPointer: { ...rest.tooltip.axisPointer, type: kind === "bar" ? "shadow" : "line" } },
    xAxis: { type: measured ? data.axis : "category", data: measured ? undefined : data.x, name: data.x_unit, ...axis.name, ...axis.label, ...axis.line, splitLine: { show: false }, boundaryGap: measured ? undefined : kind === "bar", scale: true },
    yAxis: { type: "value", name: data.unit, ...axis.name, ...axis.label, ...axis.split, scale: kind === "line", minInterval: data.whole ? 1 : undefined, ...reach(data) },
    series: data.series.map((series, place) => ({
      type: kind,
      name: series.name,
      data: measured ? series.values.map((value, at) => (Array.isArray(value) ? value : [data.x[at], value])) : series.values,
      stack: data.kind === "stacked" ? "all" : undefined,
      color: colour(series.color, place),
      barMaxWidth: 36,
      symbolSize: series.dash ? 0 : 6,
      showSymbol: !series.dash,
      connectNulls: true,
      lineStyle: { width: series.dash ? 1 : 2, type: series.dash ? "dashed" : "solid" },
      markArea: place === 0 ? bands(data) : undefined,
    })),
  };
}

function heat(data, { axis, ...rest }) {
  const cells = data.series[0].values.flatMap((row, y) => row.map((value, x) => [x, y, value]));
  const most = Math.max(1, ...cells.map((cell) => cell[2] ?? 0));
  return {
    ...rest,
    legend: undefined,
    grid: { ...rest.grid, top: 8, bottom: 40 },
    tooltip: { ...rest.tooltip, trigger: "item", formatter: ({ value: [x, y, value] }) => `${data.y[y]} ${data.x[x]}  ${say(value, data.unit)}` },
    xAxis: { type: "category", data: data.x, ...axis.label, ...axis.line },
    yAxis: { type: "category", data: data.y, inverse: true, ...axis.label, ...axis.line },
    visualMap: { min: 0, max: most, orient: "horizontal", left: "center", bottom: 0, itemHeight: 120, itemWidth: 12, calculable: false, textStyle: { color: token("--muted") }, text: [say(most, data.unit), "0"], inRange: { color: [token("--hover"), token("--chart-1")] } },
    series: [{ type: "heatmap", name: data.series[0].name, data: cells, itemStyle: { borderColor: token("--surface"), borderWidth: 1 } }],
  };
}

// Bars of one length scale are compared more surely than the slices of a funnel.
function funnel(data, { axis, ...rest }) {
  const values = data.series[0].values, first = values[0] || 1;
  return {
    ...rest,
    legend: undefined,
    grid: { ...rest.grid, top: 8, right: 96 },
    tooltip: { show: false },
    xAxis: { type: "value", show: false },
    yAxis: { type: "category", data: data.x, inverse: true, ...axis.label, ...axis.line, axisTick: { show: false } },
    series: [{
      type: "bar", name: data.series[0].name, data: values, color: colour(data.series[0].color, 0), barMaxWidth: 28,
      label: { show: true, position: "right", color: token("--ink"), formatter: ({ value }) => `${say(value, data.unit)}  ${Math.round((value / first) * 100)}%` },
    }],
  };
}

/** ECharts' options for `data`, in the colours of the moment. */
export function options(data) {
  const make = { heat, funnel }[data.kind] ?? alongX;
  return make(data, common(data));
}
