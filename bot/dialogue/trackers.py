"""Conversations: Rasa's trackers, bounded, kept in memory and saved as a `Conversation` row in the turn's transaction."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME, REQUESTED_SLOT
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SessionStarted, SlotSet, UserUttered, deserialise_events
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy import bindparam, select
from sqlalchemy import event as sql_event
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from records.chat import Conversation

FORM, ANSWER = "follow_up_form", "answer"
# The policies look 2 turns back; some more stay for who reads the record, and cutting happens at twice that, so that it is rare.
KEEP_TURNS = 4
# After half a day a new topic begins: a 好的 no longer answers yesterday's question.
SESSION = timedelta(hours=12)
LIVE = 300


# Built once: making a statement takes longer than sending it.
_ROW = select(Conversation.version, Conversation.updated_at).where(Conversation.chat_id == bindparam("chat")).with_for_update()
_NEW = insert(Conversation.metadata.tables[Conversation.__tablename__])
_SAVE = _NEW.on_conflict_do_update(
    index_elements=["chat_id"],
    set_={name: _NEW.excluded[name] for name in ("tracker", "version", "updated_at")},
    where=Conversation.version == _NEW.excluded.version - 1,
).returning(Conversation.version)


class ConversationMoved(Exception):
    """Another worker saved this conversation meanwhile; the turn has to be taken again."""

    code, permanent = "conversation_moved", False


class Trackers(TrackerStore):
    """The trackers of this process. `load` and `store` go to the database; Rasa itself only sees the one in hand."""

    def __init__(self, domain: Any) -> None:
        super().__init__(domain)
        self.domain = domain
        self._live: OrderedDict[str, tuple[int, DialogueStateTracker]] = OrderedDict()

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The tracker in hand."""
        return self._live[sender_id][1] if sender_id in self._live else None

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the tracker in hand; the turn stores it."""
        version = self._live[tracker.sender_id][0] if tracker.sender_id in self._live else 0
        self._live[tracker.sender_id] = (version, tracker)

    def forget(self, sender_id: str) -> None:
        """Drop the live tracker; the next turn reads the row."""
        self._live.pop(sender_id, None)

    async def load(self, tx: AsyncSession, chat_id: int, *, now: datetime, follow_up: bool) -> DialogueStateTracker:
        """Take the conversation in hand, its row locked until the end of the transaction.

        The form follows the tasks: it is active exactly if `follow_up`, whatever the stored conversation says.
        """
        sender_id = str(chat_id)
        row = (await tx.execute(_ROW, {"chat": chat_id})).one_or_none()
        version, live = self._live.get(sender_id, (None, None))
        if row is None:
            tracker, version = self.fresh(sender_id), 0
        elif version == row.version and live is not None:
            tracker = live
        else:
            events = await tx.scalar(select(Conversation.tracker).where(Conversation.chat_id == chat_id)) or []
            tracker, version = self._tracker(sender_id, deserialise_events(events)), row.version
        if row is not None and not follow_up and now - row.updated_at > SESSION:
            tracker = self.fresh(sender_id, introduced=tracker.get_slot("introduced"))
        if follow_up != (tracker.active_loop_name == FORM):
            tracker.update_with_events([*loop(follow_up), ActionExecuted(ACTION_LISTEN_NAME)], self.domain)
        self._hold(sender_id, version or 0, tracker)
        return tracker

    async def store(self, tx: AsyncSession, chat_id: int, tracker: DialogueStateTracker, *, now: datetime) -> None:
        """Save the conversation, cut to its last turns. Raises ConversationMoved if the row is not the one that was loaded."""
        sender_id = str(chat_id)
        tracker = self._cut(tracker)
        version, _ = self._live[sender_id]
        values = {"chat_id": chat_id, "version": version + 1, "updated_at": now, "tracker": [event.as_dict() for event in tracker.events]}
        if await tx.scalar(_SAVE, values) is None:
            raise ConversationMoved(f"conversation {chat_id}")
        self._hold(sender_id, version + 1, tracker)
        sql_event.listen(tx.sync_session, "after_rollback", lambda session: self.forget(sender_id), once=True)

    def fresh(self, sender_id: str, *, introduced: bool | None = None, follow_up: bool = False) -> DialogueStateTracker:
        """A conversation that has just begun, with or without the form waiting for an answer."""
        events: list[Event] = [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted()]
        if introduced:
            events.append(SlotSet("introduced", True))
        if follow_up:
            events += loop(True)
        return self._tracker(sender_id, [*events, ActionExecuted(ACTION_LISTEN_NAME)])

    def _hold(self, sender_id: str, version: int, tracker: DialogueStateTracker) -> None:
        self._live[sender_id] = (version, tracker)
        self._live.move_to_end(sender_id)
        while len(self._live) > LIVE:
            self._live.popitem(last=False)

    def _tracker(self, sender_id: str, events: list[Event]) -> DialogueStateTracker:
        return DialogueStateTracker.from_events(sender_id, events, slots=self.domain.slots, domain=self.domain)

    def _cut(self, tracker: DialogueStateTracker) -> DialogueStateTracker:
        """The last turns, beginning where the bot listened, with slots and form kept."""
        events = list(tracker.events)
        said = [i for i, event in enumerate(events) if isinstance(event, UserUttered)]
        if len(said) <= 2 * KEEP_TURNS:
            return tracker
        start = next(
            i
            for i in range(said[-KEEP_TURNS], -1, -1)
            if isinstance(events[i], ActionExecuted) and events[i].action_name == ACTION_LISTEN_NAME
        )
        before = self._tracker(tracker.sender_id, events[:start])
        kept: list[Event] = [SlotSet(slot.name, slot.value) for slot in before.slots.values() if slot.value is not None]
        if before.active_loop_name:
            kept.insert(0, ActiveLoop(before.active_loop_name))
        return self._tracker(tracker.sender_id, [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted(), *kept, *events[start:]])


def loop(active: bool) -> list[Event]:
    """The events that put the follow-up's form on, waiting for an answer, or off."""
    return [ActiveLoop(FORM if active else None), SlotSet(REQUESTED_SLOT, ANSWER if active else None), SlotSet(ANSWER, None)]
