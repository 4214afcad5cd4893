"""Our words and ids as FHIR's: addresses of code systems, states, and the ids under which rows are known outside."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from integrations.fhir.write import LOINC, Json, coding

# Ids of ours start with this, so that nobody takes a sender's own number for one of them, or ours for his.
PREFIX = "cl-"
_ID = re.compile(r"cl-([a-z]?)([0-9]{1,18})")
OURS = "urn:careloop"

# Ours to FHIR's, every state of each.
CARE_PLAN = {"active": "active", "paused": "on-hold", "ended": "completed", "withdrawn": "revoked"}
TASK = {
    "scheduled": "requested", "sent": "received", "reminded": "received", "started": "in-progress", "done": "completed",
    "partial": "completed", "declined": "rejected", "missed": "failed", "undeliverable": "failed", "withdrawn": "cancelled",
}  # fmt: skip
RESPONSE = {"assigned": "in-progress", "in_progress": "in-progress", "completed": "completed", "stopped": "stopped"}
FLAG = {"raised": "active", "delivered": "active", "acknowledged": "active", "closed": "inactive"}
COMMUNICATION = {"queued": "in-progress", "sending": "in-progress", "sent": "completed", "failed": "not-done", "withdrawn": "not-done"}
ENCOUNTER = {"planned": "planned", "in-progress": "in-progress", "finished": "finished", "cancelled": "cancelled"}
ENCOUNTER_CLASS = {"inpatient": "IMP", "outpatient": "AMB", "emergency": "EMER", "preadmit": "PRENC", "home": "HH"}
SERVICE_REQUEST = {"active": "active", "on-hold": "on-hold", "stopped": "revoked", "completed": "completed"}
GENDER = {"M": "male", "F": "female"}


def id_of(number: int, part: str = "") -> str:
    """The id outside of row `number`; `part` tells the tables of one resource type apart."""
    return f"{PREFIX}{part}{number}"


def row_of(resource_id: str) -> tuple[str, int] | None:
    """Part and row number of an id of ours; None for any other word."""
    match = _ID.fullmatch(resource_id)
    return (match[1], int(match[2])) if match else None


@cache
def tables() -> dict[str, Any]:
    """The tables of codes.yml."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("codes.yml").read_text("utf-8"))
    return loaded


@cache
def loinc_to_ours() -> dict[str, str]:
    """Which of our observations a LOINC code means."""
    return {entry["code"]: name for name, entry in tables()["loinc"].items()}


def observed_codings(code: str, name: str | None) -> list[Json]:
    """The codings of an observation of ours: LOINC first, where it has one."""
    known = tables()["loinc"].get(code)
    return [*([coding(LOINC, known["code"], known["display"])] if known else []), coding(f"{OURS}:observation", code, name)]


def category_of(code: str) -> str:
    """FHIR's category of an observation of ours: what a family tells is a survey."""
    known = tables()["loinc"].get(code)
    return str(known["category"]) if known else "survey"


def address_of(system: str | None) -> str | None:
    """A code system's address, from the short name that events carry."""
    if system is None:
        return None
    known = tables()["systems"].get(system)
    return str(known or (system if system.startswith(("http://", "https://", "urn:")) else f"{OURS}:code:{_word(system)}"))


def numbering(system: str) -> str:
    """The address of a numbering of persons. One that a feed's map did not name is its sender's own address where that is one."""
    if known := tables()["identifiers"].get(system):
        return str(known)
    _, _, rest = system.partition(":")
    address = rest.rpartition(":")[0]
    return address if address.startswith(("http://", "https://", "urn:")) else f"{OURS}:id:{_word(system)}"


def numberings(address: str) -> list[str]:
    """The platform's names of the numbering at `address`, as far as they follow from it."""
    known = [name for name, each in tables()["identifiers"].items() if each == address]
    return known or ([address.removeprefix(f"{OURS}:id:")] if address.startswith(f"{OURS}:id:") else [])


def _word(text: str) -> str:
    """As part of a URN."""
    return re.sub(r"[^A-Za-z0-9\-.:]", "_", text)
