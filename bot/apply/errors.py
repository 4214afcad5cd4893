"""Why a message could not be applied, and what a person is asked then."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient_identifier import LinkProposal
from records.state import created


class ApplyError(Exception):
    """The message was not applied, and nothing of it is to stay. `code` says why, `permanent` that trying again will not help.

    `detail` names the field or the kind of row, never a patient's words.
    """

    def __init__(self, code: str, *, permanent: bool = True, detail: str = ""):
        super().__init__(f"{code} {detail}".strip())
        self.code, self.permanent, self.detail = code, permanent, detail


@dataclass(frozen=True)
class Question:
    """A LinkProposal to be: is `person` the patient `candidate_id`? The same question has the same `key`."""

    key: str
    why: str
    feed: str
    message_id: str
    person: dict[str, Any]
    patient_id: int | None = None
    candidate_id: int | None = None

    async def put(self, tx: AsyncSession, now: datetime) -> None:
        """Put the question on the list, once."""
        row = {
            "key": self.key, "why": self.why, "feed": self.feed, "message_id": self.message_id, "person": self.person,
            "patient_id": self.patient_id, "candidate_id": self.candidate_id, "state": "open", "created_at": now,
        }  # fmt: skip
        query = insert(LinkProposal).values(row).on_conflict_do_nothing(index_elements=["key"]).returning(LinkProposal.id)
        if (id := await tx.scalar(query)) is not None:
            created(tx, await tx.get_one(LinkProposal, id), at=now, by=f"feed:{self.feed}", reason=self.why)


class NeedsPerson(ApplyError):
    """A person has to say whose record this is: `code` is the proposal's `why`. Once the effects of the message are rolled back, whoever
    called puts the questions on the list (`ask`); when they are answered, the message is applied again."""

    def __init__(self, why: str, questions: tuple[Question, ...]):
        super().__init__(why)
        self.questions = questions

    async def ask(self, tx: AsyncSession, now: datetime) -> None:
        """Put the questions on the list; each is put once."""
        for question in self.questions:
            await question.put(tx, now)
