"""The lines of the work list as the page shows them: grouped, filtered by the address, each with its timer and who has it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import category_text
from bot.escalation import last_tiers, next_asked
from console.desk import Seat
from console.form import number
from plans.clock import local_day
from plans.reach.decide import NO_ROUTE
from plans.work_list import WorkItem, is_cut, work_list
from records.flag import LEVELS, Flag
from records.patient import Patient
from records.question import QUESTION
from records.staff import Staff, colleagues

# In the order of the page.
KINDS = ("alert", "missed", "errand", "question", "route", "check")
_KIND_OF = {"missed": "missed", "partial": "missed", "declined": "missed", "undeliverable": "route", "errand": "errand"}
OWNERS = ("mine", "free")


@dataclass(frozen=True)
class Filter:
    """What of the list is shown; an empty field is no condition. `owner`: mine, or free of an owner."""

    kind: str = ""
    level: str = ""
    team: str = ""
    owner: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Filter":
        """As an address says it; what it says wrong is no condition."""

        def one_of(name: str, known: tuple[str, ...]) -> str:
            return query.get(name, "") if query.get(name, "") in known else ""

        team = str(number(query.get("team", "")) or "")
        return cls(one_of("kind", KINDS), one_of("level", LEVELS), team, one_of("owner", OWNERS))

    def said(self, **other: str) -> dict[str, str]:
        """What an address has to say for it, with some fields changed."""
        fields = {"kind": self.kind, "level": self.level, "team": self.team, "owner": self.owner} | other
        return {name: value for name, value in fields.items() if value}

    def query(self, **other: str) -> str:
        """The same as the address's query."""
        return urlencode(self.said(**other))

    def shows(self, line: "Line", staff_id: int) -> bool:
        """Whether the line is among what is asked for."""
        return (
            (not self.kind or line.kind == self.kind)
            and (not self.level or line.item.level == self.level)
            and (not self.team or str(line.item.team_id) == self.team)
            and (not self.owner or line.item.owner_id == (staff_id if self.owner == "mine" else None))
        )


@dataclass(frozen=True)
class Line:
    """One line. `asked` is the tier that silence asks next and when; `acts` says whether the reader may do anything about it."""

    item: WorkItem
    kind: str
    title: str
    record_number: str
    age_days: int | None
    team: str
    owner: str | None
    mine: bool
    acts: bool
    flag: Flag | None = None
    asked: tuple[int, datetime] | None = None


@dataclass(frozen=True)
class WorkView:
    """The page: the lines shown, how many there are of each kind before filtering by kind, and whom alerts of a team can go to.

    `cut`: there may be more than the list takes.
    """

    groups: dict[str, list[Line]]
    counts: dict[str, int]
    colleagues: dict[int, list[Staff]] = field(default_factory=dict)
    cut: bool = False

    @property
    def shown(self) -> int:
        """How many lines there are on the page."""
        return sum(map(len, self.groups.values()))


async def work_view(tx: AsyncSession, seat: Seat, wanted: Filter, now: datetime, zone: ZoneInfo) -> WorkView:
    """What waits for whoever sits there, of what was asked for. Only what the work list let through is looked up."""
    mine = wanted.owner == "mine" if wanted.owner else None
    items = await work_list(tx, seat.staff, now, team=number(wanted.team), mine=mine)
    flags = {flag.id: flag for flag in await tx.scalars(select(Flag).where(Flag.id.in_([i.flag_id for i in items if i.flag_id])))}
    ids = {item.patient_id for item in items if item.patient_id is not None}
    patients = {patient.id: patient for patient in await tx.scalars(select(Patient).where(Patient.id.in_(ids)))}
    owned = {item.owner_id for item in items if item.owner_id is not None}
    names = dict((await tx.execute(select(Staff.id, Staff.name).where(Staff.id.in_(owned)))).all())
    last = await last_tiers(tx, {flag.team_id for flag in flags.values()})
    lines = [_line(item, seat, flags, patients, names, last, local_day(now, zone)) for item in items]
    but_kind = Filter(level=wanted.level, team=wanted.team, owner=wanted.owner)
    counts = {kind: sum(line.kind == kind and but_kind.shows(line, seat.staff.id) for line in lines) for kind in KINDS}
    groups = {kind: [line for line in lines if line.kind == kind and wanted.shows(line, seat.staff.id)] for kind in KINDS}
    teams = {line.flag.team_id for group in groups.values() for line in group if line.flag is not None and line.acts}
    return WorkView(
        {kind: group for kind, group in groups.items() if group}, counts,
        {team: await colleagues(tx, team, seat.staff) for team in sorted(teams)}, is_cut(items),
    )  # fmt: skip


def _line(
    item: WorkItem,
    seat: Seat,
    flags: Mapping[int, Flag],
    patients: Mapping[int, Patient],
    names: Mapping[int, str],
    last: Mapping[int, int],
    day: date,
) -> Line:
    flag = flags.get(item.flag_id or 0)
    patient = patients.get(item.patient_id or 0)
    return Line(
        item=item,
        kind=kind_of(item),
        title=category_text(flag.category) if flag is not None else "",
        record_number=patient.record_number if patient is not None else "",
        age_days=(day - patient.birth_date).days if patient is not None else None,
        team=seat.teams.get(item.team_id, ""),
        owner=names.get(item.owner_id or 0),
        mine=item.owner_id == seat.staff.id,
        acts=seat.rights.has("care.act", item.team_id),
        flag=flag,
        asked=next_asked(flag, last.get(flag.team_id, 0)) if flag is not None else None,
    )


def kind_of(item: WorkItem) -> str:
    """Under which heading a line stands."""
    if item.kind == "flag":
        return "question" if item.group == QUESTION else "alert"
    if item.group == NO_ROUTE:
        return "route"
    return _KIND_OF.get(item.kind, "check")
