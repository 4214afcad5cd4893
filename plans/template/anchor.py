"""The dates from which plans count: a fixed vocabulary (anchors.yml), so that records, clinicians and templates mean the same."""

import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator

from plans.template.mistake import mistake, sentence


@dataclass(frozen=True)
class AnchorKind:
    """`source` is the table in which the record knows it, `today` for the day of enrolment, None where somebody has to say it. A date
    that may come again (`several`) keeps all of its days."""

    name: str
    title: str
    source: str | None
    several: bool


@cache
def anchor_kinds() -> dict[str, AnchorKind]:
    """All anchors there are, by name."""
    raw = yaml.safe_load(Path(__file__).with_name("anchors.yml").read_text(encoding="utf-8"))
    return {name: AnchorKind(name, said["title"], said.get("from"), bool(said.get("several"))) for name, said in raw.items()}


def anchor_title(name: str) -> str:
    """What people call it; the name itself where it is not known."""
    return anchor_kinds()[name].title if name in anchor_kinds() else name


def nearest_anchor(name: str) -> str:
    """The anchor that was probably meant, as a question; empty when none is near."""
    known = {**{kind.title: kind.name for kind in anchor_kinds().values()}, **{each: each for each in anchor_kinds()}}
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return sentence("nearest", name=known[close[0]], title=anchor_title(known[close[0]])) if close else ""


def known_anchor(name: str) -> str:
    """`name`, if it is one. Raises PydanticCustomError with the nearest one."""
    if name not in anchor_kinds():
        raise mistake("anchor_unknown", name=name[:40], nearest=nearest_anchor(name))
    return name


AnchorName = Annotated[str, AfterValidator(known_anchor)]
