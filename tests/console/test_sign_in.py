"""Who comes in to the console, and who does not."""

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import timedelta

import pyotp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from playwright.async_api import expect
from sqlalchemy import select

from console import password as passwords
from console.app import console_app
from console.desk import BASE, Desk
from console.page import ANYBODY, get
from console.password import LOCKED_FOR, MOST_FAILURES, PasswordRefused, check_password, make_account
from console.session import IDLE, LONGEST
from console.sign_in import COOKIE
from records.account import Account
from records.database import Database
from records.refusal import AccessRefusal
from records.staff import Staff
from tests.console.browser import OpenPage, assert_accessible, keep_screenshot
from tests.console.stage import ZONE, Stage, open_stage

PASSWORD = "correct horse 电池"


class Counting(PasswordHasher):
    """Counts its checks; cheap, since nobody attacks these tests."""

    checks = 0

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64)

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:
        Counting.checks += 1
        return super().verify(hash, password)


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch) -> Counting:
    found = Counting()
    monkeypatch.setattr(Counting, "checks", 0)
    monkeypatch.setattr(passwords, "_HASHER", found)
    passwords._nobody.cache_clear()
    return found


async def account(stage: Stage, userid: str = "admin") -> Account:
    async with stage.db.transaction() as tx:
        staff = (await tx.scalars(select(Staff).where(Staff.userid == userid))).one()
        return await make_account(tx, staff, userid, PASSWORD, stage.now)


async def try_in(
    stage: Stage, known: Account, *, password: str = PASSWORD, code: str | None = None, login: str = "Admin", onward: str = ""
) -> tuple[int, str]:
    client = await stage.client(None)
    code = pyotp.TOTP(known.totp_secret).at(stage.now) if code is None else code
    answer = await client.post("/sign-in", login=login, password=password, code=code, next=onward)
    return answer.status, answer.headers.get("Location", "") or await answer.text()


async def locked(stage: Stage, known: Account) -> bool:
    async with stage.db.transaction() as tx:
        return (await tx.get_one(Account, known.id)).locked_until is not None


async def test_password_and_code_let_in_and_a_code_counts_once(stage: Stage) -> None:
    known = await account(stage)
    assert await try_in(stage, known) == (303, "/console")
    assert (await try_in(stage, known))[0] == 401
    stage.now += timedelta(seconds=30)
    assert (await try_in(stage, known))[0] == 303


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"code": "000000"}, {"code": ""}, {"login": "nobody"}, {"password": "x" * 5000}])
async def test_what_is_wrong_is_not_told(stage: Stage, wrong: dict[str, str]) -> None:
    known = await account(stage)
    said = {(await try_in(stage, known, **wrong))[1].replace(wrong.get("login", "Admin"), "") for _ in range(MOST_FAILURES + 1)}
    # Nor that it is locked by now, which would tell that there is such an account.
    assert len(said) == 1 and "账号、密码或动态码不对" in said.pop()


@pytest.mark.browser
async def test_a_person_comes_in_and_who_is_not_on_file_stays_out(stage: Stage, browser_page: OpenPage) -> None:
    known = await account(stage)
    page = await browser_page(None, "/team")
    await expect(page.get_by_role("heading", name="随访平台")).to_be_visible()
    await assert_accessible(page)
    await keep_screenshot(page, "sign-in")
    for login, arrived in (("stranger", False), ("admin", True)):
        await page.get_by_label("账号").fill(login)
        await page.get_by_label("密码").fill(PASSWORD)
        await page.get_by_label("动态码").fill(pyotp.TOTP(known.totp_secret).at(stage.now))
        await page.get_by_role("button", name="登录", exact=True).click()
        if not arrived:
            await expect(page.get_by_text("账号、密码或动态码不对")).to_be_visible()
    await expect(page.get_by_role("navigation", name="主导航")).to_be_visible()
    assert "/team" in page.url, "on to where he wanted to go"


async def test_five_failures_lock_for_a_while(stage: Stage) -> None:
    known = await account(stage)
    for _ in range(MOST_FAILURES):
        await try_in(stage, known, password="wrong")
    assert await locked(stage, known) and (await try_in(stage, known))[0] == 401
    stage.now += LOCKED_FOR + timedelta(seconds=1)
    assert (await try_in(stage, known))[0] == 303


