"""Bodies that no browser sends: refused as such, never a failure of ours."""

import gzip

import pytest
from aiohttp import ClientError, ClientSession, CookieJar, TCPConnector

from console.app import ROUTES
from console.family.app import ROUTES as FAMILY_ROUTES
from console.forgery import HEADER
from console.page import NOBODY
from console.sign_in import COOKIE
from records.database import Database
from tests.console.family_stage import open_family
from tests.console.stage import Stage

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="login"%s\r\n\r\n%s\r\n--b--\r\n'
HOSTILE = {
    "a charset that nobody knows": (f"{FORM}; charset=klingon", b"login=a"),
    "a charset that is no text": (f"{FORM}; charset=rot13", b"login=a"),
    "bytes that are no UTF-8": (FORM, b"login=\xff\xfe&password=%ff%fe"),
    "surrogates": (FORM, b"login=%ed%a0%80&password=%ed%b0%80"),
    "more fields than a form has": (FORM, b"&".join(b"a%d=" % number for number in range(3_000))),
    "a part without a name": (MULTIPART, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
    "a part of an unknown charset": (MULTIPART, PART % (b"\r\nContent-Type: text/plain; charset=klingon", b"x")),
    "a part that is no UTF-8": (MULTIPART, PART % (b"", b"\xff\xfe")),
    "a part with a bad encoding": (MULTIPART, PART % (b"\r\nContent-Transfer-Encoding: base64", b"\xff==!")),
    "a part with an unknown encoding": (MULTIPART, PART % (b"\r\nContent-Transfer-Encoding: zip", b"x")),
    "a file where a word is asked": (MULTIPART, PART % (b'; filename="a"', b"x")),
    "no boundary": ("multipart/form-data", b"x"),
    "a boundary that never comes": (MULTIPART, b"x" * 1000),
    "parts within parts": (MULTIPART, b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n"),
    "JSON of another charset": ("application/json; charset=klingon", b'{"code": "aaaaaaaaaaaaaaaaaaaa"}'),
    "nothing": (FORM, b""),
}
PACKED_WRONGLY = {"Content-Encoding": "gzip"}
# 8 MiB once it is unpacked.
BOMB = gzip.compress(b"login=" + b"a" * (8 << 20))


async def failures(origin: str, paths: list[str], headers: dict[str, str], jar: CookieJar | None = None) -> list[str]:
    """Which hostile bodies make which address fail."""
    wrong = []
    async with ClientSession(cookie_jar=jar, connector=TCPConnector(force_close=True)) as http:
        tries = [(what, kind, body, {}) for what, (kind, body) in HOSTILE.items()]
        tries += [("packed wrongly", FORM, b"login=a", PACKED_WRONGLY), ("a bomb", FORM, BOMB, PACKED_WRONGLY)]
        for path in paths:
            for what, kind, body, more in tries:
                try:
                    sent = headers | more | {"Content-Type": kind}
                    async with http.post(f"{origin}{path}", data=body, headers=sent, allow_redirects=False) as answer:
                        if answer.status >= 500:
                            wrong.append(f"{path}: {what}: {answer.status}")
                except ClientError:
                    # The line was cut in the middle of the body, which is an answer too.
                    continue
    return wrong


async def test_a_strangers_body_fails_nothing(stage: Stage) -> None:
    paths = [f"/console{route.path}" for route in ROUTES if route.method == "POST" and route.needs == NOBODY]
    assert paths and await failures(str(stage.origin), paths, {}) == []


@pytest.mark.parametrize("path", ["/content/draft/media", "/plan-drafts/import"])
async def test_a_colleagues_body_fails_nothing(stage: Stage, path: str) -> None:
    lead = await stage.client("zhangwei")
    assert lead.seat is not None and path in {route.path for route in ROUTES}
    jar = CookieJar(unsafe=True)
    jar.update_cookies({COOKIE: lead.seat.token}, stage.origin)
    assert await failures(str(stage.origin), [f"/console{path}"], {HEADER: lead.seat.csrf}, jar) == []


async def test_a_familys_body_fails_nothing(db: Database) -> None:
    async with open_family(db) as family:
        paths = [f"/h5{route.path}" for route in FAMILY_ROUTES if route.method == "POST" and route.needs == NOBODY]
        assert paths and await failures(str(family.origin), paths, {}) == []
