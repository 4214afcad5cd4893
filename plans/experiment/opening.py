"""How a follow-up may begin. Only the words around the question differ: what would touch clinical content is refused when it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from string import Formatter

import yaml
from pydantic import BaseModel, ConfigDict

from plans.experiment.words import ExperimentRefused
from tagging.patient import PatientFacts
from tagging.understanding import understand

FILE = Path(__file__).with_name("openings.yml")
# The template's own words: no opening of ours.
PLAIN = "plain"
# As long as an opening may be without its question; it is read on a phone (R).
LONGEST = 80


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    text: str | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    needs_clinician_review: bool
    openings: dict[str, _Entry]


@dataclass(frozen=True)
class Opening:
    """Words around a question; `text` None stands for the template's own."""

    id: str
    title: str
    text: str | None

    def around(self, own: str) -> str:
        """The text to fill in, with {name} and {question}: this opening's, or the template's `own`."""
        return own if self.text is None else self.text


def check_opening(opening: Opening) -> None:
    """Raises ExperimentRefused for words that change what is asked, or say anything clinical.

    Whatever the language layer reads as a symptom, a measurement or a medicine is clinical, and so is any number.
    """
    if opening.text is None:
        return
    parts = [part for part in Formatter().parse(opening.text) if part[1] is not None]
    fields = [field for _, field, _, _ in parts]
    formatted = any(spec or conversion for _, _, spec, conversion in parts)
    if fields.count("question") != 1 or set(fields) - {"name", "question"} or formatted:
        raise ExperimentRefused("opening_placeholders", id=opening.id)
    plain = opening.text.format(name="", question="")
    if len(plain) > LONGEST:
        raise ExperimentRefused("opening_long", id=opening.id, length=len(plain), most=LONGEST)
    if found := _clinical(plain):
        raise ExperimentRefused("opening_clinical", id=opening.id, found="、".join(found))


def _clinical(text: str) -> list[str]:
    # Any moment and patient will do: what a word means does not depend on them.
    heard = understand(text, context=None, patient=PatientFacts(age_days=None), now=datetime(2026, 1, 1, 12, tzinfo=UTC))
    found = [each.text for each in heard.mentions] + [each.text for each in heard.measurements] + [each.text for each in heard.medicines]
    return list(dict.fromkeys([*found, *(sign for sign in text if sign.isnumeric())]))


def read_openings(path: Path) -> Mapping[str, Opening]:
    """The openings of a file, each checked. Raises ExperimentRefused, and ValueError for a file of another shape."""
    read = _File.model_validate(yaml.safe_load(path.read_text("utf-8")))
    openings = {id: Opening(id, entry.title, entry.text) for id, entry in read.openings.items()}
    for each in openings.values():
        check_opening(each)
    return openings


@cache
def openings() -> Mapping[str, Opening]:
    """The openings that CareLoop ships, by id."""
    return read_openings(FILE)


def opening_of(id: str) -> Opening:
    """The opening of this id. Raises ExperimentRefused (`opening_unknown`)."""
    if id not in openings():
        raise ExperimentRefused("opening_unknown", id=id, known="、".join(openings()))
    return openings()[id]
