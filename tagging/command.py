"""One JSON line in, one out, for the commands `understand` and `triage`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tagging.content import Content
from tagging.errors import InputError
from tagging.measurement import Measurement
from tagging.patient import PatientFacts, Reading
from tagging.triage import Triage, triage_text, triage_value
from tagging.understanding import understand

DAYS_PER_MONTH = 30.4375
HOSPITAL_ZONE = ZoneInfo("Asia/Shanghai")

Classify = Callable[[str], tuple[str, float]]
OUT_OF_SCOPE = "out_of_scope"
_Parsed = TypeVar("_Parsed", bound="_Line")


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False)


class _Reading(_Line):
    vital: str
    value: float
    unit: str
    at: AwareDatetime


class _Patient(_Line):
    age_days: int | None = Field(None, ge=0)
    age_months: float | None = Field(None, ge=0)
    sex: str | None = None
    tags: tuple[str, ...] | None = None
    birth_weight_g: float | None = None
    personal_best: float | None = None
    gestational_age_weeks: int | None = None
    history: tuple[_Reading, ...] | None = None

    def facts(self) -> PatientFacts:
        days = self.age_days if self.age_days is not None else None if self.age_months is None else int(self.age_months * DAYS_PER_MONTH)
        history = tuple(Reading(r.vital, r.value, r.unit, r.at) for r in self.history or ())
        return PatientFacts(
            days, self.sex, self.tags or (), self.birth_weight_g, self.personal_best, self.gestational_age_weeks, history
        )  # fmt: skip


class _Understand(_Line):
    id: str | int | None = None
    text: str
    context: str | None = None
    patient: _Patient | None = None
    now: AwareDatetime | None = None


class _Input(_Line):
    text: str | None = None
    context: str | None = None
    vital: str | None = None
    value: float | None = None
    unit: str | None = None


class _Triage(_Line):
    id: str | int | None = None
    patient: _Patient | None = None
    input: _Input
    context: str | None = None
    now: AwareDatetime | None = None


def understand_line(
    line: Mapping[str, Any], *, classify: Classify | None = None, now: datetime | None = None, content: Content | None = None
) -> dict[str, Any]:
    """One `understand` line. `classify` gives (intent, confidence); without it intent, confidence and in_scope are null.

    `now` serves lines without one. Raises InputError (`bad_line`) for unknown fields and wrong types, naming them.
    """
    asked = _parse(_Understand, line)
    facts = asked.patient.facts() if asked.patient else PatientFacts(None)
    found = understand(asked.text, context=asked.context, patient=facts, now=_now(asked.now, now), content=content)
    intent, confidence = classify(asked.text) if classify else (None, None)
    return {
        "id": asked.id,
        "intent": intent,
        "confidence": confidence,
        "in_scope": None if intent is None else intent != OUT_OF_SCOPE,
        "symptoms": [asdict(mention) for mention in found.mentions],
        "normal": [asdict(mention) for mention in found.normal],
        "measurements": [_measurement(m) for m in found.measurements],
        "medicines": [asdict(m) for m in found.medicines],
        "questions": list(found.questions),
        "triage": _triage(found.triage),
    }


def triage_line(line: Mapping[str, Any], *, now: datetime | None = None, content: Content | None = None) -> dict[str, Any]:
    """One `triage` line: `input` is a text with an optional context, or one value. Raises InputError (`bad_line`, `unknown_vital`, …)."""
    asked = _parse(_Triage, line)
    facts = asked.patient.facts() if asked.patient else PatientFacts(None)
    at = _now(asked.now, now)
    given = asked.input
    if given.text is not None and given.vital is None:
        result = triage_text(given.text, context=given.context or asked.context, patient=facts, now=at, content=content)
    elif given.vital is not None and given.value is not None and given.text is None:
        result = triage_value(given.vital, given.value, given.unit, patient=facts, now=at, content=content)
    else:
        raise InputError("bad_line", "input: give either text, or vital and value")
    return {"id": asked.id, **_triage(result)}


def facts_of(patient: Mapping[str, Any] | None) -> PatientFacts:
    """The facts of the `patient` of a line; all unknown for None. Raises InputError (`bad_line`)."""
    return PatientFacts(None) if patient is None else _parse(_Patient, patient).facts()


def _now(own: datetime | None, given: datetime | None) -> datetime:
    return own or given or datetime.now(HOSPITAL_ZONE)


def _measurement(measurement: Measurement) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(measurement).items()}


def _triage(triage: Triage) -> dict[str, Any]:
    return {
        "level": triage.level,
        "categories": list(triage.categories),
        "reply": triage.reply,
        "evidence": [asdict(evidence) for evidence in triage.evidence],
    }


def _parse(model: type[_Parsed], line: Mapping[str, Any]) -> _Parsed:
    # A text may stand in `input` by itself.
    data = dict(line)
    if model is _Triage and isinstance(data.get("input"), str):
        data["input"] = {"text": data["input"]}
    try:
        return model.model_validate(data)
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {_reason(e['type'], e['msg'])}" for e in error.errors())
        raise InputError("bad_line", places) from error


def _reason(kind: str, message: str) -> str:
    return "unknown field" if kind == "extra_forbidden" else message
