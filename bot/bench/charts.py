"""Pictures of what the benchmarks found, for docs/performance.md: how costs grow with the hospital, and how we compare with stock Rasa."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Line = tuple[str, Sequence[tuple[float, float]]]
# What grows with a hospital, by benchmark: title, axes, and for each line the names of its figures, in which the group is the size.
GROWTH: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "fanout": (
        "A follow-up that is due, until it is in the outbox",
        "families due at the same moment",
        "ms of processor",
        {"workers": r"n(\d+)_workers_cpu_ms_per_task", "database": r"n(\d+)_database_cpu_ms_per_task"},
    ),
    "cohorts": (
        "Cohorts",
        "patients",
        "ms",
        {"count": r"count_ms_(\d+)", "first page": r"first_page_ms_(\d+)", "a tag's change": r"tag_change_ms_(\d+)"},
    ),
    "pages": (
        "The console's pages, as the server answers",
        "patients",
        "ms",
        {share: rf"answer_{share}_ms_(\d+)" for share in ("p50", "p95", "p99")},
    ),
}


def newest(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Figures by benchmark from lines of `careloop bench … --json`; a later line's figures replace those of the same name.

    Raises ValueError for a line that is no such object.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            found.setdefault(one["bench"], {}).update(one["figures"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"line {number} is no result of a benchmark") from None
    return found


def by_size(figures: Mapping[str, Any], pattern: str) -> list[tuple[float, float]]:
    """The figures whose whole name is `pattern`, in which one group is the size; by size."""
    found = ((re.fullmatch(pattern, name), value) for name, value in figures.items())
    return sorted((float(name[1]), float(value)) for name, value in found if name)


def draw(results: Path, folder: Path) -> list[Path]:
    """Write the charts of `results` into `folder` as SVG, the same bytes for the same figures; which ones. Raises ValueError."""
    found = newest(results.read_text("utf-8").splitlines())
    drawn = []
    for bench, (title, across, up, patterns) in GROWTH.items():
        lines = [(label, by_size(found.get(bench, {}), pattern)) for label, pattern in patterns.items()]
        if any(points for _, points in lines):
            drawn.append(_growth(folder / f"{bench}.svg", title, across, up, lines))
    turns = found.get("turns", {})
    sides = [
        ("16 families at once", "turns_per_s_at_16"),
        ("one after the other", "turns_per_s_at_1"),
    ]
    bars = [(label, turns[f"ours_{name}"], turns[f"stock_{name}"]) for label, name in sides if f"stock_{name}" in turns]
    return drawn + ([_against_stock(folder / "turns.svg", bars)] if bars else [])


def _growth(path: Path, title: str, across: str, up: str, lines: Sequence[Line]) -> Path:
    """One line for each name, both axes by powers of ten where the sizes are."""
    figure, axes = _canvas(title)
    for name, points in lines:
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.legend(frameon=False)
    return _save(figure, path)


def _against_stock(path: Path, bars: Sequence[tuple[str, float, float]]) -> Path:
    figure, axes = _canvas("Whole turns a second, in one run on one machine")
    for place, (_, ours, stock) in enumerate(bars):
        for shift, value, colour, name in ((-0.2, ours, "#1f6feb", "CareLoop"), (0.2, stock, "#9aa4af", "stock Rasa")):
            axes.bar(place + shift, value, 0.38, color=colour, label=name if place == 0 else None)
            axes.text(place + shift, value, f"{value:g}", ha="center", va="bottom")
    axes.set_xticks(range(len(bars)), [label for label, _, _ in bars])
    axes.set_ylabel("turns/s")
    axes.legend(frameon=False)
    return _save(figure, path)


def _canvas(title: str) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("svg")
    # Without this salt the marks inside an SVG are named by chance.
    matplotlib.rcParams["svg.hashsalt"] = "careloop"
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path
