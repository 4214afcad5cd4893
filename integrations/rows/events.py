"""What a row of each kind says."""

from collections.abc import Callable
from typing import Any

from integrations.event import (
    Booked,
    Coded,
    Diagnosed,
    Event,
    Noted,
    Observed,
    Ordered,
    PatientUpsert,
    Vaccinated,
    Visit,
    VisitChange,
)
from integrations.narrative import is_marked_up, plain_text
from integrations.rows import value as cells
from integrations.rows.row import Row, RowError

_FLAGS = {"↑": "H", "↓": "L", "↑↑": "HH", "↓↓": "LL", "高": "H", "低": "L", "偏高": "H", "偏低": "L", "正常": "N", "异常": "A"}
_CANCELLED = {"booked": "cancelled", "ordered": "stopped"}


def _patient(row: Row) -> Event | None:
    # A register never takes a person back: that is a merge, which a view cannot tell.
    return None if row.gone else PatientUpsert(**row.about)


def _visit(row: Row) -> Event:
    visit = Visit(
        number=row.need("number", str),
        kind=row.get("kind", cells.visit_kind),
        department=row.text("department"),
        ward=row.text("ward"),
        room=row.text("room"),
        bed=row.text("bed"),
        admitted_at=row.moment("admitted_at"),
        discharged_at=row.moment("discharged_at"),
    )
    what: Any = "cancel_admit" if row.gone else "discharge" if visit.discharged_at is not None else "update"
    return VisitChange(visit=visit, what=what, **row.about)


def _observed(row: Row) -> Event:
    flag, report = row.text("flag"), (row.text("report_code"), row.text("report"))
    return Observed(
        key=row.key,
        code=row.coded(),
        values=(row.need("value", str),),
        unit=row.text("unit"),
        reference_range=row.text("reference_range"),
        flag=_FLAGS.get(cells.plain(flag), flag) if flag is not None else None,
        status="D" if row.gone else row.text("status") or "F",
        report=Coded(*report) if any(report) else None,
        effective_at=row.moment("effective_at"),
        released_at=row.moment("released_at"),
        **row.about,
    )


def _diagnosed(row: Row) -> Event:
    active = row.get("active", cells.yes)
    active = not row.gone and active is not False
    return Diagnosed(key=row.key, code=row.coded(), active=active, since=row.moment("since"), **row.about)


def _ordered(row: Row) -> Event:
    what: Any = row.text("what") or "medicine"
    if what not in ("medicine", "test", "other"):
        raise RowError("word", row.mapping.fields["what"].column or "")
    return Ordered(
        key=row.key,
        kind=what,
        code=row.coded(),
        status=_status(row, "active", ("active", "on-hold", "stopped", "completed")),
        dose=row.text("dose"),
        frequency=row.text("frequency"),
        route=row.text("route"),
        starts_at=row.moment("starts_at"),
        ends_at=row.moment("ends_at"),
        **row.about,
    )


def _booked(row: Row) -> Event:
    return Booked(
        key=row.key,
        starts_at=row.need("starts_at", row.as_moment),
        department=row.text("department"),
        place=row.text("place"),
        doctor=row.text("doctor"),
        prepare=row.text("prepare"),
        status=_status(row, "booked", ("booked", "cancelled", "fulfilled")),
        **row.about,
    )


def _vaccinated(row: Row) -> Event:
    given = row.get("given", cells.yes)
    return Vaccinated(
        key=row.key,
        code=row.coded(),
        given=not row.gone and given is not False,
        lot=row.text("lot"),
        dose_number=row.get("dose_number", cells.whole),
        **row.about,
    )


_NOTES = ("preliminary", "final", "amended", "entered-in-error", "superseded")


def _noted(row: Row) -> Event:
    words, kind = row.note("text"), row.text("kind")
    said = "entered-in-error" if row.gone else row.text("status") or "final"
    if said not in _NOTES:
        raise RowError("word", row.mapping.fields["status"].column or "")
    return Noted(
        key=row.key,
        kind=Coded(row.text("code"), kind, row.text("system")),
        title=row.text("title") or kind,
        # Electronic records are often kept as HTML or XML.
        text=plain_text(words) if is_marked_up(words) else words,
        author=row.text("author"),
        written_at=row.moment("written_at"),
        visit=row.text("visit"),
        status=said,
        **row.about,
    )


def _status(row: Row, default: str, known: tuple[str, ...]) -> str:
    if row.gone:
        return _CANCELLED[row.mapping.event]
    said = row.text("status") or default
    if said not in known:
        raise RowError("word", row.mapping.fields["status"].column or "")
    return said


EVENTS: dict[str, Callable[[Row], Event | None]] = {
    "patient": _patient,
    "visit": _visit,
    "observed": _observed,
    "diagnosed": _diagnosed,
    "ordered": _ordered,
    "booked": _booked,
    "vaccinated": _vaccinated,
    "noted": _noted,
}
