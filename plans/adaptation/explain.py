"""A firing in a clinician's words: because …, therefore …, and what it rests on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plans.adaptation.action import Do
from plans.adaptation.words import say, words
from plans.template import load_templates
from records.adaptation import AdaptationFiring
from tagging.cohort.measure import measure_of
from tagging.cohort.scope import Scope


def phrase(do: Do, scope: Scope) -> str:
    """What an action does, with the names that people use."""
    said, verb = do.said, say(f"acts.{do.name}")
    match do.name:
        case "add_tag" | "remove_tag":
            what = scope.name_of(said)
        case "start_plan" | "stop_plan":
            what = _plan(said.template)
        case "switch_plan":
            what = say("told.switch", old=_plan(said.from_), new=_plan(said.to))
        case "change_frequency":
            what = say("told.often", plan=_plan(said.template), step=said.step, every=said.every_days, days=said.for_days)
        case "add_task":
            what = say("told.task", plan=_plan(said.template), step=said.step, days=said.in_days)
        case "push_content":
            what = said.article
        case "alert":
            what = words("levels")[said.level]
        case _:
            what = said.text
    return say("told.act", verb=verb, what=what)


def told(firing: AdaptationFiring, title: str, zone: ZoneInfo) -> list[str]:
    """The lines of one firing, the first with its time, rule and version."""
    rule = f"{firing.rule}@{firing.department}" if firing.department else firing.rule
    lines = [
        say("told.head", id=firing.id, at=_at(firing.at, zone), title=title or rule, rule=rule, version=firing.version),
        say("told.because", because=firing.because),
        say("told.so", so="；".join(_did(each) for each in firing.did)),
    ]
    lines += [say("told.evidence", what=what) for what in _evidence(firing.evidence, zone)]
    event = firing.event
    lines.append(
        say("told.event", kind=words("kinds").get(event["kind"], event["kind"]), at=_at(datetime.fromisoformat(event["at"]), zone))
    )
    if firing.cause_id is not None:
        lines.append(say("told.cause", id=firing.cause_id))
    if firing.undone_at is not None:
        lines.append(say("told.undone", at=_at(firing.undone_at, zone), by=firing.undone_by, why=firing.undone_why))
    return lines


def _did(did: dict[str, Any]) -> str:
    says = str(did.get("says", did["do"]))
    return says if "refused" not in did else say("told.refused", says=says, why=did["refused"])


def _evidence(evidence: Sequence[dict[str, Any]], zone: ZoneInfo) -> list[str]:
    found = []
    for each in evidence:
        if "value" in each:
            unit = words("units").get(each.get("unit") or "", each.get("unit") or "")
            where = f"{each['ref_kind']} {each['ref_id']}"
            name, at = measure_of(each["what"].removeprefix("lab:")).name, _at(datetime.fromisoformat(each["at"]), zone)
            found.append(say("told.value", what=name, value=f"{each['value']:g}", unit=unit, at=at, where=where))
        elif "says" in each:
            found.append(say("told.term", term=each["what"], verdict=words("verdicts")[each["verdict"]], says="；".join(each["says"])))
        else:
            at = _at(datetime.fromisoformat(each["at"]), zone)
            found.append(say("told.fact", what=each["what"], at=at, where=f"{each['ref_kind']} {each['ref_id']}"))
    return found


def _plan(template: str) -> str:
    known = load_templates().get(template)
    return known.title if known is not None else template


def _at(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
