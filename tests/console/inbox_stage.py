"""The inbox for tests: the whole road of a message behind the console, from a simulated WeChat to a simulated WeCom."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer
from sqlalchemy import select
from yarl import URL

from console.app import console_app
from console.desk import BASE, Desk
from console.session import begin_session, seat_of
from console.sign_in import COOKIE
from console.static_files import add_static
from records.chat import Chat
from records.database import Database
from records.message import Outbound
from records.staff import Staff
from tagging.patient import PatientFacts
from tagging.understanding import understand
from tests.bot.conftest import Parrot
from tests.bot.stage import MORNING, ZONE, Family, open_stage
from tests.bot.stage import Stage as Road
from tests.console.stage import Client


@dataclass
class Inbox:
    """`road` is everything behind the pages; the clock is its."""

    road: Road
    server: TestServer
    sessions: list[ClientSession]

    @property
    def origin(self) -> URL:
        """Where the console is."""
        return self.server.make_url("/").origin()

    async def token(self, userid: str) -> str:
        """A session of this clinician."""
        async with self.road.db.transaction() as tx:
            staff = (await tx.scalars(select(Staff).where(Staff.userid == userid))).one()
            return await begin_session(tx, staff, "password", "test", self.road.clock())

    async def client(self, userid: str) -> Client:
        """Her browser, signed in."""
        token, origin = await self.token(userid), self.origin
        jar = CookieJar(unsafe=True)
        jar.update_cookies({COOKIE: token}, origin)
        async with self.road.db.transaction() as tx:
            seat = await seat_of(tx, token, self.road.clock())
        self.sessions.append(ClientSession(cookie_jar=jar))
        return Client(self.sessions[-1], origin, seat)

    async def chat_of(self, family: Family) -> Chat:
        """The chat of this carer, as it stands."""
        async with self.road.db.transaction() as tx:
            return (await tx.scalars(select(Chat).where(Chat.external_userid == family.user))).one()

    async def rows(self, purpose: str) -> list[Outbound]:
        """What was to be sent for this purpose, in order."""
        async with self.road.db.transaction() as tx:
            return list(await tx.scalars(select(Outbound).where(Outbound.purpose == purpose).order_by(Outbound.seq)))


@asynccontextmanager
async def open_inbox(db: Database, data: Path) -> AsyncIterator[Inbox]:
    """A running hospital with its console."""
    # The first message of a run would wait for the language rules to be read.
    await asyncio.to_thread(understand, "你好", context=None, patient=PatientFacts(age_days=None), now=MORNING)
    async with open_stage(db, Parrot(), data) as road:
        app = web.Application()
        app.add_subapp(BASE, console_app(Desk(db, road.clock, ZONE, "示范儿童医院", secure=False, media=road.media)))
        add_static(app)
        inbox = Inbox(road, TestServer(app), [])
        await inbox.server.start_server()
        try:
            yield inbox
        finally:
            for session in inbox.sessions:
                await session.close()
            await inbox.server.close()