async def test_the_same_work_is_done_whatever_is_wrong(stage: Stage, hasher: Counting) -> None:
    """Counted, not timed: a login that is not there costs one check of a password, like one that is, that is locked, or has left."""
    known, left = await account(stage), await account(stage, "linyue")
    async with stage.db.transaction() as tx:
        (await tx.get_one(Staff, left.staff_id)).active = False
    await try_in(stage, known, login="nobody")
    for _ in range(MOST_FAILURES):
        await try_in(stage, known, password="wrong")
    assert await locked(stage, known) and (await try_in(stage, known))[0] == 401
    await try_in(stage, left, login="linyue")
    assert hasher.checks == MOST_FAILURES + 3


async def test_guesses_side_by_side_count_like_one_after_the_other(stage: Stage) -> None:
    known = await account(stage)
    await asyncio.gather(*(try_in(stage, known, password="wrong") for _ in range(MOST_FAILURES)))
    assert await locked(stage, known) and (await try_in(stage, known))[0] == 401


async def test_a_flood_of_passwords_is_refused_and_holds_up_nobody_else(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    known, release = await account(stage), threading.Event()
    monkeypatch.setattr(passwords, "_is_password", lambda *_: release.wait(60) and False)
    colleague = await stage.client("linyue")
    flood = [asyncio.create_task(try_in(stage, known, login="nobody")) for _ in range(passwords.MOST_WAITING + 5)]
    refused = [(await each)[0] for each in (await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED))[0]]
    assert set(refused) == {429} and (await colleague.get("/work")).status == 200
    release.set()
    statuses = [status for status, _ in await asyncio.gather(*flood)]
    assert sorted(statuses) == [401] * passwords.MOST_WAITING + [429] * 5


async def test_a_session_that_was_planted_is_not_taken_over(stage: Stage) -> None:
    """Session fixation: signing in makes a new token, whatever the browser brought; nobody else can write or read it."""
    known, client = await account(stage), await stage.client(None)
    client.cookie("planted" * 6)
    answer = await client.post("/sign-in", login="admin", password=PASSWORD, code=pyotp.TOTP(known.totp_secret).at(stage.now))
    cookie = answer.headers["Set-Cookie"]
    assert answer.status == 303 and cookie.startswith(f"{COOKIE}=") and "planted" not in cookie
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    other = await stage.client(None)
    other.cookie("planted" * 6)
    assert (await other.get("/work")).status == 303


