"""How many values of the frozen pictures are read: `python -m tests.tagging.pictures.evaluate [--grade usual] [--limit 20]`.

A picture is a line of nlu_data/evaluation/pictures.jsonl: what to draw, from which seed, how it is photographed, and what it says.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tagging.picture.ocr import Ocr, RapidEngine
from tagging.picture.read import read_picture
from tests.tagging.pictures.camera import photograph, shot
from tests.tagging.pictures.devices import draw_device
from tests.tagging.pictures.reports import draw_report

FROZEN = Path(__file__).parents[3] / "nlu_data/evaluation/pictures.jsonl"
# A sheet of paper is photographed from nearer than a device, for it is larger.
REPORT_PIXELS = 1.6


def cases() -> Iterator[dict[str, Any]]:
    """The frozen pictures."""
    for line in FROZEN.read_text("utf-8").splitlines():
        yield json.loads(line)


def picture_of(case: dict[str, Any]) -> bytes:
    """The photograph that a case describes."""
    how = shot(case["grade"], case["seed"])
    if case["draw"] == "report":
        how = replace(how, long_side=int(how.long_side * REPORT_PIXELS), perspective=how.perspective * 0.6)
        return photograph(draw_report(case["seed"]).image, how, case["seed"])
    return photograph(draw_device(case["draw"], case["seed"]).image, how, case["seed"])


def outcomes(case: dict[str, Any], ocr: Ocr) -> Counter[str]:
    """Each expected value: right, right but doubted, missing, wrong but doubted, or wrong; and what was read beside them."""
    picture = read_picture(picture_of(case), ocr)
    key = "analyte" if case["draw"] == "report" else "vital"
    read = {getattr(value, key): value for value in picture.values}
    found: Counter[str] = Counter()
    for name, wanted in case["values"].items():
        value = read.pop(name, None)
        if value is None or (value.value is None and value.limit is None):
            found["missing"] += 1
            continue
        right = (
            value.limit == wanted
            if isinstance(wanted, str)
            else value.value is not None and abs(value.value - wanted) <= 0.006 + wanted * 0.001
        )
        found[("right" if right else "wrong") + (" doubted" if value.doubt else "")] += 1
        if case["draw"] == "report":
            found["arrow right" if value.arrow == case["arrows"].get(name) else "arrow wrong"] += 1
            found["range right" if [value.low, value.high] == case["ranges"][name] else "range wrong"] += 1
    found["invented"] = sum(value.value is not None and not value.doubt for value in read.values())
    return found


def freeze(first: int, each: int) -> Iterator[dict[str, Any]]:
    """New cases: `each` of every kind and grade, from seed `first` on."""
    for grade in ("clean", "usual", "hard"):
        for draw in ("thermometer", "scale", "glucose_meter", "blood_pressure", "oximeter"):
            for seed in range(first, first + each):
                drawn = draw_device(draw, seed)
                values = {**drawn.values, **({"glucose": drawn.limit} if drawn.limit else {})}
                yield {"id": f"{grade}-{draw}-{seed}", "draw": draw, "seed": seed, "grade": grade, "values": values}
        for seed in range(first, first + each):
            rows = draw_report(seed).rows
            yield {
                "id": f"{grade}-report-{seed}",
                "draw": "report",
                "seed": seed,
                "grade": grade,
                "values": {row.analyte: float(row.value) for row in rows},
                "arrows": {row.analyte: row.arrow for row in rows if row.arrow},
                "ranges": {row.analyte: [row.low, row.high] for row in rows},
            }


def main() -> None:
    """Print a table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--grade")
    arguments.add_argument("--limit", type=int)
    given = arguments.parse_args()
    chosen = [case for case in cases() if given.grade in (None, case["grade"])][: given.limit]
    table: dict[tuple[str, str], Counter[str]] = {}
    engine = RapidEngine()
    for case in chosen:
        found = outcomes(case, engine)
        table.setdefault((case["grade"], case["draw"]), Counter()).update(found)
        bad = {name: count for name, count in found.items() if count and name in ("wrong", "wrong doubted", "missing", "invented")}
        if bad:
            print(case["id"], bad, flush=True)
    columns = ("right", "right doubted", "missing", "wrong doubted", "wrong", "invented", "arrow wrong", "range wrong")
    print("| | " + " | ".join(columns) + " |")
    for (grade, draw), counts in table.items():
        print(f"| {grade} {draw} | " + " | ".join(str(counts[column]) for column in columns) + " |")


if __name__ == "__main__":
    main()
