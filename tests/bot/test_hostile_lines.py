"""What stands on the line before there is a request: ambiguous lengths, hosts and headers that are none, cookies of bytes.

Refused or answered, never a failure; nothing that two servers could read as two different requests.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from records.database import Database
from tests.bot.whole_service import Edges, whole_service

END = b"Connection: close\r\n\r\n"
POST = b"POST /console/sign-in HTTP/1.1\r\nHost: a\r\n"
# What a server further in might read otherwise (request smuggling).
TWOFOLD = {
    "a length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" + END + b"0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n" + END + b"abcdef",
    "an encoding that is nearly chunked": POST + b"Transfer-Encoding: xchunked\r\n" + END + b"0\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n" + END + b"0\r\n\r\n",
    "a signed length": POST + b"Content-Length: +5\r\n" + END + b"abcde",
    "a length in words": POST + b"Content-Length: five\r\n" + END,
    "bare line feeds": b"POST /console/sign-in HTTP/1.1\nHost: a\nContent-Length: 0\n\n",
    "a folded header": POST + b"X-A: b\r\n Content-Length: 5\r\n" + END,
    "a NUL in a header": POST + b"X-A: b\0c\r\n" + END,
    "chunks of a wrong size": POST + b"Transfer-Encoding: chunked\r\n" + END + b"-1\r\nabc\r\n0\r\n\r\n",
    "two versions": b"GET /console HTTP/1.1 HTTP/1.1\r\nHost: a\r\n" + END,
    "bytes in the address": b"GET /console/\xff\xfe HTTP/1.1\r\nHost: a\r\n" + END,
}
HOSTS = [
    b"[::1",
    b"a b",
    b"\xff\xfe",
    b"evil.example",
    b"a:99999999",
    b"a:b",
    b"",
    b"x@y",
    b"a/../b",
    b"%00",
    b"a\tb",
    "钥".encode(),
    b"a" * 4000,
]
PATHS = [
    b"/console/sign-in/wecom", b"/console/work", b"/h5/today", b"/fhir/metadata", b"/fhir/Patient", b"/healthz",
    b"/wecom/callback?msg_signature=%ff&timestamp=1&nonce=%00&echostr=%ed%a0%80",
]  # fmt: skip
HEADERS = [
    b"Cookie: careloop_staff=\xff\xfe", b"Cookie: careloop_family=\xff; careloop_family_state=\xff:/", b'Cookie: ="; a=\\',
    b"X-CSRF-Token: \xff",
    b"User-Agent: \xff\xfe wxwork/", b"Authorization: Bearer \xff\xfe", b"Authorization: Basic \xff",
    b"Range: bytes=9-1,-,\xff", b"Accept: \xff",
    b"X-CareLoop-Received: \xff;\xff", b"Content-Type: \xff/\xff; charset=\xff", b"Accept-Encoding: \xff",
    b"If-None-Match: \xff", b"Origin: \xff",
]  # fmt: skip


@pytest.fixture
async def edges(db: Database, tmp_path: Path) -> AsyncIterator[Edges]:
    async with whole_service(db, tmp_path) as found:
        yield found


async def status(edges: Edges, line: bytes) -> int:
    """What these bytes are answered with; 0 when the line is closed without a word."""
    reader, writer = await asyncio.open_connection("127.0.0.1", edges.port)
    writer.write(line)
    try:
        async with asyncio.timeout(60):
            answer = (await reader.read(64)).split(b" ")
    finally:
        writer.close()
    return int(answer[1]) if len(answer) > 1 else 0


async def test_a_request_that_can_be_read_in_two_ways_is_refused(edges: Edges) -> None:
    found = {what: await status(edges, line) for what, line in TWOFOLD.items()}
    assert {what: said for what, said in found.items() if said not in (0, 400)} == {}


async def test_no_host_and_no_header_is_a_failure(edges: Edges) -> None:
    wrong = []
    for path in PATHS:
        tries = [b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + END for host in HOSTS]
        tries += [b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n" + header + b"\r\n" + END for header in HEADERS]
        tries += [b"POST " + path + b" HTTP/1.1\r\nHost: a\r\n" + header + b"\r\nContent-Length: 0\r\n" + END for header in HEADERS]
        for line in tries:
            if await status(edges, line) >= 500:
                wrong.append(line)
    assert wrong == []


async def test_a_strange_host_is_no_address_that_anybody_is_sent_to(edges: Edges) -> None:
    """Answers that send a browser on name no host, except WeCom's, which knows the addresses it may send people back to."""
    for path in (b"/console", b"/console/work", b"/h5/enter?token=x"):
        reader, writer = await asyncio.open_connection("127.0.0.1", edges.port)
        writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nAccept: text/html\r\n" + END)
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        assert b"evil.example" not in answer, path
