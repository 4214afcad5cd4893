"""Two departments, a child of each, and two programs that each may see one of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application

from bot.fhir.clients import add_client
from bot.fhir.codes import id_of
from bot.fhir.edge import Edge
from bot.settings import FhirSettings
from records.database import Database
from records.schema import (
    Appointment,
    CarePlan,
    Chat,
    ClinicalNote,
    Cohort,
    CohortMember,
    Condition,
    Encounter,
    Flag,
    Immunization,
    LabResult,
    MedicationRequest,
    Observation,
    Outbound,
    Patient,
    PatientIdentifier,
    PatientTag,
    QuestionnaireResponse,
    ServiceRequest,
    Tag,
    Task,
    Team,
)

NOW = datetime(2026, 3, 9, 8, tzinfo=UTC)
DAY = timedelta(days=1)
OURS, THEIRS = "新生儿随访组", "血液科随访组"


@dataclass
class Hospital:
    """The edge with its programs: `portal` sees the newborns, `oncology` the other department."""

    db: Database
    http: "TestClient[Any, Any]"
    now: list[datetime]
    secrets: dict[str, str]
    child: int
    other: int
    tokens: dict[str, str] = field(default_factory=dict)

    async def token(self, who: str = "portal", **more: str) -> ClientResponse:
        """Ask for a token."""
        form = {"grant_type": "client_credentials", "client_id": who, "client_secret": self.secrets.get(who, "wrong"), **more}
        return await self.http.post("/fhir/token", data=form)

    async def ask(self, method: str, path: str, *, who: str | None = "portal", **more: Any) -> ClientResponse:
        """A request of the program `who`, with its token."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            if who not in self.tokens:
                self.tokens[who] = (await (await self.token(who)).json())["access_token"]
            headers.setdefault("Authorization", f"Bearer {self.tokens[who]}")
        return await self.http.request(method, f"/fhir{path}", headers=headers, **more)

    async def get(self, path: str, *, who: str | None = "portal", status: int = 200, **more: Any) -> dict[str, Any]:
        """What a GET brings, whose status must be `status`."""
        response = await self.ask("GET", path, who=who, **more)
        body: dict[str, Any] = await response.json()
        assert response.status == status, body
        assert response.content_type == "application/fhir+json"
        return body

    async def ids(self, path: str, **more: Any) -> list[str]:
        """The ids that a search finds."""
        return [each["resource"]["id"] for each in (await self.get(path, **more)).get("entry", []) if each["search"]["mode"] == "match"]


@pytest.fixture
async def hospital(db: Database) -> AsyncIterator[Hospital]:
    now, secrets = [NOW], {}
    async with db.transaction() as tx:
        ours, theirs = Team(name=OURS), Team(name=THEIRS)
        tx.add_all([ours, theirs])
        await tx.flush()
        for who, team, scope in (
            ("portal", OURS, "system/*.*"),
            ("oncology", THEIRS, "system/*.*"),
            ("weights", OURS, "system/Observation.read"),
        ):
            secrets[who] = await add_client(tx, who, name=who, teams=[team], scopes=[scope], feed=f"feed-{who}", now=NOW)
        child = await plant(tx, ours, "A1", "赵小满")
        other = await plant(tx, theirs, "B1", "钱小雨")
    edge = Edge(db, lambda: now[0], ZoneInfo("Asia/Shanghai"), FhirSettings(max_body=1 << 20))
    app = Application()
    app.add_subapp("/fhir", edge.app())
    async with TestClient(TestServer(app)) as http:
        yield Hospital(db, http, now, secrets, child, other)


