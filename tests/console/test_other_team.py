"""Every page and deed that names something by its number, tried by the lead of another team: refused, noted, and nothing is changed.

The addresses come from the router, so that one that is added later is tried too; a part of an address that is not known here fails.
"""

import re
from datetime import date

from sqlalchemy import func, select, text

from console.app import ROUTES
from console.page import Route
from plans.enrolment import enrol
from plans.template import load_templates
from records.base import Base
from records.care_plan import Task
from records.chat import Chat
from records.chat_desk import CannedAnswer
from records.cohort_enrolment import CohortEnrolment
from records.content import ContentItem
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
from tests.console.stage import NOW, ZONE, Stage

# What belongs to no team: everybody with the right may come there, and each area's own tests try the right.
SHARED = (r"/plans/\{id[^/]*\}(?!.*/\{order)", r"/admin/tags/", r"/admin/rules/", r"/content/draft/media/", r"/admin/roles/", r"/reports/")
# What some forms must hold before anybody looks whose it is.
FORM = {"nonce": "0123456789abcdef", "title": "雾化", "text": "雾化后漱口", "staff": "1", "tier": "1", "starts": "", "ends": ""}
# Written down at every look, whoever it is.
_NOTES = frozenset({"access_refusal", "staff_session"})


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
        tx.add_all([message, answer, mass, item, overlay, order])
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
            "admin erasure": erasure.id,
        }  # fmt: skip
        return found


def address(route: Route, known: dict[str, object]) -> str:
    """The route's path with the numbers of 呼吸科 in it."""
    # The phone has the same things below /m.
    area = route.path.removeprefix("/m/").lstrip("/").split("/")[0]

    def named(match: re.Match[str]) -> str:
        name = match[0].strip("{}").partition(":")[0]
        assert f"{area} {name}" in known, f"{route.path}: say in `theirs` what {name} is"
        return str(known[f"{area} {name}"])

    return re.sub(r"\{(?:[^{}]|\{[^}]*\})*\}", named, route.path)


async def everything(stage: Stage) -> dict[str, str | None]:
    """What stands in each table, in short."""
    async with stage.db.transaction() as tx:
        names = [table.name for table in Base.metadata.sorted_tables if table.name not in _NOTES]
        each = [f"select '{name}', md5(string_agg(t::text, ',' order by t::text)) from {name} t" for name in names]  # noqa: S608 - our own tables
        return dict((await tx.execute(text(" union all ".join(each)))).tuples().all())


async def test_another_teams_numbers_open_nothing_and_change_nothing(stage: Stage) -> None:
    known = await theirs(stage)
    lead = await stage.client("zhangwei")
    before, wrong, refused = await everything(stage), list[str](), 0
    tried = [route for route in ROUTES if "{" in route.path and not route.whole and not any(re.match(each, route.path) for each in SHARED)]
    for route in tried:
        path = address(route, known)
        answer = await (lead.get(path) if route.method == "GET" else lead.post(path, list(FORM.items())))
        if answer.status not in (403, 404):
            wrong.append(f"{route.method} {path}: {answer.status} {answer.headers.get('Location', '')}")
        refused += 1
    assert wrong == [] and len(tried) > 60
    async with stage.db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(AccessRefusal)) == refused
    after = await everything(stage)
    assert {name for name in after if after[name] != before[name]} == set()
