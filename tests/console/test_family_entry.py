"""Who comes to the family's pages: by a link from the chat that works once, by WeChat's word, and nobody else."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.around import around
from bot.reply import merge
from bot.turn import TurnTaker
from plans.content.link import PATH as CONTENT
from plans.content.link import sign_reading
from plans.family_link import PATH
from plans.invitation import sign, signing_key
from records.chat import Chat
from records.database import Database
from records.family_link import FamilySession
from records.message import Inbound
from records.patient import Carer
from records.push_address import PushAddress, know_carer, know_unionid, know_visitor, match_carers
from tests.console.family_stage import FamilyStage, open_family
from tests.console.stage import ZONE

WEIXIN = "Mozilla/5.0 (iPhone) MicroMessenger/8.0.50"
HOW = "回复“我的页面”"


@pytest.fixture
async def family(db: Database) -> AsyncIterator[FamilyStage]:
    async with open_family(db) as stage:
        yield stage


async def ask_bot(family: FamilyStage, text: str, pages: str = "https://careloop.example") -> list[dict[str, Any]]:
    """What the bot, without any model, answers to mother Zhao."""
    async with family.db.transaction() as tx:
        chat = (await tx.scalars(select(Chat).where(Chat.carer_id == await family.carer("赵敏")))).one()
        message = Inbound(
            chat_id=chat.id, msgid=f"m{text}", origin=3, msgtype="text", text=text, menu_id=None, body={}, sent_at=family.now,
            received_at=family.now, outcome={},
        )  # fmt: skip
        tx.add(message)
        await tx.flush()
        taker = TurnTaker(None, ZONE, emergency_phone="120", pages=pages)
        answer = await taker.take(tx, chat, message, (await around(tx, [chat], family.now))[chat.id], family.now)
    return merge(answer.replies)


@pytest.mark.parametrize("text", ["我的页面", "打开我的页面", "看我的主页。", "把 我的页面"])
async def test_the_chat_gives_the_link_without_a_model(family: FamilyStage, text: str) -> None:
    [menu] = await ask_bot(family, text)
    if text == "把 我的页面":
        assert "msgmenu" not in menu
        return
    [item] = menu["msgmenu"]["list"]
    url = item["view"]["url"]
    assert url.startswith(f"https://careloop.example{PATH}?token=") and "小满" not in url
    assert "30分钟" in menu["msgmenu"]["head_content"]
    answer = await family.phone().enter(url.partition("token=")[2])
    assert answer.headers["Location"] == "/h5/"


async def test_the_chat_says_so_where_there_are_no_pages(family: FamilyStage) -> None:
    [said] = await ask_bot(family, "我的页面", pages="")
    assert "还没有开通网页" in said["text"]["content"]


async def test_a_link_opens_once_and_the_device_stays_in_for_twelve_hours(family: FamilyStage) -> None:
    token, mine, other = await family.link(), family.phone(), family.phone()
    preview = await other.get(f"{PATH}?token={token}")
    assert preview.status == 200 and "小满" not in await preview.text()
    answer = await mine.enter(token)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Max-Age=43200" in cookie and "Path=/h5" in cookie
    assert "小满" in await mine.text("/h5/today")
    again, strange = await mine.get(f"{PATH}?token={token}"), await other.get(f"{PATH}?token={token}")
    assert again.headers["Location"] == "/h5/"
    assert strange.status == 410 and "已经用过" in await strange.text() and HOW in await strange.text()
    family.now += timedelta(hours=11, minutes=59)
    assert (await mine.get("/h5/more")).status == 303
    family.now += timedelta(minutes=2)
    late = await mine.get("/h5/more")
    assert late.status == 401 and HOW in await late.text()


async def test_late_and_forged_links_say_how_to_get_a_new_one(family: FamilyStage) -> None:
    token = await family.link()
    async with family.db.transaction() as tx:
        invitation = sign(await signing_key(tx), 1, family.now + timedelta(hours=1))
    for forged in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), invitation, "x", "a" * 32, "%E8%B5%B5" * 32, "%00" * 8):
        answer = await family.phone().get(f"{PATH}?token={forged}")
        assert answer.status == 404 and HOW in await answer.text(), forged
        assert (await family.phone().post(PATH, {"token": forged})).status == 404
    family.now += timedelta(minutes=31)
    answer = await family.phone().get(f"{PATH}?token={token}")
    assert answer.status == 410 and "过期" in await answer.text() and HOW in await answer.text()
    assert (await family.phone().post(PATH, {"token": token})).status == 410


async def test_a_link_leads_on_to_our_own_pages_alone(family: FamilyStage) -> None:
    for then, where in [("/h5/trends", "/h5/trends"), ("https://evil.example/", "/h5/"), ("//evil.example", "/h5/"), ("/h5/../x", "/h5/")]:
        answer = await family.phone().post(PATH, {"token": await family.link(), "next": then})
        assert answer.headers["Location"] == where


async def test_a_link_leads_on_to_an_article_and_to_nothing_that_looks_like_one(family: FamilyStage) -> None:
    token = sign_reading(b"k" * 32, 7, family.now)
    page = f"{CONTENT}/{token}"
    dots, slashes, other = "." * len(token), "/" + token[1:], "//evil.example/" + token[15:]
    for then in (
        f"{page}A", page[:-1], page.upper(), f" {page}", f"{page}\n", f"{page}%0a", f"{page}/", f"{page}/opened", f"{page}#x",
        f"{page}/media/{'0' * 64}", f"{page}/../../../console", f"{page}?next=//evil.example", f"//evil.example{page}",
        f"https://evil.example{page}", f"{CONTENT}/", f"{CONTENT}/{dots}", f"{CONTENT}/{slashes}", f"{CONTENT}/{other}",
        f"{CONTENT}/%2e%2e{token[6:]}", f"{CONTENT}/\\evil{token[5:]}", f"{CONTENT}/{'文' * len(token)}", f"{CONTENT}/{token[:-1]}=",
        f"/h5/1/content/{token}", f"/h5/today{page}", f"/h5/today/content/{token}",
    ):  # fmt: skip
        answer = await family.phone().post(PATH, {"token": await family.link(), "next": then})
        assert answer.headers["Location"] == "/h5/", then
    answer = await family.phone().post(PATH, {"token": await family.link(), "next": page})
    assert answer.headers["Location"] == page


async def test_another_family_s_child_is_not_there(family: FamilyStage) -> None:
    phone, hers = await family.signed_in("钱建国"), await family.child("小满")
    assert "安安" in await phone.text("/h5/today")
    pages = ("today", "calendar", "report", "report/temperature", "trends", "more", "learn", "results", "medicines", "questionnaires")
    for path in (*pages, "questionnaires/fill", "privacy", "withdraw", "tasks/1", "told/1", "learn/umbilical-cord"):
        answer = await phone.get(f"/h5/{hers}/{path}")
        assert answer.status == 404 and "小满" not in await answer.text(), path
    mine = await family.child("安安")
    crossed = await phone.send(f"/h5/{mine}/report/temperature", f"/h5/{hers}/report/temperature", temperature="39.8")
    assert crossed.status == 404 and await family.messages() == []


async def test_nothing_is_done_that_another_site_began(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    path = f"/h5/{child}/report/temperature"
    form = {"temperature": "39.8", "nonce": "a" * 16}
    assert (await phone.post(path, form)).status == 403
    assert (await phone.post(path, form | {"csrf": "0" * 64})).status == 403
    proof = (await phone.text(path)).partition('name="csrf" value="')[2][:64]
    assert (await phone.post(path, form | {"csrf": proof}, **{"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await phone.post(path, form | {"csrf": proof}, Origin="https://evil.example")).status == 403
    other = await family.signed_in("钱建国")
    assert (await other.post(f"/h5/{await family.child('安安')}/report/temperature", form | {"csrf": proof})).status == 403
    upload = await phone.http.post(phone.url(path), data={"csrf": proof, "file": b"x" * 10}, headers={"Content-Type": "text/plain"})
    assert upload.status == 415
    assert (await phone.post(PATH, {"token": await family.link()}, **{"Sec-Fetch-Site": "cross-site"})).status == 403
    assert await family.messages() == []


async def test_answers_run_nothing_and_are_kept_nowhere(family: FamilyStage) -> None:
    phone = await family.signed_in()
    for path in ("/h5/today", f"{PATH}?token=x", "/h5/nothing/here"):
        answer = await phone.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert answer.headers["Referrer-Policy"] == "same-origin" and answer.headers["Cache-Control"] == "no-store"


async def test_leaving_ends_the_session(family: FamilyStage) -> None:
    phone, child = await family.signed_in(), await family.child("小满")
    cookies = {cookie.key: cookie.value for cookie in phone.http.cookie_jar}
    answer = await phone.send(f"/h5/{child}/more", "/h5/leave")
    assert "已经退出" in await answer.text()
    phone.http.cookie_jar.update_cookies(cookies, phone.origin)
    assert (await phone.get("/h5/today")).status == 401


async def test_a_carer_of_two_changes_between_them(family: FamilyStage) -> None:
    phone, small, big = await family.signed_in(), await family.child("小满"), await family.child("乐乐")
    page = await phone.text(f"/h5/{small}/trends")
    assert f'href="/h5/{big}/trends"' in page and "乐乐" in page
    assert "<title>我的页面 · 示范儿童医院</title>" in page
    assert "小满" in await phone.text(f"/h5/{big}/trends")


class Weixin:
    """WeChat's two accounts, which know these codes."""

    official_account = mini_program = True

    def __init__(self) -> None:
        self.codes: dict[str, Mapping[str, Any]] = {}

    def address(self, redirect_uri: str, state: str) -> str:
        return f"https://open.weixin.example/authorize?redirect_uri={redirect_uri}&state={state}"

    async def openid(self, code: str) -> str | None:
        return str(self.codes.pop(code)["openid"]) if code in self.codes else None

    async def login(self, code: str) -> Mapping[str, Any] | None:
        return self.codes.pop(code, None)