async def plant(tx: Any, team: Team, number: str, name: str) -> int:
    """A child with something of every kind, all of it of the last days; its row number."""
    child = Patient(
        team_id=team.id, record_number=number, name=name, sex="F", birth_date=date(2026, 3, 1), phones=["13900000001"], birth_order=1
    )
    chat = Chat(open_kfid="wk1", external_userid=f"wm{number}", team_id=team.id, opened_at=NOW)
    tx.add_all([child, chat])
    await tx.flush()
    plan = CarePlan(
        patient_id=child.id, template="newborn", template_version=1, anchors={}, created_at=NOW - 4 * DAY, created_by="nurse-lin"
    )
    tag = Tag(code=f"preterm-{number}", name="早产", kind="diagnosis", meaning="-", updated_at=NOW, team_id=team.id, shared=False)
    weight = Observation(
        patient_id=child.id, code="weight", value=3.25, unit="kg", text="3250克", effective_at=NOW - DAY, recorded_at=NOW - DAY
    )
    cough = Observation(patient_id=child.id, code="cough", value=None, unit=None, text="咳嗽", effective_at=NOW, recorded_at=NOW)
    cohort = Cohort(name=f"队列{number}", team_id=team.id, definition={}, reads=[], at=NOW, by="nurse-lin")
    tx.add_all([plan, tag, weight, cough, cohort])
    await tx.flush()
    due = {"day": date(2026, 3, 8), "due_at": NOW - DAY, "useful_until": NOW - DAY / 2}
    task = Task(
        care_plan_id=plan.id, patient_id=child.id, step="weight", state="done", sent_at=NOW - DAY, closed_at=NOW, chat_id=chat.id, **due
    )
    task.answers = {"weight": {"values": {}, "observations": [weight.id]}}
    later = Task(care_plan_id=plan.id, patient_id=child.id, step="weight", **{**due, "day": date(2026, 3, 10)})
    result = {
        "report": "血常规",
        "unit": "g/L",
        "reference_range": "110-160",
        "collected_at": NOW - DAY,
        "updated_at": NOW,
        "source": "lis",
    }
    tx.add_all([task, later])
    await tx.flush()
    tx.add_all(
        [
            LabResult(
                patient_id=child.id,
                item="血红蛋白",
                code="718-7",
                value=98.0,
                text="98",
                flag="L",
                source_id=f"{number}-1",
                released_at=NOW - DAY,
                **result,
            ),
            LabResult(
                patient_id=child.id,
                item="CRP",
                code=None,
                value=None,
                text="<0.5",
                source_id=f"{number}-2",
                released_at=NOW - DAY,
                **result,
            ),
            LabResult(
                patient_id=child.id, item="未发布", code="1-8", value=1.0, text="1", source_id=f"{number}-3", released_at=None, **result
            ),
            Condition(
                patient_id=child.id,
                code="P07.3",
                system="ICD-10",
                icd10="P07.3",
                text="早产儿",
                recorded_at=NOW,
                updated_at=NOW,
                source="his",
                source_id=number,
            ),
            Encounter(
                patient_id=child.id,
                kind="inpatient",
                department="新生儿科",
                started_at=NOW - 8 * DAY,
                ended_at=NOW - 4 * DAY,
                ward="3F",
                source="his",
                source_id=f"V{number}",
            ),
            MedicationRequest(patient_id=child.id, name="维生素D滴剂", dose="1粒", frequency="每日一次", **_sourced(number)),
            ServiceRequest(patient_id=child.id, name="心脏彩超", kind="test", ordered_at=NOW - DAY, **_sourced(number)),
            Appointment(patient_id=child.id, starts_at=NOW + 7 * DAY, department="新生儿随访", doctor="林医生", **_sourced(number)),
            ClinicalNote(
                patient_id=child.id,
                kind="出院小结",
                code="CY",
                system="99EMR",
                title="出院小结",
                text="诊断：川崎病",
                author="王医生",
                visit=f"V{number}",
                written_at=NOW - DAY,
                **_sourced(number),
            ),
            Immunization(
                patient_id=child.id,
                vaccine="乙肝疫苗",
                code="08",
                system="CVX",
                given_at=NOW - 7 * DAY,
                dose_number=1,
                updated_at=NOW,
                source="his",
                source_id=number,
            ),
            PatientIdentifier(patient_id=child.id, system="national-id", value=f"ID{number}", source="his", since=NOW),
            PatientIdentifier(patient_id=child.id, system="his:http://his.example/card:", value=f"C{number}", source="his", since=NOW),
            CohortMember(cohort_id=cohort.id, patient_id=child.id, inactive=False, since=NOW),
            PatientTag(patient_id=child.id, tag_id=tag.id, source="his", author="his", since=NOW, evidence_at=NOW),
            QuestionnaireResponse(
                questionnaire="pain",
                version=1,
                team_id=team.id,
                patient_id=child.id,
                state="completed",
                answers={"pain": {"value": 4, "at": NOW.isoformat()}, "where": {"value": None}},
                score=4.0,
                band="中度",
                created_by="nurse-lin",
                created_at=NOW,
                completed_at=NOW,
            ),
            Flag(
                chat_id=chat.id,
                patient_id=child.id,
                team_id=team.id,
                level="urgent",
                category="weight_loss",
                categories=["weight_loss"],
                said="瘦了",
                because="体重下降 8%",
                raised_at=NOW,
            ),
            sent(f"task:{task.id}:opening", "task", chat, "今天体重多少？"),
            sent(f"reply:{number}", "reply", chat, "收到"),
        ]
    )
    return child.id


def _sourced(number: str) -> dict[str, Any]:
    return {"source": "emr", "source_id": number, "updated_at": NOW, "said_at": {}}


def sent(key: str, purpose: str, chat: Chat, words: str) -> Outbound:
    """A message that went out."""
    payload = {"msgtype": "text", "text": {"content": words}}
    times = {"not_before": NOW, "created_at": NOW, "sent_at": NOW}
    return Outbound(key=key, line=f"chat:{chat.id}", chat_id=chat.id, route="kf", payload=payload, purpose=purpose, state="sent", **times)


@pytest.fixture
def child(hospital: Hospital) -> str:
    """The newborn's id outside."""
    return id_of(hospital.child)


@pytest.fixture
def other(hospital: Hospital) -> str:
    """The id of the child of the other department."""
    return id_of(hospital.other)
