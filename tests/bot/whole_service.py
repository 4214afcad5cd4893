"""The whole service on one port, as `serve` joins it, with a feed and a program that are let in."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web

from bot.app import Core, add_content_pages, add_sandbox
from bot.clock import Clock
from bot.fhir.clients import add_client
from bot.health import Readiness, add_health_routes
from bot.intake.feeds import add_feed, hash_token
from bot.private import free_port, listening
from bot.serve import add_inner
from bot.settings import Settings
from bot.web import gateway_app
from plans.reach.route import Channels
from records.database import Database
from records.staff import Team

FEED_TOKEN = "a-token-of-the-lis"


@dataclass
class Edges:
    """The running service; `secret` is the program's."""

    app: web.Application
    port: int
    secret: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def operations(self) -> Iterator[tuple[str, str]]:
        """Every method and address that is served, by the names of its parts."""
        for route in self.app.router.routes():
            if route.resource is not None and route.method != "HEAD":
                yield route.method.lower(), route.resource.canonical


@asynccontextmanager
async def whole_service(db: Database, folder: Path) -> AsyncIterator[Edges]:
    """The service on this database, in the sandbox."""
    port, now = free_port(), datetime.now(UTC)
    core = Core(Settings(port=port, data_dir=folder), db, Clock())
    async with db.transaction() as tx:
        tx.add(Team(name="新生儿随访组"))
        await tx.flush()
        feed = await add_feed(tx, "lis", "hl7", {}, now=now)
        feed.token_hash = hash_token(FEED_TOKEN)
        secret = await add_client(tx, "portal", name="portal", teams=["新生儿随访组"], scopes=["system/*.*"], feed="portal", now=now)
    async with aiohttp.ClientSession() as session:
        app = gateway_app(core)
        add_content_pages(app, core)
        add_health_routes(app, {"database": db.ready}, Readiness({"database": db.ready}))
        add_inner(app, core, Channels())
        add_sandbox(app, core, session)
        async with listening(app, port):
            yield Edges(app, port, secret)
