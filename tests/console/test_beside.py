"""The page beside a WeCom chat: whom WeCom names is shown to who follows the child, and to nobody else."""

import asyncio
import random
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import quote

import pytest
from aiohttp import ClientSession
from playwright.async_api import expect
from sqlalchemy import select

from bot.chat_sdk import WecomChatSdk
from bot.tokens import DatabaseTokenStore
from integrations.wecom.client import WecomClient
from integrations.wecom.jssdk import SCRIPT
from integrations.wecom.simulator import SimClock, create_app, demo_config
from integrations.wecom.simulator.client_script import PATH
from plans.content.shipped import shipped_contents, take_in_shipped
from records.chat import Chat
from records.content_read import ContentRead
from records.database import Database
from records.message import Outbound
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer
from records.refusal import AccessRefusal
from records.staff import Staff
from tagging.tags import by_hand
from tests.console.browser import NARROW, assert_accessible, browser_pages, keep_screenshot
from tests.console.stage import NOW, Client, Stage, open_stage

WECOM, PAGES = "/sandbox/wecom", "https://care.example"
# WeCom's ids: of 赵晓燕, who has two children here; of a family of another team, a friend who never wrote; of somebody unknown.
OURS, THEIRS, UNKNOWN = "wmZhao", "wmGuo", "wmNobody"


@pytest.fixture
async def ward(db: Database) -> AsyncIterator[Stage]:
    """The console beside a simulated WeCom, with two families."""
    config = demo_config()
    app = config.apps[0]
    opened: list[Stage] = []

    @asynccontextmanager
    async def client() -> AsyncIterator[WecomClient]:
        [stage] = opened
        async with ClientSession() as session:
            store = DatabaseTokenStore(db)
            yield WecomClient(session, f"{stage.origin}{WECOM}", config.corp_id, app.secret, store, lambda: stage.now)

    sdk = WecomChatSdk(f"{WECOM}{PATH}", config.corp_id, app.agentid, client, lambda: opened[0].now)
    simulated = create_app(config, clock=SimClock(), rng=random.Random(7))
    async with open_stage(db, chat_sdk=sdk, pages=PAGES, mounted={WECOM: simulated}) as stage:
        opened.append(stage)
        await _families(stage)
        yield stage


async def _families(stage: Stage) -> None:
    async with stage.db.transaction() as tx:
        patients = {patient.record_number: patient for patient in await tx.scalars(select(Patient))}
        for contact, name, numbers in ((OURS, "赵晓燕", ("D0001", "D0002")), (THEIRS, "郭强", ("R0001",))):
            carer = Carer(name=name, external_userid=contact)
            tx.add(carer)
            await tx.flush()
            tx.add_all(PatientCarer(patient_id=patients[number].id, carer_id=carer.id, relationship="母亲") for number in numbers)
            if contact == OURS:
                team = patients["D0001"].team_id
                duo = patients["D0001"].id
                for days, kilos in ((3, 7.2), (0, 7.05)):
                    at = NOW - timedelta(days=days, hours=1)
                    given = {"code": "weight", "value": kilos, "unit": "kg", "effective_at": at, "recorded_at": at, "detail": {}}
                    tx.add(Observation(patient_id=duo, **given))
                lin = (await tx.scalars(select(Staff).where(Staff.userid == "linyue"))).one()
                for code in ("preterm", "low_birth_weight"):
                    await by_hand.say(tx, lin, duo, code, "carries", why="出院小结写明", now=NOW)
                tx.add(Chat(open_kfid="kf1", external_userid=contact, carer_id=carer.id, team_id=team, window_from=NOW, opened_at=NOW))


def family(contact: str, patient: int | None = None) -> str:
    return f"/m/beside/family?contact={quote(contact)}" + (f"&patient={patient}" if patient else "")


async def _article(stage: Stage) -> None:
    """One article about fever in the content centre."""
    shipped = next(each for each in await asyncio.to_thread(shipped_contents) if "发热" in each.content.title)
    async with stage.db.transaction() as tx:
        await take_in_shipped(tx, [shipped], stage.now)


async def article(client: Client, patient: int) -> str:
    """The code of an article about fever that may be sent."""
    listed = await client.text(f"/m/beside/articles?contact={OURS}&patient={patient}&find=%E5%8F%91%E7%83%AD")
    found = re.search(r'name="code" value="([^"]+)"', listed)
    assert found is not None
    return found[1]


