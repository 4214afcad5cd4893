"""The pictures of docs/performance.md come from the figures that benchmarks print, and from nothing else."""

import json
from pathlib import Path

import pytest

from bot.bench.charts import by_size, draw, newest
from bot.bench.sustained import growth

PAGES = {"answer_p50_ms_10000": 20.0, "answer_p95_ms_10000": 75.0, "answer_p99_ms_10000": 120.0}
TURNS = {"ours_turns_per_s_at_16": 400.0, "stock_turns_per_s_at_16": 42.0, "ours_turns_per_s_at_1": 129.0, "stock_turns_per_s_at_1": 36.0}


def line(bench: str, figures: dict[str, float]) -> str:
    return json.dumps({"bench": bench, "figures": figures})


def test_a_later_run_counts_and_what_it_did_not_measure_stays() -> None:
    found = newest([line("pages", PAGES), "", line("pages", {"answer_p95_ms_10000": 60.0})])
    assert found["pages"] == PAGES | {"answer_p95_ms_10000": 60.0}


def test_a_line_that_is_no_result_is_named() -> None:
    for wrong in ("{", "[]", '{"bench": "pages"}'):
        with pytest.raises(ValueError, match="line 2 "):
            newest([line("pages", PAGES), wrong])


def test_sizes_are_numbers_and_in_order() -> None:
    figures = {"count_ms_1000000": 3.0, "count_ms_20000": 2.0, "count_ms_ratio_1000000_to_20000": 9.0}
    assert by_size(figures, r"count_ms_(\d+)") == [(20000.0, 2.0), (1000000.0, 3.0)]


def test_what_was_measured_is_drawn_and_twice_the_same(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(line("pages", PAGES) + "\n" + line("turns", TURNS) + "\n", "utf-8")
    drawn = draw(results, tmp_path / "a")
    assert [path.name for path in drawn] == ["pages.svg", "turns.svg"]
    again = draw(results, tmp_path / "b")
    assert [path.read_bytes() for path in drawn] == [path.read_bytes() for path in again]


def test_the_charts_in_the_docs_are_those_of_the_results(tmp_path: Path) -> None:
    kept = Path(__file__).parents[2] / "docs/performance"
    drawn = draw(kept / "results.jsonl", tmp_path)
    assert {path.name for path in kept.glob("*.svg")} == {path.name for path in drawn}
    assert all(path.read_bytes() == (kept / path.name).read_bytes() for path in drawn)


@pytest.mark.parametrize(("samples", "grown"), [([900.0, 500.0, 500.0, 500.0, 500.0], 0.0), ([500.0, 500.0, 520.0, 540.0, 600.0], 0.2)])
def test_memory_grows_from_when_it_is_warm(samples: list[float], grown: float) -> None:
    assert growth(samples) == grown
