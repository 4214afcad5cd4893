"""Two families with their phones before the family's pages: mother Zhao with two children, father Qian with one, who must not see hers."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from aiohttp import ClientResponse, ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer
from sqlalchemy import select
from yarl import URL

from bot.private import free_port
from bot.sound import sound_headers
from console.content_page import add_content_pages
from console.family.app import family_app
from console.family.desk import BASE, FamilyDesk, WeixinSignIn
from console.family.session import begin_session
from console.static_files import add_static
from plans.enrolment import enrol
from plans.family_link import PATH, make_link
from plans.template import load_templates
from records.chat import Chat
from records.database import Database
from records.flag import Flag
from records.message import Inbound
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer
from records.staff import Team
from tests.console.stage import NOW, ZONE, plant
from tests.named import named

# record number: name, sex, birth date, carer
CHILDREN = {
    "F0001": ("小满", "M", date(2026, 1, 1), "赵敏"),
    "F0002": ("乐乐", "F", date(2022, 9, 1), "赵敏"),
    "F0003": ("安安", "F", date(2025, 6, 1), "钱建国"),
}
HTML = {"Accept": "text/html"}


class Phone:
    """A family's browser: keeps its cookies, sends the forms that it was shown."""

    def __init__(self, http: ClientSession, origin: URL) -> None:
        self.http, self.origin = http, origin

    def url(self, path: str) -> URL:
        return URL(path if path.startswith("http") else f"{self.origin}{path}", encoded=True)

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.http.get(self.url(path), headers=HTML | headers, allow_redirects=False)

    async def text(self, path: str) -> str:
        """The page, which must be there; redirects are followed."""
        answer = await self.http.get(self.url(path), headers=HTML)
        assert answer.status == 200, f"{path}: {answer.status} {await answer.text()}"
        return await answer.text()

    async def post(self, path: str, given: Mapping[str, str], **headers: str) -> ClientResponse:
        return await self.http.post(self.url(path), data=dict(given), headers=HTML | headers, allow_redirects=False)

    async def send(self, path: str, action: str | None = None, **given: str) -> ClientResponse:
        """Open the page, fill its form in, send it to `action`, else to where it came from."""
        return await self.post(action or path, hidden(await self.text(path)) | given)

    async def enter(self, token: str) -> ClientResponse:
        """Open a link, and press its button."""
        page = await self.get(f"{PATH}?token={token}")
        assert page.status == 200, await page.text()
        return await self.post(PATH, hidden(await page.text()))

    async def follow(self, answer: ClientResponse) -> str:
        """The page that a form led to."""
        assert answer.status == 303, f"{answer.status} {await answer.text()}"
        return await self.text(answer.headers["Location"])


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    return dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', page))


@dataclass
class FamilyStage:
    """The running pages."""

    db: Database
    server: TestServer
    now: datetime = NOW
    weixin: WeixinSignIn | None = None
    http: list[ClientSession] = field(default_factory=list)

    @property
    def origin(self) -> URL:
        return self.server.make_url("/").origin()

    def phone(self) -> Phone:
        """A phone that nobody has signed in with."""
        self.http.append(ClientSession(cookie_jar=CookieJar(unsafe=True)))
        return Phone(self.http[-1], self.origin)

    async def link(self, carer: str = "赵敏") -> str:
        """A new link's token."""
        async with self.db.transaction() as tx:
            return await make_link(tx, await tx.get_one(Carer, await self.carer(carer)), "chat", self.now)

    async def token(self, who: str) -> str:
        """A session of this carer's phone."""
        async with self.db.transaction() as tx:
            return await begin_session(tx, await self.carer(who), "chat", "test", self.now)

    async def signed_in(self, carer: str = "赵敏") -> Phone:
        phone = self.phone()
        answer = await phone.enter(await self.link(carer))
        assert answer.status == 303
        return phone

    async def carer(self, name: str) -> int:
        async with self.db.transaction() as tx:
            return (await named(tx, Carer, name))[0].id

    async def child(self, name: str) -> int:
        async with self.db.transaction() as tx:
            return next(each.id for each in await named(tx, Patient, name) if each.record_number in CHILDREN)

    async def rows(self, table: type[Any], *where: Any) -> list[Any]:
        async with self.db.transaction() as tx:
            return list(await tx.scalars(select(table).where(*where).order_by(table.id)))

    async def flags(self) -> list[Flag]:
        return await self.rows(Flag)

    async def messages(self) -> list[Inbound]:
        return await self.rows(Inbound)

    async def observations(self, name: str) -> list[Observation]:
        return await self.rows(Observation, Observation.patient_id == await self.child(name))

    async def enrolled(self, name: str, template: str, **anchors: date) -> None:
        """Put the child on a shipped plan."""
        async with self.db.transaction() as tx:
            patient = await tx.get_one(Patient, await self.child(name))
            await enrol(
                tx,
                patient,
                load_templates()[template],
                anchors={"birth": patient.birth_date} | anchors,
                hour=9,
                by="test",
                now=self.now,
                zone=ZONE,
            )


@asynccontextmanager
async def open_family(db: Database, weixin: WeixinSignIn | None = None) -> AsyncIterator[FamilyStage]:
    """The pages on this database, with the hospital's two teams and the two families."""
    async with db.transaction() as tx:
        await plant(tx)
        team = (await tx.scalars(select(Team).where(Team.name == "随访中心"))).one()
        for number, (name, sex, born, carer_name) in CHILDREN.items():
            patient = Patient(
                team_id=team.id, record_number=number, name=name, sex=sex, birth_date=born, tags=[], birth_weight_g=3200,
                gestational_age_weeks=39,
            )  # fmt: skip
            carer = next(iter(await named(tx, Carer, carer_name)), None)
            if carer is None:
                carer = Carer(name=carer_name, external_userid=f"wm-{number}", phone=None)
                tx.add(carer)
                await tx.flush()
                tx.add(Chat(open_kfid="wk1", external_userid=f"wm-{number}", carer_id=carer.id, team_id=team.id, opened_at=NOW))
            tx.add(patient)
            await tx.flush()
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲" if carer_name == "赵敏" else "父亲"))
    app = web.Application(middlewares=[sound_headers])
    stage = FamilyStage(db, TestServer(app, port=free_port()), weixin=weixin)
    desk = FamilyDesk(db, lambda: stage.now, ZONE, "示范儿童医院", "120", f"http://127.0.0.1:{stage.server.port}", weixin=weixin)
    add_content_pages(app, db, lambda: stage.now, ZONE, "示范儿童医院")
    app.add_subapp(BASE, family_app(desk))
    add_static(app)
    await stage.server.start_server()
    try:
        yield stage
    finally:
        for session in stage.http:
            await session.close()
        await stage.server.close()
