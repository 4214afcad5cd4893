"""WeCom's door: what is let in is written down before it is acknowledged, what is not is refused by name and leaves no trace."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import psycopg
import pytest
import structlog
from sqlalchemy import select, text

from bot.app import Core, wecom_access
from bot.clock import Clock
from bot.private import free_port, listening
from bot.settings import Settings
from bot.web import gateway_app
from integrations.wecom.callback import Callback
from integrations.wecom.signed import signature
from records.database import Database
from records.staff import Team
from records.wecom import CallbackEvent, KfAccount

ACCOUNT = "wkSimulatedChildrensHospital01"
SAID = "孩子抽筋了，我叫赵敏"


@dataclass
class Door:
    """The gateway on its port, and WeCom in front of it with the right keys."""

    db: Database
    session: aiohttp.ClientSession
    url: str
    clock: Clock
    access: Any
    log: list[Any]
    _nonce: int = 0

    @property
    def lock(self) -> Callback:
        return Callback(self.access.callback_token, self.access.callback_aes_key, self.access.corp_id)

    def sealed(self, xml: str, *, at: datetime | None = None, receive_id: str | None = None) -> tuple[dict[str, str], bytes]:
        """Query and body of a callback as WeCom sends it."""
        access = self.access
        seal = Callback(access.callback_token, access.callback_aes_key, access.corp_id if receive_id is None else receive_id)
        self._nonce += 1
        encrypted, when, nonce = seal.encrypt(xml), str(int((at or self.clock()).timestamp())), str(self._nonce)
        query = {"msg_signature": signature(access.callback_token, when, nonce, encrypted), "timestamp": when, "nonce": nonce}
        return query, f"<xml><ToUserName>{access.corp_id}</ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()

    async def knock(self, query: dict[str, str], body: Any, **headers: str) -> tuple[int, str]:
        """POST; the status and what was said."""
        async with self.session.post(self.url, params=query, data=body, headers=headers) as answer:
            said = await answer.text()
        if answer.status == 200:
            return 200, said
        assert answer.content_type == "application/json"
        return answer.status, str((await answer.json())["code"])

    async def deliver(self, xml: str, **how: Any) -> tuple[int, str]:
        return await self.knock(*self.sealed(xml, **how))

    async def check(self, query: dict[str, str]) -> tuple[int, str]:
        """The GET of WeCom's console."""
        async with self.session.get(self.url, params=query) as answer:
            return answer.status, await answer.text()

    async def jobs(self) -> list[tuple[str, str]]:
        async with self.db.transaction() as tx:
            rows = await tx.execute(text("select task_name, args->>'key' from procrastinate_jobs order by id"))
        return [(name, key) for name, key in rows]

    async def events(self) -> list[CallbackEvent]:
        async with self.db.transaction() as tx:
            return list(await tx.scalars(select(CallbackEvent).order_by(CallbackEvent.received_at)))

    async def account(self) -> KfAccount:
        async with self.db.transaction() as tx:
            return await tx.get_one(KfAccount, ACCOUNT)

    async def stored_nothing(self) -> bool:
        return not await self.jobs() and not await self.events() and (await self.account()).news_at is None

    def kept_silent(self) -> bool:
        """No secret and no word of a family in the log."""
        told = repr(self.log)
        access = self.access
        return not any(
            secret in told for secret in (access.callback_token, access.callback_aes_key, access.secret, "赵敏", "抽筋", "SECRET")
        )


def news(open_kfid: str = ACCOUNT, *, token: str = "TOKEN", at: int = 1) -> str:
    return (
        f"<xml><ToUserName>corp</ToUserName><CreateTime>{at}</CreateTime><MsgType>event</MsgType><Event>kf_msg_or_event</Event>"
        f"<Token>{token}</Token><OpenKfId>{open_kfid}</OpenKfId></xml>"
    )


def click(code: str) -> str:
    return (
        "<xml><ToUserName>corp</ToUserName><FromUserName>linyue</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>"
        f"<Event>template_card_event</Event><EventKey>claim</EventKey><TaskId>flag-1-1-1</TaskId><ResponseCode>{code}</ResponseCode></xml>"
    )


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[list[Any]]:
    """Everything that is logged, by us and by the libraries."""
    with structlog.testing.capture_logs() as entries:
        caplog.set_level("DEBUG")
        yield [entries, caplog.records]


@pytest.fixture
async def door(db: Database, told: list[Any]) -> AsyncIterator[Door]:
    clock, port, settings = Clock(), free_port(), Settings()
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组")
        tx.add(team)
        await tx.flush()
        tx.add(KfAccount(open_kfid=ACCOUNT, name="儿童医院随访", team_id=team.id))
    async with listening(gateway_app(Core(settings, db, clock)), port), aiohttp.ClientSession() as session:
        yield Door(db, session, f"http://127.0.0.1:{port}/wecom/callback", clock, wecom_access(settings), told)


