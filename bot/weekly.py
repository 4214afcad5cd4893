"""The weekly summary: on Monday morning a card to whoever leads a team, and only when something got worse or needs a hand."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.lines import deliver
from bot.texts import say
from integrations.wecom import app_message
from plans.measures.exceptions import Exceptions, exceptions
from plans.measures.period import Period
from records.database import Database
from records.message import enqueue
from records.role import Role, StaffRole
from records.staff import Staff, Team

log = structlog.get_logger(__name__)

# Monday from this hour on; whoever was down then makes up for it until the end of Tuesday. (R)
HOUR, LAST_WEEKDAY = 8, 1
# Who leads a team: both rights, given in that very team.
LEADS = ("team.manage", "report.read")
USEFUL_FOR = timedelta(days=2)
# wecom-api §4.1: a text card's description has 512 bytes.
BYTES = 512
# One worker takes a week, once: a second one waits here for the first, and finds it taken.
_TAKE = text(
    "insert into setting (name, value) values ('weekly_summary', jsonb_build_object('week', cast(:week as text))) on conflict (name) "
    "do update set value = excluded.value where setting.value->>'week' < :week returning name"
)


class WeeklySummary:
    """Tells of each week once. `pages` is where staff's phones find the console; without it the card has no link, and is a text."""

    def __init__(self, db: Database, clock: Callable[[], datetime], zone: ZoneInfo, pages: str) -> None:
        self._db, self._clock, self._zone, self._pages = db, clock, zone, pages
        self._done = ""

    async def look(self) -> int:
        """How many cards were put into the outbox; 0 before its time, and for a week that was told."""
        now = self._clock()
        here = now.astimezone(self._zone)
        monday = here.date() - timedelta(days=here.weekday())
        week = Period(monday - timedelta(days=7), monday - timedelta(days=1), self._zone)
        if here.weekday() > LAST_WEEKDAY or (here.weekday() == 0 and here.hour < HOUR) or self._done == str(week.first):
            return 0
        async with self._db.transaction() as tx:
            taken = await tx.scalar(_TAKE, {"week": str(week.first)})
            sent = await _tell(tx, week, now, self._pages) if taken is not None else 0
        self._done = str(week.first)
        return sent


async def _tell(tx: AsyncSession, week: Period, now: datetime, pages: str) -> int:
    before = Period(week.first - timedelta(days=7), week.last - timedelta(days=7), week.zone)
    found = await exceptions(tx, week, before, now=now)
    leads, names = await _leads(tx), dict((await tx.execute(select(Team.id, Team.name))).all())
    lines = []
    for userid, teams in leads.items():
        worth = {team: found[team] for team in teams if team in found}
        if worth:
            line = f"staff:{userid}"
            key = f"weekly:{week.first}:{userid}"
            body = card(worth, names, week, pages)
            await enqueue(tx, key, line=line, route="app", payload=body, purpose="notice", now=now, useful_until=now + USEFUL_FOR)
            lines.append(line)
    await deliver(tx, lines)
    log.info("weekly summary", week=str(week.first), leads=len(leads), cards=len(lines), quiet=len(leads) - len(lines))
    return len(lines)


def card(worth: Mapping[int, Exceptions], names: Mapping[int, str], week: Period, pages: str) -> dict[str, Any]:
    """What a lead of these teams reads."""
    title = say("weekly.title", count=sum(each.count for each in worth.values()))
    parts = [say("weekly.period", first=week.first, last=week.last)]
    parts += [say("weekly.team", team=names[team], things=say("weekly.join").join(_things(each))) for team, each in worth.items()]
    words = _fitting(parts, pages)
    if not pages:
        return app_message.text(f"{title}\n{words}\n{say('weekly.where')}")
    query = {"from": str(week.first), "to": str(week.last)} | ({"team": str(next(iter(worth)))} if len(worth) == 1 else {})
    return app_message.textcard(title, words, f"{pages}/console/reports/alerts?{urlencode(query)}", say("weekly.button"))


def _things(found: Exceptions) -> list[str]:
    said = []
    if found.late:
        said.append(say("weekly.late", count=found.late))
    if found.left_open:
        said.append(say("weekly.left_open", count=found.left_open))
    if found.unreached:
        said.append(say("weekly.unreached", count=found.unreached[0], before=found.unreached[1]))
    if found.response:
        said.append(say("weekly.response", now=f"{found.response[0]:.0%}", before=f"{found.response[1]:.0%}"))
    if found.expiring:
        said.append(say("weekly.expiring", count=found.expiring))
    return said


def _fitting(parts: Sequence[str], pages: str) -> str:
    """As many lines as a card has room for, and how many teams are left for the report."""
    for number in range(len(parts), 0, -1):
        left = len(parts) - number
        words = "\n".join([*parts[:number], *([say("weekly.more", count=left)] if left else [])])
        if len(words.encode()) <= BYTES:
            return words
    return say("weekly.more", count=len(parts) - 1)


async def _leads(tx: AsyncSession) -> dict[str, list[int]]:
    query = (
        select(Staff.userid, StaffRole.team_id)
        .join(StaffRole, StaffRole.staff_id == Staff.id)
        .join(Role, Role.id == StaffRole.role_id)
        .where(Staff.active, StaffRole.team_id.is_not(None), *(Role.rights.contains([right]) for right in LEADS))
        .distinct()
        .order_by(Staff.userid, StaffRole.team_id)
    )
    found: dict[str, list[int]] = {}
    for userid, team in await tx.execute(query):
        if team is not None:
            found.setdefault(userid, []).append(team)
    return found