@pytest.fixture
async def known(db: Database) -> AsyncIterator[FamilyStage]:
    async with open_family(db, Weixin()) as stage:
        async with db.transaction() as tx:
            carer = await tx.get_one(Carer, await stage.carer("赵敏"))
            await know_carer(tx, carer, "union-zhao", stage.now)
        yield stage


async def test_inside_weixin_the_official_account_knows_who_comes(known: FamilyStage) -> None:
    assert isinstance(known.weixin, Weixin)
    async with known.db.transaction() as tx:
        await know_visitor(tx, "official_account", "o-zhao", known.now)
        await know_unionid(tx, "official_account", "o-zhao", "union-zhao", known.now)
        await match_carers(tx)
    phone = known.phone()
    away = await phone.get("/h5/trends", **{"User-Agent": WEIXIN})
    state = away.headers["Location"].partition("state=")[2]
    assert away.status == 303 and "/h5/back" in away.headers["Location"]
    known.weixin.codes = {"good": {"openid": "o-zhao"}, "theirs": {"openid": "o-zhao"}}
    assert (await phone.get("/h5/back?code=theirs&state=made-up")).status == 401
    answer = await phone.get(f"/h5/back?code=good&state={state}")
    assert answer.headers["Location"] == "/h5/trends"
    assert "小满" in await phone.text("/h5/trends")
    async with known.db.transaction() as tx:
        assert [row.way for row in await tx.scalars(select(FamilySession))] == ["official_account"]