async def test_the_family_is_shown_child_by_child_to_its_team_alone(ward: Stage) -> None:
    lin, qin = await ward.client("linyue"), await ward.client("qinlan")
    duo, yu = await ward.patient("D0001"), await ward.patient("D0002")
    first, second = await lin.text(family(OURS)), await lin.text(family(OURS, duo))
    assert f"/m/patients/{yu}" in first and f"/m/patients/{duo}" in second and "降 0.15" in second and "出院小结写明" in second
    assert "还没有绑定孩子" in await lin.text(family(UNKNOWN))
    assert "果果" in await qin.text(family(THEIRS))
    refused = [(await lin.get(family(THEIRS))).status, (await qin.get(family(OURS))).status, (await qin.get(family(OURS, duo))).status]
    tag = await qin.post(f"/m/beside/patients/{duo}/tags", contact=OURS, code="preterm", word="carries", why="x")
    sent = await qin.post("/m/beside/article", contact=OURS, patient=str(duo), code="x", nonce="0" * 16)
    drafted = await lin.post("/m/beside/draft", contact=THEIRS, patient=str(await ward.patient("R0001")), code="x")
    assert [*refused, tag.status, sent.status, drafted.status] == [404] * 6
    async with ward.db.transaction() as tx:
        assert len(list(await tx.scalars(select(AccessRefusal.id)))) == 6
    marked = await lin.post(f"/m/beside/patients/{duo}/tags", htmx=True, contact=OURS, code="preterm", word="refused", why="足月出生")
    assert "toast" in marked.headers["HX-Trigger"] and "早产" not in (await marked.text()).partition("加标签")[0]


async def test_a_content_goes_as_her_own_message_or_by_the_service_account(ward: Stage) -> None:
    await _article(ward)
    lin, duo = await ward.client("linyue"), await ward.patient("D0001")
    code = await article(lin, duo)
    told = {"contact": OURS, "patient": str(duo), "code": code}
    message = await (await lin.post("/m/beside/draft", list(told.items()))).json()
    assert message["msgtype"] == "news" and message["news"]["link"].startswith(f"{PAGES}/h5/content/")
    assert (await lin.post("/m/beside/article", list(told.items()), nonce=secrets.token_hex(8))).status == 204
    for wrong, why in (({"patient": "0"}, "哪个孩子"), ({"code": "no-such"}, "已下线")):
        refused = await lin.post("/m/beside/draft", list((told | wrong).items()))
        assert refused.status == 409 and why in await refused.text()
    async with ward.db.transaction() as tx:
        assert len(list(await tx.scalars(select(ContentRead.id)))) == 2
        assert {row.purpose for row in await tx.scalars(select(Outbound))} == {"clinician"}
        (await tx.scalars(select(Chat))).one().window_used = 5
    late = await lin.post("/m/beside/article", list(told.items()), nonce=secrets.token_hex(8))
    assert late.status == 409 and "5 条" in await late.text()


async def test_wecom_s_script_and_signatures_are_for_this_page_alone(ward: Stage, db: Database) -> None:
    lin, here = await ward.client("linyue"), f"{ward.origin}/console/m/beside"
    signed = await (await lin.post("/m/beside/signature", url=f"{here}?a=1#wm1")).json()
    assert len(signed["config"]["signature"]) == 40 and signed["config"] != signed["agentConfig"]
    for url in (f"{ward.origin}/console/m", "https://evil.example/console/m/beside", ""):
        assert (await lin.post("/m/beside/signature", url=url)).status == 404
    assert (await (await ward.client(None)).post("/m/beside/signature", url=here)).status == 401
    assert "wwcdn" not in (await lin.get("/m/beside")).headers["Content-Security-Policy"]


async def test_the_real_script_may_be_loaded_by_that_page_and_no_other(db: Database) -> None:
    sdk = WecomChatSdk(SCRIPT, "ww1", 1, lambda: pytest.fail("nothing is signed"), lambda: NOW)
    async with open_stage(db, chat_sdk=sdk) as stage:
        lin = await stage.client("linyue")
        policies = [(await lin.get(path)).headers["Content-Security-Policy"] for path in ("/m/beside", "/m")]
    assert ["script-src 'self' https://wwcdn.weixin.qq.com;" in policy for policy in policies] == [True, False]


@pytest.mark.browser
async def test_who_is_being_talked_to_stands_beside_the_chat(ward: Stage, chromium: str) -> None:
    await _article(ward)
    async with browser_pages(chromium, ward) as open_page:
        page = await open_page("linyue", f"/m/beside#{OURS}", size=NARROW)
        await page.get_by_role("button", name="朵朵").click()
        await expect(page.locator("#family h2").first).to_contain_text("朵朵")
        await page.locator("summary", has_text="发宣教").click()
        await page.get_by_placeholder("按标题查找").fill("发热")
        await expect(page.get_by_role("button", name="发到对话").first).to_be_visible()
        await assert_accessible(page)
        await keep_screenshot(page, "sidebar")
        # Nobody in WeCom has this chat: its client sends nothing, and says so.
        await page.get_by_role("button", name="发到对话").first.click()
        await expect(page.locator(".toast.bad")).to_contain_text("企业微信没有发出")
        await page.get_by_role("button", name="由服务号发").first.click()
        await expect(page.locator(".toast", has_text="已由服务号发出")).to_be_visible()
        other = await open_page("linyue", f"/m/beside#{THEIRS}", size=NARROW)
        await expect(other.locator("#beside")).to_contain_text("孩子不在您的科室")
        nobody = await open_page("linyue", "/m/beside", size=NARROW)
        await expect(nobody.locator("#beside")).to_contain_text("没有认出对话里的家属")
