"""Every page and deed of the family's pages, tried by those who may not: a stranger, another family, the carer with the other child.

Refused, logged, and nothing is changed. The addresses come from the router; a part of one that is not known here fails.
"""

import re
from collections.abc import AsyncIterator
from datetime import date

import pytest
from aiohttp import ClientResponse
from structlog.testing import capture_logs

from console.family.app import ROUTES
from console.family.enter import COOKIE
from console.family.session import end_session
from console.page import NOBODY, Route
from console.session import begin_session
from console.sign_in import COOKIE as STAFF_COOKIE
from records.care_plan import Task
from records.database import Database
from records.staff import Staff
from tests.console.family_stage import FamilyStage, Phone, hidden, open_family
from tests.console.stage import NOW
from tests.console.whole import changed, everything

# The ways in, which are open to nobody in particular.
OPEN = {("GET", "/enter"), ("POST", "/enter"), ("GET", "/back"), ("POST", "/mini/login")}
FORM = {"temperature": "39.8", "nonce": "a" * 16, "sure": "yes", "question": "weight", "words": "抽了", "item": "1_a", "value": "1"}


@pytest.fixture
async def family(db: Database) -> AsyncIterator[FamilyStage]:
    async with open_family(db) as stage:
        yield stage


async def hers(family: FamilyStage) -> dict[str, object]:
    """What mother Zhao has for 小满, each with its number: by the part of the address that names it."""
    await family.enrolled("小满", "newborn_care", discharge=date(2026, 2, 27))
    phone, child = await family.signed_in(), await family.child("小满")
    told = await phone.send(f"/h5/{child}/report/temperature", temperature="37.2")
    assert told.status == 303
    [task, *_] = await family.rows(Task, Task.patient_id == child)
    return {
        "child": child, "task": task.id, "message": told.headers["Location"].rpartition("/")[2], "measure": "temperature",
        "code": "umbilical-cord", "form": "pain", "page": "today",
    }  # fmt: skip


def address(route: Route, known: dict[str, object]) -> str:
    """The route's path with these numbers in it."""
    return "/h5" + re.sub(r"\{(\w+)(?::(?:[^{}]|\{[^}]*\})*)?\}", lambda match: str(known[match[1]]), route.path)


async def send(phone: Phone, route: Route, path: str, csrf: str = "") -> ClientResponse:
    """The route, as a page of ours asks for it."""
    return await (phone.get(path) if route.method == "GET" else phone.post(path, FORM | {"csrf": csrf}))


def about_a_child() -> list[Route]:
    return [route for route in ROUTES if "{child" in route.path]


async def test_another_familys_child_is_not_there(family: FamilyStage) -> None:
    known = await hers(family)
    father, wrong, tried = await family.signed_in("钱建国"), list[str](), 0
    csrf = hidden(await father.text("/h5/more"))["csrf"]
    before = await everything(family.db)
    with capture_logs() as logs:
        for route in about_a_child():
            answer = await send(father, route, address(route, known), csrf)
            tried += 1
            if answer.status != 404 or "小满" in await answer.text():
                wrong.append(f"{route.method} {address(route, known)}: {answer.status}")
    assert wrong == [] and tried > 20
    assert changed(before, await everything(family.db)) == set()
    refusals = [line for line in logs if line["event"] == "family page refused"]
    assert len(refusals) == tried and {line["carer"] for line in refusals} == {await family.carer("钱建国")}


@pytest.mark.parametrize(("carer", "child"), [("钱建国", "安安"), ("赵敏", "乐乐")])
async def test_an_own_childs_address_leads_to_nothing_of_another_child(family: FamilyStage, carer: str, child: str) -> None:
    known = await hers(family)
    phone = await family.signed_in(carer)
    csrf = hidden(await phone.text(f"/h5/{await family.child(child)}/more"))["csrf"]
    before, tried = await everything(family.db), 0
    for route in about_a_child():
        if "{task" in route.path or "{message" in route.path:
            path = address(route, known | {"child": await family.child(child)})
            answer = await send(phone, route, path, csrf)
            assert answer.status == 404 and "小满" not in await answer.text(), f"{route.method} {path}"
            tried += 1
    assert tried >= 4
    assert changed(before, await everything(family.db)) == set()


async def test_a_stranger_hears_how_to_get_a_link_and_no_more(family: FamilyStage) -> None:
    """Without a session, with a made-up one, one that is over, and that of somebody of the staff."""
    known = await hers(family)
    assert {(route.method, route.path) for route in ROUTES if route.needs == NOBODY} == OPEN
    over = await family.token("赵敏")
    async with family.db.transaction() as tx:
        await end_session(tx, over, NOW)
        staff = await begin_session(tx, await tx.get_one(Staff, 1), "password", "test", NOW)
    before = await everything(family.db)
    for cookies in ({}, {COOKIE: "Z" * 43}, {COOKIE: over}, {COOKIE: staff, STAFF_COOKIE: staff}):
        phone = family.phone()
        phone.http.cookie_jar.update_cookies(cookies, family.origin)
        for route in ROUTES:
            if route.needs != NOBODY:
                answer = await send(phone, route, address(route, known))
                assert answer.status == 401 and "小满" not in await answer.text(), f"{route.method} {route.path}"
    assert changed(before, await everything(family.db)) == set()
