"""PV1: a stay or a visit, and what happened to it."""

from datetime import datetime
from typing import Literal

from integrations.event import Visit, VisitChange, VisitClass
from integrations.hl7.about import About
from integrations.hl7.segment import Segment

What = Literal["admit", "update", "discharge", "cancel_admit", "cancel_discharge"]

# HL7's trigger events. A05 (pre-admit) and A38 (its cancellation) tell of a visit to come; A06 makes an outpatient an inpatient.
TRIGGERS: dict[str, What] = {
    "A01": "admit", "A04": "admit", "A06": "admit", "A03": "discharge", "A11": "cancel_admit", "A38": "cancel_admit",
    "A13": "cancel_discharge", "A02": "update", "A05": "update", "A07": "update", "A08": "update", "A12": "update", "A17": "update",
}  # fmt: skip

# HL7 table 0004, China's table of patient types (2.16.156.10011.2.3.1.271: 1 outpatient, 2 emergency, 3 inpatient), and words.
KINDS: dict[str, VisitClass] = {
    **dict.fromkeys(("I", "IMP", "INPATIENT", "住院", "N", "NEWBORN", "B", "3", "03"), "inpatient"),
    **dict.fromkeys(("O", "R", "AMB", "OUTPATIENT", "门诊", "体检", "1", "01"), "outpatient"),
    **dict.fromkeys(("E", "EMER", "EMERGENCY", "急诊", "留观", "2", "02"), "emergency"),
    **dict.fromkeys(("P", "预住院", "预入院"), "preadmit"),
    **dict.fromkeys(("H", "HH", "家庭病床"), "home"),
}  # fmt: skip


# How the name of a ward or a clinic ends, as a room's does not.
PLACES = ("科", "门诊", "病区", "病房", "中心", "护理单元")


def visit_change(about: About, what: What) -> VisitChange | None:
    """What this message makes of the visit; None where it names none and none is needed to understand it."""
    pv1 = about.first("PV1")
    if pv1 is None and about.visit is None and what == "update":
        return None
    return VisitChange(person=about.person, at=about.at, visit=_visit(about, pv1, what), what=what)


def _visit(about: About, pv1: Segment | None, what: What) -> Visit:
    if pv1 is None:
        return Visit(number=about.visit, discharged_at=_occurred(about) if what == "discharge" else None)
    kind = KINDS.get(pv1.get(2).upper())
    ward, room = pv1.get(3) or None, pv1.get(3, 2) or None
    if ward is not None and room is not None and ward.isascii() and room.endswith(PLACES):
        # 0302^内分泌门诊: code and name of the place, where ward and room belong.
        ward, room = room, None
    # PV1-10 is the service; in a clinic the place is the department; some write code and name of it into PV1-3.4.
    department = pv1.get(10, 2) or pv1.get(10) or pv1.get(3, 4, 2) or (ward if kind in ("outpatient", "emergency") else None)
    discharged = about.moment(pv1, 45)
    if what == "discharge":
        discharged = discharged or _occurred(about)
    return Visit(
        number=about.visit,
        kind=kind,
        department=department or None,
        ward=ward,
        room=room,
        bed=pv1.get(3, 3) or None,
        admitted_at=about.moment(pv1, 44),
        discharged_at=None if what in ("cancel_discharge", "cancel_admit") else discharged,
    )


def _occurred(about: About) -> datetime | None:
    evn = about.first("EVN")
    return about.moment(evn, 6) or about.at
