"""One line of time through everything that a portrait has read: what happened, the latest first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from tagging.portrait.care import Care
from tagging.portrait.carried import TagView
from tagging.portrait.clinical import AppointmentView, DiagnosisView, ResultView, VaccineView, VisitView
from tagging.portrait.written import NoteView, OrderView

LONGEST = 80


@dataclass(frozen=True)
class Happening:
    """Something that happened. `kind` is a key of texts.yml, `what` the words of the record, `detail` a code that goes with it."""

    at: datetime
    kind: str
    what: str
    detail: str | None = None


def timeline(
    *,
    visits: Iterable[VisitView],
    diagnoses: Iterable[DiagnosisView],
    results: Iterable[ResultView],
    vaccines: Iterable[VaccineView],
    appointments: Iterable[AppointmentView],
    notes: Iterable[NoteView],
    orders: Iterable[OrderView],
    tags: Iterable[TagView],
    care: Care,
    now: datetime,
) -> tuple[Happening, ...]:
    """The latest LONGEST happenings until `now`."""
    happened = [
        *_visits(visits),
        *(Happening(each.recorded_at, "diagnosis", each.text, each.icd10) for each in diagnoses),
        *_reports(results),
        *(Happening(each.given_at, "vaccine" if each.status == "completed" else "no_vaccine", each.vaccine) for each in vaccines),
        *(Happening(each.starts_at, "appointment", each.department, each.status) for each in appointments),
        # A report's words are told as its result.
        *(Happening(each.written_at, "note", each.title, each.department) for each in notes if not each.report),
        *(Happening(each.ordered_at, "order", each.name, each.status) for each in orders),
        *(Happening(each.since, "tag", each.name, each.code) for each in tags),
        *(Happening(each.raised_at, "alert", each.because, each.level) for each in care.alerts),
        *(Happening(each.closed_at, "alert_closed", each.because, each.outcome) for each in care.alerts if each.closed_at),
        *(Happening(each.closed_at, f"task_{each.state}", each.step) for each in care.past_tasks if each.closed_at),
        *(Happening(each.at, "questionnaire", each.questionnaire, each.band) for each in care.responses if each.at),
        *(Happening(each.since, "plan", each.template, each.state) for each in care.plans),
    ]
    return tuple(sorted((each for each in happened if each.at <= now), key=lambda each: (each.at, each.kind), reverse=True)[:LONGEST])


def _visits(visits: Iterable[VisitView]) -> Iterator[Happening]:
    for each in visits:
        yield Happening(each.started_at, f"visit_{each.kind}", each.department)
        if each.ended_at is not None and each.kind == "inpatient":
            yield Happening(each.ended_at, "discharge", each.department)


def _reports(results: Iterable[ResultView]) -> Iterator[Happening]:
    """A report is one happening; `detail` names what the hospital marked in it."""
    for (at, report), items in groupby(results, lambda each: (each.collected_at, each.report)):
        marked = [each.item for each in items if each.flag not in (None, "N")]
        yield Happening(at, "report", report, "、".join(marked[:5]) or None)
