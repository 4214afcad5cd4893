"""Rules as somebody has written them, tried on the days past, in words; and the list of those in force."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.book import in_force, open_book, own_rules
from plans.adaptation.dry_report import EXAMPLES, report
from plans.adaptation.dry_run import dry_run
from plans.adaptation.ready import RuleError
from plans.adaptation.rule import Rule
from records.patient import AccessRefused, Patient, access_patient
from records.staff import Staff, Team


@dataclass(frozen=True)
class Standing:
    """A rule in force. `own`: the hospital's; `broken` says why it cannot be used here."""

    rule: Rule
    own: bool
    broken: str | None


async def standing(tx: AsyncSession, *, now: datetime, zone: ZoneInfo) -> list[Standing]:
    """The rules in force, in their order."""
    own = await own_rules(tx)
    keys = {rule.key for rule in own}
    _, broken = await open_book(tx, in_force(own), now=now, zone=zone)
    return [Standing(rule, rule.key in keys, broken.get(rule.key)) for rule in in_force(own)]


async def trial(
    tx: AsyncSession, rules: tuple[Rule, ...], back: timedelta, *, staff: Staff | None, now: datetime, zone: ZoneInfo
) -> list[str]:
    """What these rules would have done since `back` ago. Patients are named whom `staff` may see. Raises RuleError."""
    book, broken = await open_book(tx, rules, now=now, zone=zone)
    if broken:
        raise RuleError("\n".join(broken.values()))
    done = await dry_run(tx, book, since=now - back, now=now, zone=zone)
    teams = {team.id: team.name for team in await tx.scalars(select(Team))}
    latest = sorted(done.would, key=lambda one: one.at, reverse=True)[:EXAMPLES]
    names = await _names(tx, staff, [one.patient_id for one in latest], now) if staff is not None else {}
    return report(done, book.scope, zone, teams=teams, names=names)


async def _names(tx: AsyncSession, staff: Staff, ids: list[int], now: datetime) -> dict[int, str]:
    """The record numbers of those whom the clinician may see; each read is noted."""
    found = {}
    for id in dict.fromkeys(ids):
        try:
            patient: Patient = await access_patient(tx, staff, id, now=now, why="adaptation")
        except AccessRefused:
            continue
        found[id] = patient.record_number
    return found
