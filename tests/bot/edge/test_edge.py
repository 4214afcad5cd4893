"""The edge, the link and the gateway as processes of their own: WeCom and families outside, the database inside, either side killed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from bot.app import Core, add_family_pages, wecom_access
from bot.clock import Clock
from bot.edge.envelope import HELLO, Sealer, hello, read_keys
from bot.edge.role import EdgeError, check_edge
from bot.edge.settings import EdgeLinkSettings
from bot.private import free_port, listening
from bot.settings import Settings
from bot.web import gateway_app
from integrations.wecom.callback import Callback
from integrations.wecom.signed import signature
from records.database import Database
from records.wecom import CallbackEvent
from tests.read_only import read_only

ROOT = Path(__file__).parent.parent.parent.parent
OLD, NEW = f"2026a:{'a' * 32}", f"2026b:{'b' * 32}"
HTML = {"Accept": "text/html,*/*"}


class Dmz:
    """Three places: WeCom and families outside, the edge, and the inside with a database. The inner clock is an hour ahead, so that a
    callback is only believed as of when the edge had it."""

    def __init__(self, db: Database, folder: Path, session: aiohttp.ClientSession) -> None:
        self.db, self.folder, self.session = db, folder, session
        self.public, self.link_port, self.inside = free_port(), free_port(), free_port()
        self.access = wecom_access(Settings())
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self._nonce = 0

    async def start(self, role: str, *, keys: str = "") -> None:
        """Start `edge` or `edge-link`."""
        settings = {
            "edge": {
                "PORT": self.public, "DATA_DIR": self.folder, "EDGE__KEYS": keys or f"{OLD} {NEW}", "EDGE__LINK_PORT": self.link_port,
                "EDGE__WECOM_TOKEN": self.access.callback_token, "HOSPITAL": "示范<儿童>医院", "EDGE__BURST": 40, "EDGE__PER_SECOND": 0.001,
            },
            "edge-link": {
                "PORT": self.inside, "EDGE_LINK__URLS": f'["ws://127.0.0.1:{self.link_port}/link"]', "EDGE_LINK__KEY": keys or OLD,
            },
        }[role]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("CARELOOP_", "DATABASE_URL"))}
        environment |= {f"CARELOOP_{name}": str(value) for name, value in settings.items()}
        self.running[role] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", role, cwd=ROOT, env=environment, stderr=asyncio.subprocess.DEVNULL
        )
        await (self.health(lambda _: True) if role == "edge" else self.health(lambda said: said["lines"] == 2))

    async def kill(self, role: str) -> None:
        """kill -9."""
        process = self.running.pop(role)
        process.kill()
        await process.wait()

    async def health(self, wanted: Any) -> dict[str, Any]:
        """What the edge says of itself, once it is as wanted."""
        async with asyncio.timeout(180):
            while True:
                try:
                    async with self.session.get(f"http://127.0.0.1:{self.link_port}/healthz") as answer:
                        if wanted(said := await answer.json()):
                            return dict(said)
                except aiohttp.ClientConnectionError:
                    pass
                await asyncio.sleep(0.02)

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.session.get(f"http://127.0.0.1:{self.public}{path}", headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text()

    def click(self, code: str, *, at: datetime | None = None) -> tuple[dict[str, str], bytes]:
        """A tap on a card, as WeCom sends it."""
        xml = (
            "<xml><ToUserName>corp</ToUserName><FromUserName>linyue</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>"
            f"<Event>template_card_event</Event><EventKey>claim</EventKey><TaskId>flag-1-1-1</TaskId><ResponseCode>{code}</ResponseCode></xml>"
        )
        self._nonce += 1
        access, nonce, when = self.access, str(self._nonce), str(int((at or datetime.now(UTC)).timestamp()))
        sealed = Callback(access.callback_token, access.callback_aes_key, access.corp_id).encrypt(xml)
        query = {"msg_signature": signature(access.callback_token, when, nonce, sealed), "timestamp": when, "nonce": nonce}
        return query, f"<xml><Encrypt><![CDATA[{sealed}]]></Encrypt></xml>".encode()

    async def post(self, query: dict[str, str], body: bytes) -> tuple[int, str]:
        async with self.session.post(f"http://127.0.0.1:{self.public}/wecom/callback", params=query, data=body) as answer:
            return answer.status, await answer.text()

    async def clicks(self, *codes: str) -> None:
        """Clicks that are acknowledged, one after the other."""
        for code in codes:
            assert await self.post(*self.click(code)) == (200, "success")

    async def arrived(self) -> list[CallbackEvent]:
        async with self.db.transaction() as tx:
            return list(await tx.scalars(select(CallbackEvent).order_by(CallbackEvent.received_at)))

    async def codes(self) -> list[str]:
        """What the database has, when nothing waits any more."""
        await self.health(lambda said: said["waiting"] == 0)
        return [event.fields["ResponseCode"] for event in await self.arrived()]


@pytest.fixture
async def dmz(db: Database, tmp_path: Path) -> AsyncIterator[Dmz]:
    async with aiohttp.ClientSession() as session:
        dmz, clock = Dmz(db, tmp_path, session), Clock()
        clock.offset = timedelta(hours=1)
        core = Core(Settings(edge_link=EdgeLinkSettings.model_validate({"key": OLD})), db, clock)
        app = gateway_app(core)
        add_family_pages(app, core)
        async with listening(app, dmz.inside):
            await dmz.start("edge")
            yield dmz
            for role in list(dmz.running):
                await dmz.kill(role)


async def test_callbacks_and_pages_go_through_and_nothing_else(dmz: Dmz) -> None:
    await dmz.start("edge-link")
    await dmz.clicks("one")
    assert await dmz.codes() == ["one"]
    sealed = Callback(dmz.access.callback_token, dmz.access.callback_aes_key, dmz.access.corp_id).encrypt("12345")
    echo = (
        f"msg_signature={signature(dmz.access.callback_token, '1', '2', sealed)}&timestamp=1&nonce=2&echostr={sealed.replace('+', '%2B')}"
    )
    assert await dmz.get(f"/wecom/callback?{echo}") == (200, "12345")
    status, page = await dmz.get("/h5/content/forged", **HTML)
    assert status == 404 and "<html" in page
    for path in (
        "/console",
        "/healthz",
        "/metrics",
        "/fhir/Patient",
        "/intake/his",
        "/h5/..%2fconsole",
        "/h5/%2e%2e/console",
        "/h5//x",
        "/",
    ):
        assert (await dmz.get(path))[0] == 404
    query, body = dmz.click("two")
    for status, code, changed in (
        (403, "bad_signature", (query | {"nonce": "x"}, body)),
        (403, "bad_signature", (query, dmz.click("three")[1])),
        (403, "stale", dmz.click("old", at=datetime.now(UTC) - timedelta(minutes=11))),
        (400, "bad_xml", (query, b"<xml")),
        (413, "too_large", (query, b"x" * (1 << 20) + b"x")),
    ):
        answered, said = await dmz.post(*changed)
        assert (answered, code in said) == (status, True)
    await hostile_lines(dmz)
    await dmz.clicks("two")
    assert await dmz.codes() == ["one", "two"]
    await a_new_key(dmz)
    # An address that asks too much hears so.
    seen = [(await dmz.get("/h5/content/forged"))[0] for _ in range(41)]
    assert seen[0] == 404 and seen[-1] == 429


async def hostile_lines(dmz: Dmz) -> None:
    """A line with a bad envelope is ended, and the others stay."""
    key, url = read_keys(OLD)[0], f"http://127.0.0.1:{dmz.link_port}/link"
    for number, spoil in enumerate((lambda first: [first, first], lambda first: [first[:-1] + b"x"], lambda _: ["text"], lambda _: [b""])):
        nonce, now = f"{number:032x}", datetime.now(UTC)
        async with dmz.session.ws_connect(url, headers={HELLO: hello(key, nonce, now)}) as line:
            theirs = (await line.receive_str()).partition(";")[0]
            first = Sealer(key, "inner", (nonce, theirs), lambda: datetime.now(UTC)).seal({"ready": True})
            for each in spoil(first):
                await (line.send_str(each) if isinstance(each, str) else line.send_bytes(each))
            assert (await line.receive()).type == aiohttp.WSMsgType.CLOSE
            assert line.close_code == 4003
        # The same hello again opens no line either.
        async with dmz.session.get(url, headers={HELLO: hello(key, nonce, now)}) as said:
            assert (await said.json())["code"] == "replayed"
    await dmz.health(lambda said: said["lines"] == 2)


async def a_new_key(dmz: Dmz) -> None:
    """The edge knows both; the link changes to the new one; the old one is taken away."""
    await dmz.kill("edge-link")
    await dmz.start("edge-link", keys=NEW)
    await dmz.kill("edge")
    await dmz.start("edge", keys=NEW)
    await dmz.health(lambda said: said["lines"] == 2)
    old = {HELLO: hello(read_keys(OLD)[0], "f" * 32, datetime.now(UTC))}
    async with dmz.session.get(f"http://127.0.0.1:{dmz.link_port}/link", headers=old) as said:
        assert (said.status, await said.json()) == (403, {"code": "unknown_key"})


async def test_what_comes_while_either_side_is_killed_arrives_once_and_in_order(dmz: Dmz) -> None:
    codes = [f"{number:02}" for number in range(80)]
    started = datetime.now(UTC)
    await dmz.clicks(*codes[:10])
    assert datetime.now(UTC) - started < timedelta(seconds=5)
    status, page = await dmz.get("/h5/trends", **HTML)
    assert status == 503 and "120" in page and "示范&lt;儿童&gt;医院" in page
    assert await dmz.get("/h5/mini/config") == (503, '{"code": "away"}')
    kept = (dmz.folder / "edge" / "callbacks.log").read_bytes()
    assert b"linyue" not in kept and b"ResponseCode" not in kept
    await dmz.kill("edge")
    await dmz.start("edge")
    await dmz.clicks(*codes[10:40])
    await dmz.start("edge-link")
    sending = asyncio.create_task(dmz.clicks(*codes[40:]))
    await dmz.health(lambda said: said["waiting"] < 30)
    await dmz.kill("edge-link")
    await sending
    await dmz.start("edge-link")
    assert await dmz.codes() == codes
    # As of when the edge had them, not of when the inner side, an hour ahead here, heard of them.
    assert all(started <= event.received_at <= datetime.now(UTC) for event in await dmz.arrived())


async def test_what_comes_while_the_database_takes_no_writes_waits_and_arrives_once(dmz: Dmz) -> None:
    await dmz.start("edge-link")
    async with read_only(dmz.db):
        await dmz.clicks("one", "two")
        await dmz.health(lambda said: said["waiting"] == 2)
        assert await dmz.arrived() == []
    assert await dmz.codes() == ["one", "two"]


def test_the_edge_is_small() -> None:
    code = "import sys, bot.cli, bot.cli_run, bot.edge.role, bot.edge.link, bot.settings; print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()}
    assert (
        loaded & {"rasa", "tensorflow", "sqlalchemy", "psycopg", "procrastinate", "numpy", "cryptography", "wechatpy", "records"} == set()
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("database_url", "postgresql://x"),
        ("wecom", {"callback_aes_key": "x" * 43}),
        ("mini_program", {"secret": "x"}),
        ("edge", {"link_host": "::"}),
    ],
)
def test_the_edge_does_not_start_with_what_it_must_not_hold(setting: str, value: Any) -> None:
    given = {"edge": {"keys": OLD}, setting: value} | ({"edge": {"keys": OLD, **value}} if setting == "edge" else {})
    with pytest.raises(EdgeError, match=f"^Setting {setting}"):
        check_edge(Settings(**given))
