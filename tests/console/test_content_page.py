"""The page of a content opens with its family's link alone, says nothing of the child, runs nothing, and tells who read it to the end."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from console.content_page import add_content_pages
from plans.content.lifecycle import take_back
from plans.content.link import PATH, sign_reading
from plans.content.media import check_media
from plans.content.model import Block, Link, Media
from plans.content.store import keep_media
from plans.invitation import sign, signing_key
from records.content_read import ContentRead, article_read
from records.database import Database
from tests.plans.conftest import ZONE
from tests.plans.content.conftest import NOW, Centre, article, make_centre
from tests.plans.content.files import mp4, pdf, png


@dataclass
class Phone:
    """A family's browser, with the link of one reading."""

    client: TestClient[Any, Any]
    db: Database
    centre: Centre
    read_id: int
    token: str
    media: dict[str, str]
    now: datetime = NOW

    async def get(self, path: str = "", token: str | None = None, **headers: str) -> Any:
        return await self.client.get(f"{PATH}/{token or self.token}{path}", headers=headers)

    async def tells(self, what: str) -> Any:
        answer = await self.client.post(f"{PATH}/{self.token}/{what}")
        return await answer.json() if answer.status == 200 else answer.status

    async def reading(self) -> ContentRead:
        async with self.db.transaction() as tx:
            return await tx.get_one(ContentRead, self.read_id)


@pytest.fixture
async def phone(db: Database) -> AsyncIterator[Phone]:
    async with db.transaction() as tx:
        centre = await make_centre(tx)
        checked = [check_media("步骤.png", png()), check_media("示范.mp4", mp4()), check_media("手册.pdf", pdf())]
        stray = check_media("别的.png", png(3, 3))
        await keep_media(tx, [*checked, stray], by="nurse-lin", now=NOW)
        picture, video, file = (Media(file=each.name, sha256=each.sha256, caption=each.name[:2]) for each in checked)
        card = Link(url="https://hospital.example/a?b=1&c=2", title="<b>门诊</b>", picture=picture)
        blocks = (Block(heading="怎么做"), Block(text="<script>alert(1)</script>"), Block(picture=picture), Block(video=video))
        await centre.published(article(blocks=[*blocks, Block(file=file), Block(link=card)]))
        read = await article_read(tx, centre.family.chat, centre.family.patient.id, "line-care", 1, NOW, ask=False, how="push")
        assert read is not None
        token = sign_reading(await signing_key(tx), read[0], NOW)
    app = web.Application()
    phone = Phone(None, db, centre, read[0], token, {each.name: each.sha256 for each in [*checked, stray]})  # type: ignore[arg-type]
    add_content_pages(app, db, lambda: phone.now, ZONE, "示范儿童医院")
    async with TestClient(TestServer(app)) as client:
        phone.client = client
        yield phone


async def test_the_page_is_readable_and_harmless(phone: Phone) -> None:
    answer = await phone.get()
    text = await answer.text()
    assert answer.status == 200 and "置管在家怎么护" in text and "width=device-width" in text and "120" in text
    assert "<script>alert" not in text and "&lt;script&gt;" in text and "&lt;b&gt;门诊" in text
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["Cache-Control"] == "no-store"
    # Scripts, styles and handlers stand in files of our own, or the policy would stop them.
    assert not re.search(r"<script>|<style|\son\w+=|style=", text)


async def test_nothing_of_the_child_is_on_it(phone: Phone) -> None:
    text = await (await phone.get()).text()
    family = phone.centre.family
    for secret in (family.patient.name, family.patient.record_number, family.carer.name + "女士", "wm1", str(family.patient.birth_date)):
        assert secret not in text


async def test_being_fetched_is_not_being_read(phone: Phone) -> None:
    await phone.get()
    assert (await phone.reading()).opened_at is None
    assert await phone.tells("finished") == {"kept": False}
    assert await phone.tells("opened") == {"kept": True}
    assert await phone.tells("finished") == {"kept": False}
    phone.now += timedelta(seconds=30)
    assert await phone.tells("finished") == {"kept": True}
    first = phone.now
    phone.now += timedelta(hours=1)
    await phone.tells("opened")
    await phone.tells("finished")
    reading = await phone.reading()
    assert (reading.opened_at, reading.finished_at, reading.opened_version) == (NOW, first, 1)


async def test_a_link_that_was_not_signed_here_opens_nothing(phone: Phone) -> None:
    async with phone.db.transaction() as tx:
        key = await signing_key(tx)
    invitation = sign(key, phone.read_id, NOW + timedelta(days=1))
    flipped = ("A" if phone.token[0] != "A" else "B") + phone.token[1:]
    for token in (flipped, phone.token[:-1], phone.token + "A", invitation, "x" * 32, "ä" * 32, sign_reading(key, 99_999, NOW)):
        assert (await phone.get(token=token)).status == 404
        assert (await phone.client.post(f"{PATH}/{token}/opened")).status == 404


async def test_after_a_week_it_is_too_old(phone: Phone) -> None:
    phone.now += timedelta(days=7)
    answer = await phone.get()
    assert answer.status == 410 and "链接已过期" in await answer.text()
    assert await phone.tells("opened") == 404
    assert (await phone.get(f"/media/{phone.media['步骤.png']}")).status == 404


async def test_what_was_withdrawn_is_not_shown_and_a_new_version_is(phone: Phone) -> None:
    async with phone.db.transaction() as tx:
        centre = phone.centre
        centre.tx, centre.lin, centre.he = tx, await tx.merge(centre.lin), await tx.merge(centre.he)
        await centre.published(article(title="置管护理（新）"))
    assert "置管护理（新）" in await (await phone.get()).text()
    await phone.tells("opened")
    reading = await phone.reading()
    assert (reading.version, reading.opened_version) == (1, 2)
    async with phone.db.transaction() as tx:
        await take_back(tx, "line-care", by=await tx.merge(centre.lin), now=NOW, reason="有误", wrong=True)
    answer = await phone.get()
    assert answer.status == 410 and "置管" not in await answer.text()


async def test_its_own_media_alone_and_in_parts_too(phone: Phone) -> None:
    picture = await phone.get(f"/media/{phone.media['步骤.png']}")
    assert picture.status == 200 and await picture.read() == png() and picture.content_type == "image/png"
    assert picture.headers["X-Content-Type-Options"] == "nosniff" and "sandbox" in picture.headers["Content-Security-Policy"]
    file = await phone.get(f"/media/{phone.media['手册.pdf']}")
    assert file.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%E6%89%8B")
    part = await phone.get(f"/media/{phone.media['示范.mp4']}", Range="bytes=4-7")
    assert (part.status, await part.read(), part.headers["Content-Range"]) == (206, b"ftyp", f"bytes 4-7/{len(mp4())}")
    assert (await phone.get(f"/media/{phone.media['示范.mp4']}", Range="bytes=9999-")).status == 416
    assert (await phone.get(f"/media/{phone.media['示范.mp4']}", Range="lines=1")).status == 416
    assert (await phone.get(f"/media/{phone.media['别的.png']}")).status == 404


async def test_style_and_script_are_there(phone: Phone) -> None:
    text = await (await phone.get()).text()
    for address in re.findall(r'"(/h5/static/[^"]+)"', text):
        assert (await phone.client.get(address)).status == 200
    assert (await phone.client.get("/h5/static/content/x/..%2fsandbox%2fapp.js")).status == 404
