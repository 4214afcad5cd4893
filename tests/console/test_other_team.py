"""Every page and deed of the console, tried by those who may not: a stranger, people of another team, people without the right.

Refused, noted, and nothing is changed. The addresses come from the router, so that one that is added later is tried too; a part of an
address that is not known here fails.
"""

import itertools
import re
from datetime import date

from aiohttp import ClientResponse
from sqlalchemy import func, select

from console.app import ROUTES
from console.family.session import begin_session as family_session
from console.page import ANYBODY, NOBODY, Route
from console.session import end_session
from plans.enrolment import enrol
from plans.template import load_templates
from records.care_plan import Task
from records.chat import Chat
from records.chat_desk import CannedAnswer
from records.cohort_enrolment import CohortEnrolment
from records.content import ContentItem
from records.correction import Correction
from records.erasure import Erasure
from records.errand import raise_errand
from records.flag import Flag, raise_flag
from records.mass_message import MassMessage
from records.message import Inbound
from records.patient import Carer, Patient, PatientCarer
from records.refusal import AccessRefusal
from records.staff import OnCall, Staff, Team
from records.triage_overlay import TriageOverlay
from tagging.cohort.parse import parse
from tagging.cohort.saved import save
from tests.console.stage import NOW, ZONE, Client, Stage
from tests.console.whole import changed, everything

# What belongs to no team: everybody with the right may come there, and each area's own tests try the right.
SHARED = (r"/plans/\{id[^/]*\}(?!.*/\{order)", r"/admin/tags/", r"/admin/rules/", r"/content/draft/media/", r"/admin/roles/", r"/reports/")
# What some forms must hold before anybody looks whose it is.
FORM = {"nonce": "0123456789abcdef", "title": "雾化", "text": "雾化后漱口", "staff": "1", "tier": "1", "starts": "", "ends": ""}
# What is open to nobody in particular: the ways in.
OPEN = {("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/sign-in/wecom"), ("GET", "/sign-in/wecom/back")}
# Where a right everywhere is not enough: only members of the team come there.
OF_MEMBERS = ("/alerts/", "/corrections/", "/errands/", "/inbox/", "/patients/", "/cohorts/", "/m/")
# What belongs to no team, and what the parts of such an address may be.
ANY: dict[str, object] = {
    "admin id": 1, "admin code": "fever", "content version": 1, "nlu id": 1, "plans version": 1, "plans format": "yml",
    "reports section": "alerts", "reports table": "alerts",
}  # fmt: skip


async def theirs(stage: Stage) -> dict[str, object]:
    """What 呼吸科 has, each with its number: by the part of the address that names it, after the area where a name means several things."""
    async with stage.db.transaction() as tx:
        team = (await tx.scalars(select(Team).where(Team.name == "呼吸科"))).one()
        qin = (await tx.scalars(select(Staff).where(Staff.userid == "qinlan"))).one()
        child = (await tx.scalars(select(Patient).where(Patient.record_number == "R0001"))).one()
        mother = Carer(name="果果妈妈", external_userid="wmGuoguo", phone="13800000009")
        tx.add(mother)
        await tx.flush()
        tx.add(PatientCarer(patient_id=child.id, carer_id=mother.id, relationship="母亲", primary=True))
        chat = Chat(
            open_kfid="wk1", external_userid="wmGuoguo", carer_id=mother.id, team_id=team.id, opened_at=NOW, window_from=NOW, state="human"
        )
        tx.add(chat)
        await tx.flush()
        message = Inbound(
            chat_id=chat.id, msgid="m1", origin=3, msgtype="image", body={"media_id": "1"}, sent_at=NOW, received_at=NOW, state="done"
        )
        answer = CannedAnswer(team_id=team.id, title="雾化", text="雾化后漱口", by="qinlan", at=NOW)
        mass = MassMessage(
            team_id=team.id,
            title="停诊",
            text="明天停诊",
            audience={"patients": ["R0001"]},
            audience_text="一位",
            created_by=qin.id,
            created_at=NOW,
        )
        item = ContentItem(code="inhaler", kind="article", team_id=team.id, at=NOW, by="qinlan")
        overlay = TriageOverlay(department="呼吸科", version=1, definition="{}", why="试", author="qinlan", created_at=NOW, changed_at=NOW)
        cohort = await save(tx, qin, "都要", parse("年龄 < 9"), team="呼吸科", shared=False, now=NOW, zone=ZONE)
        order = CohortEnrolment(
            template="asthma_none", version=1, staff_id=qin.id, cohort_id=cohort.id, definition={}, team_ids=[team.id], at=NOW, state="done"
        )
        wish = {"field": "name", "was": "果果", "wanted": "果子", "said": "", "filed_at": NOW}
        correction = Correction(patient_id=child.id, carer_id=mother.id, **wish)
        tx.add_all([message, answer, mass, item, overlay, order, correction])
        await raise_flag(
            tx, chat, level="urgent", categories=["breathing"], said="喘", because="喘", evidence=[], now=NOW, patient_id=child.id
        )
        errand = await raise_errand(tx, child, kind="by_hand", text="打电话", because="", key="call:1", now=NOW)
        plan = load_templates()["hypertension"]
        await enrol(tx, child, plan, anchors={"enrolment": date(2026, 3, 1)}, hour=9, by="qinlan", now=NOW, zone=ZONE)
        # Filed last: nothing new is begun for a child whose erasure is asked for.
        erasure = Erasure(
            patient_id=child.id, team_id=team.id, relationship="母亲", why="转院", checked="身份证", filed_by=qin.id, filed_at=NOW
        )
        tx.add(erasure)
        await tx.flush()
        task = (await tx.scalars(select(Task.id).limit(1))).one()
        found: dict[str, object] = {
            "alerts id": (await tx.scalars(select(Flag.id))).one(), "cohorts id": cohort.id, "cohorts patient": child.id,
            "content code": item.code, "content version": 1, "content sha256": "0" * 64, "errands id": errand, "inbox answer": answer.id,
            "inbox chat": chat.id, "inbox message": message.id, "mass id": mass.id, "patients id": child.id, "patients number": task,
            "patients change": 1, "plans id": "hypertension", "plans order": order.id, "team team": team.id, "team staff": qin.id,
            "chats chat": chat.id, "beside id": child.id,
            "team duty": (await tx.scalars(select(OnCall.id).where(OnCall.staff_id == qin.id))).one(), "admin id": overlay.id,
            "admin erasure": erasure.id, "corrections correction": correction.id,
        }  # fmt: skip
        return found