async def test_a_stranger_of_the_official_account_is_not_let_in_but_looked_for(known: FamilyStage) -> None:
    assert isinstance(known.weixin, Weixin)
    phone = known.phone()
    away = await phone.get("/h5/", **{"User-Agent": WEIXIN})
    known.weixin.codes = {"good": {"openid": "o-new"}}
    answer = await phone.get(f"/h5/back?code=good&state={away.headers['Location'].partition('state=')[2]}")
    assert answer.status == 401 and HOW in await answer.text()
    assert (await phone.get("/h5/", **{"User-Agent": WEIXIN})).status == 401
    [row] = await known.rows(PushAddress, PushAddress.channel == "official_account")
    assert (row.address, row.consent, row.carer_id) == ("o-new", "visitor", None)


async def test_outside_weixin_nobody_is_sent_away(known: FamilyStage) -> None:
    answer = await known.phone().get("/h5/", **{"User-Agent": "Mozilla/5.0 (Windows)"})
    assert answer.status == 401 and HOW in await answer.text()


async def test_the_mini_program_gets_a_link_for_its_login_code(known: FamilyStage) -> None:
    assert isinstance(known.weixin, Weixin)
    phone = known.phone()
    code, strange = "c" * 20, "d" * 20
    known.weixin.codes = {code: {"openid": "m-zhao", "unionid": "union-zhao"}, strange: {"openid": "m-x", "unionid": "union-x"}}

    async def login(body: Any) -> tuple[int, dict[str, str]]:
        answer = await phone.http.post(phone.url("/h5/mini/login"), json=body)
        return answer.status, await answer.json()

    status, said = await login({"code": code})
    assert status == 200 and said["url"] == f"{known.origin}{PATH}"
    assert (await phone.enter(said["token"])).headers["Location"] == "/h5/"
    assert await login({"code": code}) == (400, {"code": "bad_code"})
    assert await login({"code": strange}) == (403, {"code": "unknown_family"})
    assert await login(["x"]) == (400, {"code": "bad_code"})
