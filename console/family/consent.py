"""Who sees the child's data, who has opened them and when, what was agreed to, and how to take that back."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiohttp import web
from sqlalchemy import Date, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.page_report import after_page
from console.family.desk import BASE, FAMILY, VISITOR
from console.family.enter import COOKIE
from console.family.page import child_of, render, say, see_other, sorry, words
from console.family.session import end_sessions_of
from console.page import ANYBODY, get, post
from plans.carers import carers_of
from plans.privacy import in_detail, withdraw
from records.chat import latest_chat
from records.consent import consents
from records.patient import Patient, ReadAudit
from records.read_log import selves
from records.staff import Department, Staff, Team, TeamMember

# So far back, and so many lines, are shown; who wants more asks the hospital.
SINCE, LINES = timedelta(days=180), 60


@dataclass(frozen=True)
class Read:
    """Who has opened the record: department or team, role, how often on that day, and for what."""

    at: datetime
    where: str
    role: str
    times: int
    why: str


async def show(request: web.Request) -> web.StreamResponse:
    """All of it."""
    desk, child, visitor = request.app[FAMILY], child_of(request), request[VISITOR]
    async with desk.db.transaction() as tx:
        where = select(Team.name, Department.name, Team.phone).outerjoin(Department, Department.id == Team.department_id)
        team, department, phone = (await tx.execute(where.where(Team.id == child.team_id))).one()
        carers = [(link.relationship, carer.id == visitor.carer.id) for link, carer in await carers_of(tx, child.id)]
        mine = [row for row in await consents(tx, child.id) if row.carer_id == visitor.carer.id]
        reads = await _reads(tx, child, desk.clock(), desk.zone)
    return render(
        request,
        "privacy.html",
        child=child,
        team=team,
        department=department,
        phone=phone,
        carers=carers,
        agreed=next((row for row in reversed(mine) if row.answer == "given"), None),
        detail=in_detail(child.name).splitlines(),
        reads=reads,
    )


async def ask(request: web.Request) -> web.StreamResponse:
    """What taking it back means, before it is done."""
    return render(request, "withdraw.html", child=child_of(request))


async def take_back(request: web.Request) -> web.StreamResponse:
    """The carer takes back what he agreed to for this child; he is unbound, and his pages are shut when it was the only one."""
    desk, child, visitor, now = request.app[FAMILY], child_of(request), request[VISITOR], request.app[FAMILY].clock()
    if (await request.post()).get("sure") != "yes":
        return see_other(f"/{child.id}/withdraw")
    async with desk.db.transaction() as tx:
        chat = await latest_chat(tx, visitor.carer.id, lock=True)
        if chat is None:
            return sorry(request, "no_chat", child=child)
        patient = await tx.get_one(Patient, child.id)
        text = await withdraw(tx, chat, visitor.carer, [patient], said=say("consent.said"), message_id=None, now=now)
        last = all(each.id == child.id for each in visitor.children)
        if last:
            await end_sessions_of(tx, visitor.carer.id, now)
        await after_page(tx, chat, [patient], now)
    response = render(request, "sorry.html", title=say("consent.withdrawn"), text=text)
    if last:
        response.del_cookie(COOKIE, path=BASE)
    return response


async def _reads(tx: AsyncSession, child: Patient, now: datetime, zone: ZoneInfo) -> list[Read]:
    """Who has opened the record, the latest first; several looks of one person for one purpose on one day
    of the hospital's calendar are one line."""
    day = cast(func.timezone(str(zone), ReadAudit.at), Date)
    latest = func.max(ReadAudit.at)
    seen = (
        select(latest.label("at"), ReadAudit.staff_id, func.count().label("times"), ReadAudit.why)
        .where(ReadAudit.patient_id.in_(await selves(tx, child.id)), ReadAudit.at > now - SINCE)
        .group_by(day, ReadAudit.staff_id, ReadAudit.client_id, ReadAudit.why)
        .order_by(latest.desc())
        .limit(LINES)
        .subquery()
    )
    team = (
        select(Team.name)
        .join(TeamMember, TeamMember.team_id == Team.id)
        .where(TeamMember.staff_id == seen.c.staff_id)
        .order_by(Team.id != child.team_id, Team.name)
        .limit(1)
        .correlate(seen)
        .scalar_subquery()
    )
    rows = await tx.execute(
        select(seen.c.at, seen.c.staff_id, Staff.title, team, seen.c.times, seen.c.why)
        .outerjoin(Staff, Staff.id == seen.c.staff_id)
        .order_by(seen.c.at.desc())
    )
    return [
        Read(at, str(where or say("privacy.hospital")), str(title or say("privacy.staff" if staff else "privacy.system")), times, _why(why))
        for at, staff, title, where, times, why in rows
    ]


def _why(why: str) -> str:
    """For what, in plain words; by the longest beginning that is known."""
    known = words()["privacy"]["why"]
    return str(next((known[each] for each in sorted(known, key=len, reverse=True) if each and why.startswith(each)), known[""]))


ROUTES = (
    get(r"/{child:\d{1,18}}/privacy", show, ANYBODY),
    get(r"/{child:\d{1,18}}/withdraw", ask, ANYBODY),
    post(r"/{child:\d{1,18}}/withdraw", take_back, ANYBODY),
)
