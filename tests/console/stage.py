"""The console for tests: a real database with two teams, their people and patients, and browsers or clients that are signed in."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from aiohttp import ClientResponse, ClientSession, CookieJar, FormData, web
from aiohttp.test_utils import TestServer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from yarl import URL

from bot.sound import sound_headers
from console.admin.minors_audit import MINORS_KEPT
from console.app import console_app
from console.chat_sdk import ChatSdk
from console.counted import COUNTS
from console.desk import BASE, Desk, Seat
from console.installation import Installation
from console.reports.kept import REPORTS_KEPT
from console.retraining.checks import CHECKS
from console.session import begin_session, seat_of
from console.sign_in import COOKIE
from console.sign_in_wecom import WecomSignIn
from console.static_files import add_static
from records.database import Database
from records.patient import Patient
from records.role import Role, StaffRole
from records.staff import OnCall, Staff, Team, TeamMember

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 1, 2, 0, 5, tzinfo=UTC)  # 10:00 on a Sunday in the hospital
# userid: name, title, team, role (None: what a member has by himself)
PEOPLE = {
    "linyue": ("林悦", "随访护士", "随访中心", None),
    "zhangwei": ("张伟", "主任医师", "随访中心", "lead"),
    "qinlan": ("秦岚", "专科护士", "呼吸科", None),
    "admin": ("周正", "信息科", None, "administrator"),
}
# record number: name, sex, birth date, team
PATIENTS = {
    "D0001": ("朵朵", "F", date(2025, 8, 1), "随访中心"),
    "D0002": ("小宇", "M", date(2026, 1, 3), "随访中心"),
    "R0001": ("果果", "F", date(2022, 5, 20), "呼吸科"),
}


async def plant(tx: AsyncSession, now: datetime = NOW) -> None:
    """The two teams with their people and patients."""
    roles = {role.code: role.id for role in await tx.scalars(select(Role))}
    teams: dict[str, Team] = {}
    for name in ("随访中心", "呼吸科"):
        teams[name] = Team(name=name, phone="010-5555-0101")
        tx.add(teams[name])
    await tx.flush()
    for userid, (name, title, team, role) in PEOPLE.items():
        staff = Staff(userid=userid, name=name, title=title)
        tx.add(staff)
        await tx.flush()
        team_id = teams[team].id if team else None
        if team_id is not None:
            tx.add(TeamMember(team_id=team_id, staff_id=staff.id))
            tx.add(OnCall(team_id=team_id, staff_id=staff.id, tier=1))
        if role is not None:
            tx.add(StaffRole(staff_id=staff.id, role_id=roles[role], team_id=team_id))
    for number, (name, sex, born, team) in PATIENTS.items():
        tx.add(Patient(team_id=teams[team].id, record_number=number, name=name, sex=sex, birth_date=born, tags=[]))


class Client:
    """A signed-in browser without a screen: keeps its cookie, and proves its posts as our pages do."""

    def __init__(self, http: ClientSession, origin: URL, seat: Seat | None) -> None:
        self._http, self.origin, self.seat = http, origin, seat

    def cookie(self, token: str | None) -> None:
        """Show this session's token from now on, whatever it is; None: show none."""
        self._http.cookie_jar.clear()
        if token is not None:
            self._http.cookie_jar.update_cookies({COOKIE: token}, self.origin)

    async def get(self, path: str, **given: object) -> ClientResponse:
        """GET below /console as a browser asks for a page; redirects are not followed."""
        given.setdefault("headers", {"Accept": "text/html"})
        return await self._http.get(URL(f"{self.origin}{BASE}{path}", encoded=True), allow_redirects=False, **given)  # type: ignore[arg-type]

    async def text(self, path: str) -> str:
        """The page, which must be there."""
        answer = await self.get(path, headers={"Accept": "text/html"})
        assert answer.status == 200, f"{path}: {answer.status} {await answer.text()}"
        return await answer.text()

    async def post(
        self, path: str, fields: Sequence[tuple[str, str]] = (), /, *, htmx: bool = False, **form: str | list[str]
    ) -> ClientResponse:
        """A form of our page, sent; `fields`, or a list, are those that stand in it more than once. `htmx`: as its scripts send it."""
        sent = [("csrf", self.seat.csrf)] if self.seat is not None and "csrf" not in form else []
        for name, said in form.items():
            sent += [(name, each) for each in ([said] if isinstance(said, str) else said)]
        headers = {"HX-Request": "true"} if htmx else {}
        address = URL(f"{self.origin}{BASE}{path}", encoded=True)
        return await self._http.post(address, data=[*sent, *fields], headers=headers, allow_redirects=False)

    async def upload(self, path: str, name: str, body: bytes) -> str:
        """A file put into a form of our page, and the page that answers."""
        form = FormData()
        form.add_field("csrf", self.seat.csrf if self.seat is not None else "")
        form.add_field("file", body, filename=name)
        answer = await self._http.post(URL(f"{self.origin}{BASE}{path}"), data=form, headers={"Accept": "text/html"}, allow_redirects=False)
        return await answer.text()


@dataclass
class Stage:
    """The running console."""

    db: Database
    server: TestServer
    now: datetime = NOW
    http: list[ClientSession] | None = None
    console: web.Application = field(default_factory=web.Application)

    @property
    def origin(self) -> URL:
        """Where it is."""
        return self.server.make_url("/").origin()

    async def token(self, who: str) -> str:
        """A session of this staff member."""
        async with self.db.transaction() as tx:
            staff = await tx.scalar(select(Staff).where(Staff.userid == who))
            assert staff is not None
            return await begin_session(tx, staff, "password", "test", self.now)

    async def client(self, userid: str | None) -> Client:
        """A client signed in as this staff member; None: not signed in."""
        jar, seat = CookieJar(unsafe=True), None
        if userid is not None:
            token = await self.token(userid)
            jar.update_cookies({COOKIE: token}, self.origin)
            async with self.db.transaction() as tx:
                seat = await seat_of(tx, token, self.now)
        session = ClientSession(cookie_jar=jar)
        assert self.http is not None
        self.http.append(session)
        return Client(session, self.origin, seat)

    async def patient(self, number: str) -> int:
        """The id behind a record number."""
        async with self.db.transaction() as tx:
            return (await tx.scalars(select(Patient.id).where(Patient.record_number == number))).one()


@asynccontextmanager
async def open_stage(
    db: Database,
    *,
    wecom: WecomSignIn | None = None,
    installation: Installation | None = None,
    media: Path | None = None,
    chat_sdk: ChatSdk | None = None,
    pages: str = "",
    mounted: Mapping[str, web.Application] | None = None,
) -> AsyncIterator[Stage]:
    """The console on this database, planted; `mounted` are other applications beside it."""
    async with db.transaction() as tx:
        await plant(tx)
    app = web.Application(middlewares=[sound_headers])
    stage = Stage(db, TestServer(app), http=[])
    desk = Desk(
        db, lambda: stage.now, ZONE, "示范儿童医院", secure=False, wecom=wecom, installation=installation, media=media,
        chat_sdk=chat_sdk, pages=pages,
    )  # fmt: skip
    for prefix, other in (mounted or {}).items():
        app.add_subapp(prefix, other)
    stage.console = console = console_app(desk)
    # Tests ask once: what is worked out beside a page is waited for.
    console[REPORTS_KEPT].patience = console[MINORS_KEPT].patience = console[CHECKS].patience = console[COUNTS].patience = 60
    app.add_subapp(BASE, console)
    add_static(app)
    await stage.server.start_server()
    try:
        yield stage
    finally:
        for session in stage.http or []:
            await session.close()
        await stage.server.close()
