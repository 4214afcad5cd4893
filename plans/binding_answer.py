"""What a family's words are in answer to a step of its binding. Pure; nothing is compared with the record here."""

import re
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from tagging.particulars import BirthDate, read_birth_date, read_phone, read_record_number
from tagging.text import fold

_NAMED_NUMBER = re.compile(r"住院号|病历号|病案号|登记号|门诊号|id", re.I)
_I_AM = re.compile(r"我(?:就)?是(.+)")
_CLAUSE = re.compile(r"[，。,.！!；;\s]+")


@cache
def texts() -> dict[str, Any]:
    """binding.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("binding.yml").read_text("utf-8"))
    return loaded


def say(path: str, **values: Any) -> str:
    """The text at `path` of binding.yml (dots between keys), filled in. Raises KeyError when there is none."""
    found: Any = texts()
    for key in path.split("."):
        found = found[key]
    return str(found).format(**values)


@dataclass(frozen=True)
class Said:
    """`given`: particulars by step. `back`: one that cannot be used yet, and `why`. `help`, `leave`: about the binding itself.

    `yes`, `no`, `more`: to the consent question.
    """

    kind: Literal["given", "back", "help", "leave", "yes", "no", "more"]
    given: dict[str, Any] = field(default_factory=dict)
    why: str | None = None


@dataclass(frozen=True)
class Relationship:
    """What a carer is to the child; a guardian may consent for it."""

    name: str
    guardian: bool


def read_answer(step: str, text: str, today: date, given: dict[str, Any]) -> Said | None:
    """What `text` says to `step`; None when it is no answer. Several particulars in one message all count."""
    if step == "relationship":
        relationship = read_relationship(text)
        return Said("given", {"relationship": relationship.name}) if relationship is not None else _aside(text)
    if step == "consent":
        return _consent(text)
    found, back = _particulars(step, text, today, given)
    if step in found or (found and back is None):
        return Said("given", found)
    return back or _aside(text)


def read_relationship(text: str) -> Relationship | None:
    """我是她妈妈, 外婆: what the writer is to the child. 妈妈上班去了，我是奶奶 is the grandmother."""
    clauses = [clause for clause in _CLAUSE.split(fold(text)) if clause]
    claimed = [said[1] for clause in clauses if (said := _I_AM.search(clause))]
    for clause in [*claimed, *clauses]:
        for each in texts()["relationships"]:
            if re.search(each["words"], clause):
                return Relationship(each["name"], bool(each.get("guardian")))
    return None


def is_guardian(relationship: str) -> bool:
    """Whether a carer of this kind may consent for a child by himself."""
    return any(each["name"] == relationship and each.get("guardian") for each in texts()["relationships"])


def _particulars(step: str, text: str, today: date, given: dict[str, Any]) -> tuple[dict[str, Any], Said | None]:
    """The particulars in `text`, and the birth date that is none yet. What was not asked for counts where it cannot be anything else."""
    found: dict[str, Any] = {}
    back = None
    if phone := read_phone(text):
        found["phone"] = phone
    half = given.get("half_date")
    born = read_birth_date(text, today, before=BirthDate(why="year", month=half[0], day_of_month=half[1]) if half else None)
    if born is not None and (step == "birth_date" or born.day is not None):
        if born.day is not None:
            found["birth_date"] = born.day.isoformat()
        else:
            back = Said("back", {"half_date": [born.month, born.day_of_month]} if born.why == "year" else {}, born.why)
    if (step == "record_number" or _NAMED_NUMBER.search(text)) and (number := read_record_number(text)):
        found["record_number"] = number
        if step == "record_number" and found.get("birth_date", "").replace("-", "") == number:
            # 20250308 in answer to the record number is the record number.
            del found["birth_date"]
    return found, back


def _aside(text: str) -> Said | None:
    words = texts()["answers"]
    if re.search(words["help"], text):
        return Said("help")
    return Said("leave") if re.search(words["leave"], text) else None


def _consent(text: str) -> Said | None:
    words, folded = texts()["answers"], fold(text).strip()
    for kind in ("no", "more", "yes"):
        if re.search(words[kind], folded):
            return Said(kind)
    return _aside(text)