async def test_whoever_left_does_not_come_in_and_his_session_is_over(stage: Stage) -> None:
    known, client = await account(stage, "linyue"), await stage.client("linyue")
    assert (await client.get("/work")).status == 200
    async with stage.db.transaction() as tx:
        (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one().active = False
    assert (await client.get("/work")).status == 303
    assert (await try_in(stage, known, login="linyue"))[0] == 401


@pytest.mark.parametrize("moves", [[IDLE], [IDLE / 2] * int(LONGEST / IDLE * 2)])
async def test_a_session_ends_by_idleness_and_after_a_day_s_work(stage: Stage, moves: list[timedelta]) -> None:
    client, statuses = await stage.client("linyue"), []
    for move in moves:
        stage.now += move
        statuses.append((await client.get("/work")).status)
    assert statuses[-1] == 303 and set(statuses[:-1]) <= {200}


@pytest.mark.parametrize(
    ("onward", "to"),
    [
        ("/console/work?x=1", "/console/work?x=1"),
        ("https://evil.example/", "/console"),
        ("//evil.example", "/console"),
        ("/console//evil.example", "/console"),
        ("/console/../sandbox", "/console"),
        ("/console/\\evil", "/console"),
        ("javascript:alert(1)", "/console"),
    ],
)
async def test_signing_in_leads_to_pages_of_ours_alone(stage: Stage, onward: str, to: str) -> None:
    assert await try_in(stage, await account(stage), onward=onward) == (303, to)


async def test_who_is_not_signed_in_is_led_to_the_door_and_back(stage: Stage) -> None:
    client = await stage.client(None)
    answer = await client.get("/work?a=b", headers={"Accept": "text/html"})
    assert (answer.status, answer.headers["Location"]) == (303, "/console/sign-in?next=%2Fconsole%2Fwork%3Fa%3Db")
    part = await client.get("/work", headers={"HX-Request": "true"})
    assert (part.status, part.headers["HX-Redirect"]) == (401, "/console/sign-in")


async def test_what_no_list_of_routes_names_is_for_nobody(stage: Stage) -> None:
    async def show(request: web.Request) -> web.Response:
        return web.Response(text="here")

    inner = console_app(Desk(stage.db, lambda: stage.now, ZONE, "示范儿童医院", secure=False), [get("/listed", show, ANYBODY)])
    inner.router.add_get("/forgotten", show)
    app = web.Application()
    app.add_subapp(BASE, inner)
    async with TestClient(TestServer(app), cookies={COOKIE: await stage.token("admin")}) as client:
        found = [(await client.get(f"{BASE}{path}")).status for path in ("/listed", "/forgotten", "/nowhere")]
    assert found == [200, 403, 404]


async def test_nothing_is_done_without_the_session_s_proof(stage: Stage) -> None:
    client = await stage.client("linyue")
    seat, client.seat = client.seat, None
    assert (await client.post("/sign-out")).status == 403
    assert (await client.post("/sign-out", csrf="0" * 64)).status == 403
    assert seat is not None
    other = await client._http.post(
        f"{stage.origin}/console/sign-out", data={"csrf": seat.csrf}, headers={"Origin": "https://evil.example"}
    )
    assert other.status == 403
    assert (await client.get("/work")).status == 200
    client.seat = seat
    assert (await client.post("/sign-out")).status == 303
    assert (await client.get("/work")).status == 303


async def test_a_page_without_the_right_is_refused_and_noted(stage: Stage) -> None:
    client = await stage.client("admin")
    assert (await client.get("/work")).status == 403
    async with stage.db.transaction() as tx:
        rows = [(row.path, row.why, row.what) for row in await tx.scalars(select(AccessRefusal))]
    assert rows == [("/console/work", "right_missing", "care.read")]


async def test_every_answer_is_fenced(stage: Stage) -> None:
    client = await stage.client("linyue")
    for path in ("/work", "/sign-in", "/nothing"):
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert (
            "default-src 'none'" in answer.headers["Content-Security-Policy"] and "unsafe" not in answer.headers["Content-Security-Policy"]
        )
        assert answer.headers["Cache-Control"] == "no-store"
        assert "<script>" not in await answer.text() and "style=" not in await answer.text()


@pytest.mark.parametrize(
    ("password", "code"),
    [("short", "too_short"), ("x" * 257, "too_long"), ("aaaaaaaaaaaaaa", "too_plain"), ("admin-2026-admin", "too_plain")],
)
def test_a_plain_password_is_refused(password: str, code: str) -> None:
    with pytest.raises(PasswordRefused) as refused:
        check_password(password, "admin")
    assert refused.value.code == code


@dataclass
class Corp:
    """WeCom's OAuth as the composition root gives it: codes that work once."""

    codes: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def address(self, *, redirect_uri: str, state: str, inside: bool) -> str:
        self.asked.append((redirect_uri, inside))
        return f"https://wecom.example/authorize?state={state}"

    async def userid(self, code: str) -> str | None:
        return self.codes.pop(code, None)


async def test_wecom_brings_back_who_left_and_nobody_else(db: Database) -> None:
    corp = Corp({"c1": "linyue", "c2": "stranger", "c3": "qinlan"})
    async with open_stage(db, wecom=corp) as stage:
        client = await stage.client(None)
        gone = await client.get("/sign-in/wecom?next=%2Fconsole%2Fwork%3Fx%3D1", headers={"User-Agent": "wxwork/4.1 MicroMessenger"})
        state = gone.headers["Location"].partition("state=")[2]
        assert corp.asked[0][1] is True
        forged = await client.get("/sign-in/wecom/back?code=c3&state=other")
        assert forged.status == 400 and "c3" in corp.codes
        back = await client.get(f"/sign-in/wecom/back?code=c1&state={state}&next=%2Fconsole%2Fwork%3Fx%3D1")
        assert (back.status, back.headers["Location"]) == (303, "/console/work?x=1")
        assert (await client.get("/work")).status == 200

        other = await stage.client(None)
        state = (await other.get("/sign-in/wecom")).headers["Location"].partition("state=")[2]
        stranger = await other.get(f"/sign-in/wecom/back?code=c2&state={state}")
        assert stranger.status == 403 and "还没有登记" in await stranger.text()
        used = await other.get(f"/sign-in/wecom/back?code=c1&state={state}")
        assert used.status == 403 and "失效" in await used.text()