def address(route: Route, known: dict[str, object]) -> str:
    """The route's path with the numbers of 呼吸科 in it."""
    # The phone has the same things below /m.
    area = route.path.removeprefix("/m/").lstrip("/").split("/")[0]

    def number(match: re.Match[str]) -> str:
        name = match[0].strip("{}").partition(":")[0]
        assert f"{area} {name}" in known, f"{route.path}: say in `theirs` what {name} is"
        return str(known[f"{area} {name}"])

    return re.sub(r"\{(?:[^{}]|\{[^}]*\})*\}", number, route.path)


def named(route: Route) -> bool:
    """Whether its address names something by its number."""
    return "{" in route.path


async def send(client: Client, route: Route, path: str) -> ClientResponse:
    """The route, as a page of ours asks for it."""
    return await (client.get(path) if route.method == "GET" else client.post(path, list(FORM.items())))


async def noted(stage: Stage) -> int:
    """How many refusals the audit holds."""
    async with stage.db.transaction() as tx:
        return await tx.scalar(select(func.count()).select_from(AccessRefusal)) or 0


async def test_another_teams_numbers_open_nothing_and_change_nothing(stage: Stage) -> None:
    """For the lead and for a nurse of another team, and for the administrator where it is not his own work."""
    known = await theirs(stage)
    before, wrong, refused = await everything(stage.db), list[str](), 0
    for userid in ("zhangwei", "linyue", "admin"):
        client = await stage.client(userid)
        assert client.seat is not None
        rights = client.seat.rights
        # What he has no right to at all is the next test's.
        tried = [
            route
            for route in ROUTES
            if named(route)
            and not route.whole
            and not any(re.match(each, route.path) for each in SHARED)
            and (route.needs == ANYBODY or rights.has(route.needs))
            and (route.needs not in rights.everywhere or route.path.startswith(OF_MEMBERS))
        ]
        for route in tried:
            path = address(route, known)
            answer = await send(client, route, path)
            if answer.status not in (403, 404):
                wrong.append(f"{userid} {route.method} {path}: {answer.status} {answer.headers.get('Location', '')}")
            refused += 1
    assert wrong == [] and refused > 120
    assert await noted(stage) == refused and changed(before, await everything(stage.db)) == set()


async def test_nobody_does_what_he_has_no_right_to(stage: Stage) -> None:
    """A clinician nothing of the administrators', an administrator nothing of the clinicians', and it is noted each time."""
    known = await theirs(stage)
    before, wrong, refused = await everything(stage.db), list[str](), 0
    for userid in ("linyue", "admin"):
        client = await stage.client(userid)
        assert client.seat is not None
        rights = client.seat.rights
        lacking = [each for each in ROUTES if each.needs not in (NOBODY, ANYBODY) and not rights.has(each.needs, whole=each.whole)]
        assert {each.needs for each in lacking} >= {"linyue": {"settings.manage", "data.erase"}, "admin": {"care.read", "care.act"}}[userid]
        for route in lacking:
            path = address(route, ANY | known)
            answer = await send(client, route, path)
            if answer.status != 403:
                wrong.append(f"{userid} {route.method} {path}: {answer.status}")
            refused += 1
    assert wrong == [] and refused > 100
    assert await noted(stage) == refused and changed(before, await everything(stage.db)) == set()


async def test_a_stranger_is_asked_who_he_is_wherever_he_goes(stage: Stage) -> None:
    """Without a session, with one that was made up, one that is over, one of somebody who left, and a family's."""
    known = await theirs(stage)
    assert {(each.method, each.path) for each in ROUTES if each.needs == NOBODY} == OPEN
    stranger = await stage.client(None)
    over, left = await stage.token("zhangwei"), await stage.token("qinlan")
    async with stage.db.transaction() as tx:
        await end_session(tx, over, NOW)
        (await tx.scalars(select(Staff).where(Staff.userid == "qinlan"))).one().active = False
        mother = (await tx.scalars(select(Carer))).one()
        family = await family_session(tx, mother.id, "chat", "test", NOW)
    cookies = itertools.cycle((None, "made-up", "Z" * 43, over, left, family))
    before, wrong = await everything(stage.db), list[str]()
    for route in ROUTES:
        if route.needs == NOBODY:
            continue
        path, cookie = address(route, ANY | known), next(cookies)
        stranger.cookie(cookie)
        answer = await send(stranger, route, path)
        asked = answer.status == 401 or (answer.status == 303 and answer.headers["Location"].startswith("/console/sign-in"))
        if not asked or "果果" in await answer.text():
            wrong.append(f"{route.method} {path} with {cookie}: {answer.status}")
    assert wrong == []
    assert changed(before, await everything(stage.db)) == set()
    stranger.cookie(await stage.token("zhangwei"))
    assert (await stranger.get("/work")).status == 200
