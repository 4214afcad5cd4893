"""The same intake over HTTP: a feed's own token, the acknowledgement as the body, and XML that is read without trust."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from bot.app import Core
from bot.clock import Clock
from bot.intake.feeds import add_feed, hash_token
from bot.intake.http import add_intake_routes
from bot.intake.soap import SoapError, answer_with, message_in
from bot.private import free_port, listening
from bot.settings import IntakeSettings, Settings
from records.database import Database
from records.feed import FeedMessage
from tests.bot.intake.conftest import NOW, code, hl7

TOKEN = "a-token-of-the-lis"
Post = tuple[int, str, bytes]


class Poster:
    """A sender over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, url: str, db: Database) -> None:
        self._session, self._url, self.db = session, url, db

    async def posts(
        self, body: bytes | AsyncIterator[bytes], kind: str = "application/hl7-v2", *, feed: str = "lis", token: str | None = TOKEN
    ) -> Post:
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {token}"} if token is not None else {})
        async with self._session.post(f"{self._url}/intake/{feed}", data=body, headers=headers) as answer:
            return answer.status, answer.content_type, await answer.read()

    async def stored(self) -> list[FeedMessage]:
        async with self.db.transaction() as tx:
            return list(await tx.scalars(select(FeedMessage).order_by(FeedMessage.id)))


@pytest.fixture
async def poster(db: Database) -> AsyncIterator[Poster]:
    async with db.transaction() as tx:
        for name in ("lis", "his"):
            row = await add_feed(tx, name, "hl7", {}, now=NOW)
            row.token_hash = hash_token(TOKEN if name == "lis" else "another")
    app, port = web.Application(), free_port()
    add_intake_routes(app, Core(Settings(intake=IntakeSettings(max_message=4096)), db, Clock()))
    async with listening(app, port), aiohttp.ClientSession() as session:
        yield Poster(session, f"http://127.0.0.1:{port}", db)


@pytest.mark.parametrize("kind", ["text/plain", "application/hl7-v2", "text/plain; charset=utf-8"])
async def test_a_posted_message_is_stored_and_acknowledged_in_its_kind(poster: Poster, kind: str) -> None:
    status, content_type, body = await poster.posts(hl7("5"), kind)
    assert (status, content_type, code(body)) == (200, kind.partition(";")[0], "AA")
    assert [message.raw for message in await poster.stored()] == [hl7("5")]
    assert (await poster.stored())[0].connection == "http:127.0.0.1"


async def test_the_status_says_what_the_sender_is_to_do(poster: Poster) -> None:
    refused = await poster.posts(b"PID|1||P1")
    assert (refused[0], code(refused[2])) == (400, "AR")
    async with poster.db.transaction() as tx:
        await tx.execute(text("alter table feed_message rename to elsewhere"))
    later = await poster.posts(hl7("5"))
    assert (later[0], code(later[2])) == (503, "AE")


@pytest.mark.parametrize(
    ("feed", "token"), [("lis", None), ("lis", "wrong"), ("lis", "another"), ("lis", ""), ("nothing", TOKEN), ("his", TOKEN), ("lis", "鑰")]
)
async def test_nobody_posts_without_the_token_of_this_very_feed(poster: Poster, feed: str, token: str | None) -> None:
    status, _, body = await poster.posts(hl7("5"), feed=feed, token=token)
    assert (status, body) == (401, b'{"code": "unauthorized"}')
    assert await poster.stored() == []


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body that does not say how long it is."""
    for at in range(0, len(body), 500):
        yield body[at : at + 500]


async def test_what_is_too_large_or_of_another_kind_is_not_read(poster: Poster) -> None:
    assert (await poster.posts(hl7("5", rest="OBX|1|ED|" + "A" * 5000)))[0] == 413
    assert (await poster.posts(pieces(hl7("5", rest="OBX|1|ED|" + "A" * 5000))))[0] == 413
    assert (await poster.posts(hl7("5"), "application/json"))[0] == 415
    assert await poster.stored() == []


async def test_a_web_service_gets_its_answer_in_an_envelope(poster: Poster) -> None:
    message = hl7("5").decode().replace("&", "&amp;").replace("\r", "&#13;")
    document = f'<s:Envelope xmlns:s="x"><s:Body><invoke><code>A01</code><message>{message}</message></invoke></s:Body></s:Envelope>'
    status, kind, body = await poster.posts(document.encode(), "text/xml; charset=utf-8")
    assert (status, kind) == (200, "text/xml")
    assert code(message_in(body, "return").encode()) == "AA"
    (stored,) = await poster.stored()
    assert (stored.order_key, stored.raw) == ("P1", hl7("5").strip())


async def test_a_document_without_the_message_is_named(poster: Poster) -> None:
    assert (await poster.posts(b"<a><b>MSH|</b></a>", "text/xml"))[2] == b'{"code": "no_message"}'


BOMB = (
    b'<!DOCTYPE a [<!ENTITY x "haha">'
    + b"".join(f'<!ENTITY x{n} "{"&x;" * 10}">'.encode() for n in range(5))
    + b"]><message>&x4;</message>"
)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (BOMB, "dtd"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><message>&x;</message>', "dtd"),
        (b"<a>" * 1000 + b"</a>" * 1000, "too_deep"),
        (b"<a>" + b"<b/>" * 5000 + b"</a>", "too_deep"),
        (b"<message>MSH|", "bad_xml"),
        (b"\xff\xfe\x00", "bad_xml"),
        (b"", "bad_xml"),
        (b"<message/>", "no_message"),
    ],
    ids=["entity bomb", "external entity", "deep", "wide", "broken", "no XML", "nothing", "empty"],
)
def test_a_trap_of_a_document_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(SoapError) as refused:
        message_in(document, "message")
    assert refused.value.code == reason


def test_a_document_may_be_in_gbk_in_cdata_and_in_any_namespace() -> None:
    document = '<?xml version="1.0" encoding="GB2312"?><a:x xmlns:a="y"><a:message><![CDATA[MSH|^~\\&|张三]]></a:message></a:x>'
    assert message_in(document.encode("gb18030"), "message") == "MSH|^~\\&|张三"


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\r")))
def test_an_answer_reads_as_it_was_written(said: str) -> None:
    if said.strip():
        assert message_in(answer_with(said), "return") == said.strip()


@given(st.binary(max_size=300))
def test_any_bytes_are_a_document_or_refused(document: bytes) -> None:
    try:
        assert message_in(document, "message")
    except SoapError as err:
        assert err.code