async def test_the_address_check_is_answered_with_the_plain_echo(door: Door) -> None:
    # Every length of padding, and base64 with + and / in it.
    for number in range(40):
        echo = "7" * (number + 1)
        encrypted = door.lock.encrypt(echo)
        query = {"timestamp": "1", "nonce": str(number), "echostr": encrypted}
        query["msg_signature"] = signature(door.access.callback_token, "1", str(number), encrypted)
        assert await door.check(query) == (200, echo)


async def test_an_address_check_with_a_wrong_key_learns_nothing(door: Door) -> None:
    encrypted = door.lock.encrypt("12345")
    right = {"timestamp": "1", "nonce": "2", "echostr": encrypted}
    right["msg_signature"] = signature(door.access.callback_token, "1", "2", encrypted)
    for wrong, status, code in (
        ({**right, "msg_signature": "0" * 40}, 403, "bad_signature"),
        ({**right, "nonce": "3"}, 403, "bad_signature"),
        ({name: value for name, value in right.items() if name != "echostr"}, 400, "missing_field"),
        ({}, 400, "missing_field"),
    ):
        got, said = await door.check(wrong)
        assert (got, code in said, "12345" in said) == (status, True, False)
    garbage = "bm90IGNpcGhlcnRleHQ="
    query = {"timestamp": "1", "nonce": "2", "echostr": garbage}
    query["msg_signature"] = signature(door.access.callback_token, "1", "2", garbage)
    assert (await door.check(query))[0] == 400
    assert door.kept_silent()


async def test_who_cannot_sign_is_refused(door: Door) -> None:
    query, body = door.sealed(news())
    assert await door.knock({**query, "msg_signature": "0" * 40}, body) == (403, "bad_signature")
    assert await door.knock({**query, "msg_signature": "é☃"}, body) == (403, "bad_signature")
    assert await door.knock({**query, "timestamp": str(int(query["timestamp"]) + 1)}, body) == (403, "bad_signature")
    assert await door.knock(query, body.replace(b"<Encrypt><![CDATA[", b"<Encrypt><![CDATA[A")) == (403, "bad_signature")
    assert await door.knock({}, body) == (400, "missing_field")
    assert await door.deliver(news(), receive_id="wwanothercorp") == (403, "wrong_receive_id")
    assert await door.stored_nothing()
    assert door.kept_silent()


async def test_an_old_callback_is_not_played_again(door: Door) -> None:
    assert await door.deliver(news(), at=door.clock() - timedelta(minutes=11)) == (403, "stale")
    assert await door.deliver(news(), at=door.clock() + timedelta(minutes=11)) == (403, "stale")
    assert await door.stored_nothing()
    assert await door.deliver(news(), at=door.clock() - timedelta(minutes=9)) == (200, "success")


async def test_a_body_that_is_too_large_is_refused_however_it_comes(door: Door) -> None:
    query, _ = door.sealed(news())
    big = b"<xml><Encrypt>" + b"A" * (10 << 20) + b"</Encrypt></xml>"

    async def in_chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(big), 1 << 16):
            yield big[start : start + (1 << 16)]

    assert await door.knock(query, big) == (413, "too_large")
    assert await door.knock(query, in_chunks()) == (413, "too_large")
    assert await door.knock(query, gzip.compress(big), **{"Content-Encoding": "gzip"}) == (413, "too_large")
    assert await door.stored_nothing()
    # And the door still opens.
    assert await door.deliver(news()) == (200, "success")


BOMB = '<!DOCTYPE x [<!ENTITY a "SECRET"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'


NOT_OURS = {
    "empty": b"",
    "cut off": b"<xml><Encrypt>abc</Encrypt>",
    "json": b'{"encrypt": "SECRET"}',
    "binary": b"\x00\xff\xfe",
    "entities": BOMB.encode(),
    "outside entity": b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml><Encrypt>x</Encrypt></xml>',
    "deep": b"<xml>" * 100 + b"</xml>" * 100,
    "wide": b"<xml>" + b"<a/>" * 200_000 + b"</xml>",
    "another root": b"<html><Encrypt>x</Encrypt></html>",
}


async def test_what_is_not_wecoms_xml_is_refused(door: Door) -> None:
    query, _ = door.sealed(news())
    answers = {name: await door.knock(query, body) for name, body in NOT_OURS.items()}
    assert answers == dict.fromkeys(NOT_OURS, (400, "bad_xml"))
    assert await door.knock(query, b"not gzip", **{"Content-Encoding": "gzip"}) == (400, "bad_body")
    assert await door.stored_nothing()
    assert door.kept_silent()


