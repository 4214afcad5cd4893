"""In which chats the family is in another conversation just now, so that a follow-up waits for its end."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from plans.binding import GIVES_WAY_AFTER
from plans.clarify_talk import KEPT_FOR
from plans.task import TALKING
from records.binding import Binding
from records.care_plan import Task
from records.chat import Chat
from records.clarification import Clarification
from records.questionnaire import QuestionnaireResponse
from records.state import StateChange

# A follow-up, or a questionnaire, that nobody has touched for so long no longer keeps another one out of the chat (R).
BUSY_FOR = timedelta(hours=1)

_IDS = any_(bindparam("ids", type_=ARRAY(BigInteger)))
_TALKING = select(Task.id).where(Task.id == _IDS, Task.state.in_(TALKING))
_TOUCHED = (
    select(StateChange.entity_id)
    .where(StateChange.entity == "task", StateChange.entity_id == _IDS)
    .group_by(StateChange.entity_id)
    .having(func.max(StateChange.at) > bindparam("since"))
)
_FILLING = select(QuestionnaireResponse).where(QuestionnaireResponse.chat_id == _IDS, QuestionnaireResponse.state == "in_progress")


async def busy_chats(tx: AsyncSession, chats: Mapping[Chat, set[int]], now: datetime) -> set[int]:
    """Which of these chats are taken: another follow-up than those that are due there, a binding, questions about a report, or a
    questionnaire has been talked about lately."""
    if not chats:
        return set()
    since = now - BUSY_FOR
    current = {chat.task_id: chat.id for chat, due in chats.items() if chat.task_id is not None and chat.task_id not in due}
    busy: set[int] = set()
    if current:
        talking = list(await tx.scalars(_TALKING, {"ids": list(current)}))
        busy |= {current[id] for id in await tx.scalars(_TOUCHED, {"ids": talking, "since": since})}
    bindings = {chat.binding_id: chat.id for chat in chats if chat.binding_id is not None}
    if bindings:
        rows = select(Binding.id).where(Binding.id == _IDS, Binding.state == "open", Binding.updated_at > now - GIVES_WAY_AFTER)
        busy |= {bindings[id] for id in await tx.scalars(rows, {"ids": list(bindings)})}
    asked = {chat.clarification_id: chat.id for chat in chats if chat.clarification_id is not None}
    if asked:
        open_ = select(Clarification.id).where(
            Clarification.id == _IDS, Clarification.state == "open", Clarification.updated_at > now - KEPT_FOR
        )
        busy |= {asked[id] for id in await tx.scalars(open_, {"ids": list(asked)})}
    for response in await tx.scalars(_FILLING, {"ids": [chat.id for chat in chats]}):
        last = max((datetime.fromisoformat(each["at"]) for each in response.answers.values()), default=response.created_at)
        if last > since and response.chat_id is not None:
            busy.add(response.chat_id)
    return busy
