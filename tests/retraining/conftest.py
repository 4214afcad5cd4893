"""A family's chat as it stands in the database, without anything running."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from records.chat import Chat
from records.database import Database
from records.message import Inbound
from records.patient import Carer, Patient, PatientCarer
from records.staff import Staff, Team

NOW = datetime(2026, 3, 20, 2, 0, tzinfo=UTC)
UNCLEAR = {"intent": "nlu_fallback", "confidence": 0.2, "missed": True}
CLEAR = {"intent": "greet", "confidence": 0.95}


@dataclass
class Talk:
    """A chat between mother Zhao, who has 小满, and the bot or nurse Lin."""

    db: Database
    chat_id: int
    at: datetime = NOW - timedelta(days=2)
    count: int = 0

    async def said(self, text: str, read: dict[str, Any] | None = None, *, origin: int = 3, wait: float = 60, **fields: Any) -> int:
        """A message `wait` seconds after the last, read like that; its id."""
        self.at += timedelta(seconds=wait)
        self.count += 1
        outcome = {"answer": "dialogue", "read": read} if read is not None else {}
        values: dict[str, Any] = {"state": "done", "msgtype": "text", "menu_id": None, **fields}
        row = Inbound(
            chat_id=self.chat_id, msgid=f"{self.chat_id}-{self.count}", origin=origin, text=text, body={}, sent_at=self.at,
            received_at=self.at, handled_at=self.at, outcome=outcome, **values,
        )  # fmt: skip
        async with self.db.transaction() as tx:
            tx.add(row)
            await tx.flush()
            return row.id


@pytest.fixture
async def new_talk(db: Database) -> Callable[..., Any]:
    """Makes chats; each mother has one child."""
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组", phone=None)
        tx.add_all([team, Staff(userid="linyue", name="林悦", title="护士")])
        await tx.flush()
        team_id = team.id

    async def make(mother: str = "赵敏", child: str = "李小满") -> Talk:
        async with db.transaction() as tx:
            carer = Carer(name=mother, external_userid=f"wm{mother}01", phone=None, follow_up_hour=9)
            patient = Patient(team_id=team_id, record_number=f"R-{mother}", name=child, birth_date=date(2026, 2, 20), tags=[])
            tx.add_all([carer, patient])
            await tx.flush()
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
            chat = Chat(open_kfid="wk1", external_userid=f"wm{mother}01", carer_id=carer.id, team_id=team_id, opened_at=NOW)
            tx.add(chat)
            await tx.flush()
            return Talk(db, chat.id)

    return make


@pytest.fixture
async def talk(new_talk: Callable[..., Any]) -> Talk:
    made: Talk = await new_talk()
    return made
