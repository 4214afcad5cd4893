"""What the record holds of one patient, so that a rule can be judged as of any moment. Pure; load.py reads it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from plans.adaptation.event import Number
from records.patient_index import READINGS
from tagging.cohort.calendar import on
from tagging.cohort.facts import Evidence, Facts, Readings


@dataclass(frozen=True)
class Stay:
    """A stay or visit that has begun."""

    kind: str
    department: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class PlanState:
    """An enrolment came into a state."""

    plan_id: int
    template: str
    state: str
    at: datetime


@dataclass(frozen=True)
class Closed:
    """A follow-up that has ended."""

    id: int
    template: str
    step: str
    state: str
    at: datetime


@dataclass
class History:
    """Lists are in order of time, the latest last. `tags` are carried at the end, by id with since when; `tag_changes` what led there."""

    patient_id: int
    team_id: int
    sex: str | None
    birth_date: date
    died_at: datetime | None = None
    tags: dict[int, datetime] = field(default_factory=dict)
    tag_changes: list[tuple[datetime, int, bool]] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    plans: list[PlanState] = field(default_factory=list)
    answered: list[datetime] = field(default_factory=list)
    numbers: dict[str, list[Number]] = field(default_factory=dict)
    follow_ups: list[Closed] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)

    def facts(self, at: datetime, zone: ZoneInfo, measures: Iterable[str] = ()) -> Facts:
        """The patient as a query sees him at `at`: what happened by then, as far as it was known by then; readings of `measures` alone."""
        stays = [stay for stay in self.stays if stay.started_at <= at]
        visits = [stay for stay in stays if stay.kind != "preadmit"]
        ended = [stay.ended_at for stay in stays if stay.kind == "inpatient" and stay.ended_at is not None and stay.ended_at <= at]
        answered = [moment for moment in self.answered if moment <= at]
        last = visits[-1] if visits else None
        return Facts(
            self.patient_id,
            self.team_id,
            self.sex,
            self.birth_date,
            frozenset(self.tags_at(at)),
            last.department if last else None,
            on(last.started_at, zone) if last else None,
            on(max(ended), zone) if ended else None,
            on(max(answered), zone) if answered else None,
            self._plans_at(at),
            {code: readings for code in measures if (readings := self._readings_at(code, at, zone))},
            tuple(one for one in self.evidence if one.at <= at),
        )

    def tags_at(self, at: datetime) -> dict[int, datetime]:
        """The tags that were carried, each with since when: what changed later is taken back."""
        carried = dict(self.tags)
        for moment, tag_id, began in reversed(self.tag_changes):
            if moment <= at:
                break
            if began:
                carried.pop(tag_id, None)
            else:
                carried[tag_id] = moment
        return carried

    def numbers_at(self, code: str, at: datetime) -> list[Number]:
        """The values of a measure that were known."""
        return [number for number in self.numbers.get(code, ()) if number.at <= at and number.known_at <= at]

    def _readings_at(self, code: str, at: datetime, zone: ZoneInfo) -> Readings | None:
        known = self.numbers_at(code, at)
        if not known:
            return None
        unit = known[-1].unit
        same = [number for number in known if number.unit == unit][-READINGS:]
        return Readings(unit, tuple(on(number.at, zone) for number in same), tuple(number.value for number in same))

    def _plans_at(self, at: datetime) -> tuple[str, ...]:
        latest: dict[str, PlanState] = {}
        for one in self.plans:
            known = latest.get(one.template)
            if one.at <= at and (known is None or one.plan_id >= known.plan_id):
                latest[one.template] = one
        return tuple(sorted({entry for one in latest.values() for entry in (f"{one.template}:{one.state}", f":{one.state}")}))


def put_in_order(history: History) -> History:
    """The same with its lists in order of time."""
    return replace(
        history,
        tag_changes=sorted(history.tag_changes),
        stays=sorted(history.stays, key=lambda stay: stay.started_at),
        plans=sorted(history.plans, key=lambda one: (one.at, one.plan_id)),
        answered=sorted(history.answered),
        numbers={code: sorted(of, key=lambda number: number.at) for code, of in history.numbers.items()},
        follow_ups=sorted(history.follow_ups, key=lambda one: (one.at, one.id)),
    )


def row_of(closed: Sequence[Closed], states: frozenset[str]) -> list[Closed]:
    """The latest ones that came into one of these states without another between them."""
    row: list[Closed] = []
    for one in reversed(closed):
        if one.state not in states:
            break
        row.append(one)
    return row[::-1]