async def test_what_is_sealed_rightly_and_says_too_little_is_refused(door: Door) -> None:
    for xml, code in (
        (f"not xml: {SAID}", "bad_xml"),
        (BOMB, "bad_xml"),
        (f"<xml><Content>{SAID}</Content></xml>", "missing_field"),
        ("<xml><MsgType>event</MsgType><CreateTime>1</CreateTime></xml>", "missing_field"),
        (news().replace("OpenKfId", "Nothing"), "missing_field"),
        (news(open_kfid=""), "missing_field"),
        (news().replace(ACCOUNT, "<a>1</a><b>2</b>"), "missing_field"),
    ):
        assert await door.deliver(xml) == (400, code), xml
    assert await door.knock(door.sealed(news())[0], b"<xml><ToUserName>x</ToUserName></xml>") == (400, "missing_field")
    assert await door.stored_nothing()
    assert door.kept_silent()


async def test_an_unknown_event_is_kept_as_it_came(door: Door) -> None:
    xml = (
        "<xml><ToUserName>corp</ToUserName><FromUserName>sys</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType>"
        f"<Event>something_new</Event><Detail><A>1</A><A>2</A><Note>{SAID}</Note></Detail></xml>"
    )
    assert await door.deliver(xml) == (200, "success")
    (kept,) = await door.events()
    assert (kept.event, kept.fields["Detail"]) == ("something_new", {"A": ["1", "2"], "Note": SAID})
    assert await door.jobs() == [("callback_event", kept.key)]
    assert door.kept_silent()
    # What a clinician writes to the app, by its id.
    xml = (
        "<xml><FromUserName>linyue</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType>"
        f"<Content>{SAID}</Content><MsgId>77</MsgId></xml>"
    )
    assert [await door.deliver(xml) for _ in range(2)] == [(200, "success")] * 2
    assert [(kept.event, kept.fields.get("MsgId")) for kept in await door.events()] == [("something_new", None), ("text", "77")]


async def test_news_of_a_known_account_wants_a_pull(door: Door) -> None:
    # An unknown account's news is acknowledged, and no more.
    assert await door.deliver(news("wkNobodyKnows")) == (200, "success")
    assert await door.stored_nothing()
    for _ in range(5):
        assert await door.deliver(news()) == (200, "success")
    account = await door.account()
    assert account.news_token == "TOKEN"
    assert account.news_at is not None
    assert {job for job in await door.jobs()} == {("pull", ACCOUNT)}


async def test_a_crowd_is_acknowledged_and_written_and_a_repeat_is_one_event(door: Door) -> None:
    assert await asyncio.gather(*(door.deliver(click("RC1")) for _ in range(5))) == [(200, "success")] * 5
    assert await door.deliver(click("RC2")) == (200, "success")
    events = await door.events()
    assert len(events) == 2
    assert sorted(await door.jobs()) == sorted(("callback_event", event.key) for event in events)
    # Two hundred at once.
    knocks = [door.deliver(news(at=number)) if number % 2 else door.deliver(click(f"crowd {number}")) for number in range(200)]
    assert await asyncio.gather(*knocks) == [(200, "success")] * 200
    assert len(await door.events()) == 102
    assert ("pull", ACCOUNT) in await door.jobs()


@contextmanager
def nobody_may_connect(url: str, server: str) -> Iterator[None]:
    """The database is away: running sessions are ended, new ones refused."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'alter database "{name}" allow_connections false')
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))
        yield
        connection.execute(f'alter database "{name}" allow_connections true')


async def test_without_its_database_it_asks_wecom_to_come_again(door: Door, database_url: str, postgres_url: str) -> None:
    assert await door.deliver(news()) == (200, "success")
    with nobody_may_connect(database_url, postgres_url):
        for number in range(3):
            assert await door.deliver(click(f"RC{number}")) == (503, "unavailable")
        # What cannot be let in is refused all the same.
        assert await door.deliver(news(), receive_id="x") == (403, "wrong_receive_id")
    # WeCom's repeat.
    assert [await door.deliver(click(f"RC{number}")) for number in range(3)] == [(200, "success")] * 3
    assert len(await door.events()) == 3
    assert door.kept_silent()


async def test_a_write_that_the_database_refuses_does_not_close_the_door(door: Door) -> None:
    async with door.db.transaction() as tx:
        await tx.execute(text("alter table callback_event rename to hidden"))
    assert await door.deliver(click("RC1")) == (503, "unavailable")
    async with door.db.transaction() as tx:
        await tx.execute(text("alter table hidden rename to callback_event"))
    assert await door.deliver(click("RC1")) == (200, "success")
    assert len(await door.events()) == 1
    assert any(entry["log_level"] == "error" for entry in door.log[0])
