"""Actions by themselves: under a stock action server, and what they may say of an alert."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from sqlalchemy import select

from actions.speech import alarm, tell_asked
from actions.turn import Turn, ambient_turn, understand_about
from actions.which import chosen
from plans.alert import Alert
from plans.working_hours import when_text
from records.chat import Chat
from records.database import Database
from records.flag import Flag
from records.message import Inbound
from records.observation import Observation
from records.patient import Carer, Patient, PatientCarer
from records.staff import Team

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")


async def a_family(tx: Any, *children: tuple[str, date, str]) -> tuple[Chat, list[Patient]]:
    team = Team(name="新生儿随访组", phone="0571-0000000")
    carer = Carer(name="赵女士", external_userid="wm1")
    tx.add_all([team, carer])
    await tx.flush()
    patients = [
        Patient(team_id=team.id, record_number=name, name=name, sex=sex, birth_date=born, birth_weight_g=3200, tags=[])
        for name, born, sex in children
    ]
    tx.add_all(patients)
    await tx.flush()
    tx.add_all(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲") for patient in patients)
    chat = Chat(open_kfid="wk1", external_userid="wm1", carer_id=carer.id, team_id=team.id, opened_at=NOW)
    tx.add(chat)
    await tx.flush()
    return chat, patients


async def a_turn(tx: Any, chat: Chat, patients: list[Patient], text: str, **more: Any) -> Turn:
    patient = patients[0] if len(patients) == 1 else None
    understood = await understand_about(tx, patient, text, now=NOW, zone=ZONE)
    return Turn(tx, chat, patients, patient, None, text, understood, understood.triage, NOW, ZONE, **more)


@pytest.fixture
def executor() -> ActionExecutor:
    executor = ActionExecutor()
    executor.register_package("actions")
    return executor


def call(action: str, chat_id: int, text: str, intent: str) -> dict[str, Any]:
    """What Rasa posts to an action server."""
    tracker = {
        "sender_id": str(chat_id),
        "slots": {"pending": None, "introduced": None},
        "latest_message": {"text": text, "intent": {"name": intent, "confidence": 0.9}, "entities": []},
        "events": [],
        "paused": False,
        "active_loop": {},
        "latest_action_name": "action_listen",
        "followup_action": None,
    }
    return {"next_action": action, "sender_id": str(chat_id), "tracker": tracker, "domain": {}}


async def test_a_stock_action_server_opens_the_database_and_commits(
    db: Database, database_url: str, executor: ActionExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.transaction() as tx:
        chat, [patient] = await a_family(tx, ("安安", date(2020, 2, 20), "F"))
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)
    assert ambient_turn() is None
    answer = await executor.run(call("action_report", chat.id, "体温37.2度", "report"))
    assert answer is not None
    assert "37.2" in "".join(response["text"] for response in answer["responses"])
    async with db.transaction() as tx:
        assert list(await tx.scalars(select(Observation.value).where(Observation.patient_id == patient.id))) == [37.2]


async def test_an_unknown_chat_is_an_error(
    db: Database, database_url: str, executor: ActionExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.delenv("CARELOOP_DATABASE_URL", raising=False)
    with pytest.raises(LookupError, match="no chat 4711"):
        await executor.run(call("action_today", 4711, "今天要做什么", "ask_today"))


ALERT = Alert("urgent", "weight_loss", "比出生体重低 11%", ({"rule": "w1", "version": 1, "because": "…"},), "w1", "请今天联系医生。")


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"notified": True, "phone": "0571-1"}, "utter_told_team"),
        ({"notified": False, "phone": "0571-1"}, "utter_ring_team"),
        ({"notified": False, "phone": None}, "utter_ring_emergency"),
    ],
)
async def test_only_what_is_true_is_said_of_an_alert(db: Database, known: dict[str, Any], told: str) -> None:
    dispatcher = CollectingDispatcher()
    async with db.transaction() as tx:
        chat, patients = await a_family(tx, ("安安", date(2026, 2, 20), "F"))
        turn = await a_turn(tx, chat, patients, "体重掉了好多", **known)
        await alarm(turn, dispatcher, ALERT, patient=patients[0])
        flag = await tx.scalar(select(Flag).where(Flag.chat_id == chat.id))
    assert flag is not None
    assert (flag.level, flag.category, flag.patient_id) == ("urgent", "weight_loss", patients[0].id)
    assert [message["text"] or message["response"] for message in dispatcher.messages] == ["请今天联系医生。", told]


CHILDREN = [("安安", date(2026, 2, 20), "F"), ("乐乐", date(2022, 1, 5), "M"), ("豆豆", date(2024, 6, 1), "M")]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("豆豆", "豆豆"),
        ("老大", "乐乐"),
        ("最小的那个", "安安"),
        ("是妹妹", "安安"),
        ("男孩那个", None),
        ("老二", None),
        ("安安和乐乐都是", None),
    ],
)
async def test_a_child_is_chosen_only_when_the_words_leave_no_doubt(db: Database, text: str, name: str | None) -> None:
    async with db.transaction() as tx:
        chat, patients = await a_family(tx, *CHILDREN)
        turn = await a_turn(tx, chat, patients, text)
        found = chosen(turn)
    assert (found.name if found else None) == name


async def test_a_click_on_somebody_elses_child_chooses_nobody(db: Database) -> None:
    async with db.transaction() as tx:
        chat, patients = await a_family(tx, *CHILDREN)
        turn = await a_turn(tx, chat, patients, "某某")
        turn.message = Inbound(
            chat_id=chat.id, msgid="m", origin=3, msgtype="text", text="某某", menu_id="patient:999", body={}, sent_at=NOW, received_at=NOW
        )
        assert chosen(turn) is None


@pytest.mark.parametrize(("notified", "phone"), [(True, None), (False, "010-1"), (False, None)])
async def test_a_question_that_waits_for_the_morning_is_told_so(db: Database, notified: bool, phone: str | None) -> None:
    heard = CollectingDispatcher()
    async with db.transaction() as tx:
        chat, patients = await a_family(tx, ("小满", date(2026, 1, 1), "F"))
        opens = NOW + timedelta(hours=12)
        turn = await a_turn(tx, chat, patients, "能游泳吗", notified=notified, phone=phone, opens=opens)
        tell_asked(turn, heard, "question")
    (said,) = [message["text"] for message in heard.messages]
    assert when_text(opens, NOW, ZONE) + "上班后会在这里回答您" in said
    assert ("人工" in said) == notified and ("拨打010-1" in said) == (phone is not None)
