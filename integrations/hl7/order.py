"""ORC with what stands behind it: orders for tests and medicines, in the order's own words. Nothing is computed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from integrations.event import Coded, Ordered
from integrations.hl7.about import About
from integrations.hl7.coded import coded, told, words
from integrations.hl7.segment import Segment

# Where a segment names what is ordered, the more exact first: what the pharmacy encoded counts before what was asked for.
MEDICINES = {"RXE": 2, "RXO": 1, "RXD": 2, "RXG": 4}
ORDERED = {**MEDICINES, "OBR": 4, "RQD": 3, "ODS": 3}

# ORC-1 (table 0119) and, where that only says that something changed, ORC-5 (table 0038).
STOPPED = frozenset({"CA", "OC", "CR", "DC", "OD", "DR", "OP"})
HELD = frozenset({"HD", "OH", "HR"})
REFUSED = frozenset({"UA", "UC", "UD", "UH", "UM", "UR", "UX", "DF", "OR"})
STATES = {"CM": "completed", "CA": "stopped", "DC": "stopped", "RP": "stopped", "HD": "on-hold"}


def orders(about: About) -> Iterator[Ordered]:
    """One order for each thing ordered; what was refused is none. Several under one number (an infusion and its solvent) are told apart."""
    seen: set[str] = set()
    for group in _groups(about.segments):
        order = _order(about, group)
        if order is not None:
            key = order.key if order.key not in seen else f"{order.key}|{order.code.code or order.code.text}"
            seen.add(order.key)
            yield replace(order, key=key)


def _groups(segments: Sequence[Segment]) -> Iterator[list[Segment]]:
    """An ORC with what stands behind it, or a thing ordered without one. A second thing of the same kind is an order of its own, under the
    same ORC; an RXE behind an RXO is the same one, seen by the pharmacy."""
    group: list[Segment] = []
    for segment in segments:
        if segment.name == "ORC" or (segment.name in ORDERED and any(one.name == segment.name for one in group)):
            if group:
                yield group
            group = [] if segment.name == "ORC" else [one for one in group[:1] if one.name == "ORC"]
        if group or segment.name in ORDERED or segment.name == "ORC":
            group.append(segment)
    if group:
        yield group


def _order(about: About, group: Sequence[Segment]) -> Ordered | None:
    orc = group[0] if group[0].name == "ORC" else None
    status = _status(orc)
    what = next((segment for name in ORDERED for segment in group if segment.name == name), None)
    if status is None or what is None:
        return None
    code = coded(what, ORDERED[what.name])
    if not told(code):
        return None
    make = _medicine if what.name in MEDICINES else _other
    return make(about, group, orc, what, code, status)


def _status(orc: Segment | None) -> str | None:
    if orc is None:
        return "active"
    control, state = orc.get(1).upper(), orc.get(5).upper()
    if control in REFUSED:
        return None
    if control in STOPPED:
        return "stopped"
    if control in HELD:
        return "on-hold"
    return STATES.get(state, "active")


def _medicine(about: About, group: Sequence[Segment], orc: Segment | None, what: Segment, code: Coded, status: str) -> Ordered:
    low, high, unit = {"RXE": (3, 4, 5), "RXO": (2, 3, 4), "RXG": (5, 6, 7)}.get(what.name, (0, 0, 0))
    timing = what if what.name == "RXE" else None
    behind = group[group.index(what) :]
    route = next((segment for segment in behind if segment.name == "RXR"), None)
    instructions = _instructions(what)
    return Ordered(
        person=about.person,
        at=_ordered_at(about, orc),
        key=_key(orc, what, code),
        kind="medicine",
        code=code,
        status=status,
        dose=_dose(what, low, high, unit) if low else None,
        frequency=_frequency(group, orc, timing) or instructions,
        route=words(route, 1) if route is not None else None,
        starts_at=_time(about, group, orc, timing, 7, 4),
        ends_at=_time(about, group, orc, timing, 8, 5),
        instructions=instructions,
    )


def _other(about: About, group: Sequence[Segment], orc: Segment | None, what: Segment, code: Coded, status: str) -> Ordered:
    is_test = what.name == "OBR"
    timing = what if is_test else None
    return Ordered(
        person=about.person,
        at=_ordered_at(about, orc),
        key=_key(orc, what, code),
        kind="test" if is_test else "other",
        code=code,
        status=status,
        frequency=_frequency(group, orc, None),
        starts_at=_time(about, group, orc, None, 7, 4) or about.moment(timing, 27, 4) or about.moment(timing, 6),
        ends_at=_time(about, group, orc, None, 8, 5),
    )


def _key(orc: Segment | None, what: Segment, code: Coded) -> str:
    """The orderer's number, else the filler's; a change or a stop comes under the same one."""
    sources = [segment for segment in (what if what.name == "OBR" else None, orc) if segment is not None]
    numbers = [segment.get(place) for place in (2, 3) for segment in sources]
    return next((number for number in numbers if number), "") or f"|{code.code or code.text}"


def _ordered_at(about: About, orc: Segment | None) -> datetime | None:
    return about.moment(orc, 9) or about.at


def _dose(what: Segment, low: int, high: int, unit: int) -> str | None:
    amount = what.get(low)
    if not amount:
        return None
    most = what.get(high)
    return f"{amount}{f'-{most}' if most and most != amount else ''} {words(what, unit) or ''}".strip()


def _instructions(what: Segment) -> str | None:
    place = {"RXE": 7, "RXO": 7, "RXD": 9}.get(what.name, 0)
    told = [what.part(raw, 2) or what.part(raw) for raw in (what.repetitions(place) if place else ())]
    return "\n".join(line for line in told if line)[:2_000] or None


def _frequency(group: Sequence[Segment], orc: Segment | None, timing: Segment | None) -> str | None:
    """The repeat pattern (QD, 每日一次): of TQ1-3, else of the quantity and timing in RXE-1 or ORC-7."""
    tq1 = next((segment for segment in group if segment.name == "TQ1"), None)
    told = tq1.get(3) if tq1 is not None else ""
    for segment, number in ((timing, 1), (orc, 7)):
        told = told or (segment.get(number, 2) if segment is not None else "")
    return told or None


def _time(about: About, group: Sequence[Segment], orc: Segment | None, timing: Segment | None, field: int, part: int) -> datetime | None:
    tq1 = next((segment for segment in group if segment.name == "TQ1"), None)
    return about.moment(tq1, field) or about.moment(timing, 1, part) or about.moment(orc, 7, part)
