"""Conversations: Rasa's trackers, kept in memory and saved as a `Conversation` row in the turn's transaction.

Rules look no further back than the turn they are in, and what was said stands in the messages: between turns a tracker holds slots and
form only, so that a turn costs the same however long the talk.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME, REQUESTED_SLOT
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SessionStarted, SlotSet, deserialise_events
from rasa.shared.core.trackers import DialogueStateTracker
from sqlalchemy import BigInteger, DateTime, any_, bindparam, column, func, select
from sqlalchemy import event as sql_event
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.dialogue.forms import ASKED, QUESTIONNAIRE, SLOTS
from records.chat import Conversation

# After half a day a new topic begins: a 好的 no longer answers yesterday's question.
SESSION = timedelta(hours=12)
LIVE = 300


# Built once: making a statement takes longer than sending it.
_CHATS = any_(bindparam("chats", type_=ARRAY(BigInteger)))
_VERSIONS = select(Conversation.chat_id, Conversation.version, Conversation.updated_at).where(Conversation.chat_id == _CHATS)
_EVENTS = select(Conversation.chat_id, Conversation.tracker).where(Conversation.chat_id == _CHATS)
_FIELDS = (
    column("chat_id", BigInteger),
    column("version", BigInteger),
    column("updated_at", DateTime(timezone=True)),
    column("tracker", JSONB),
)
# One statement of one shape for however many: with a row of its own for each it would be read anew by driver and database.
_ROWS = func.jsonb_to_recordset(bindparam("rows", type_=JSONB)).table_valued(*_FIELDS).render_derived(with_types=True)
_NEW = insert(Conversation.metadata.tables[Conversation.__tablename__]).from_select([field.name for field in _FIELDS], select(_ROWS))
_SAVE = _NEW.on_conflict_do_update(
    index_elements=["chat_id"],
    set_={name: _NEW.excluded[name] for name in ("tracker", "version", "updated_at")},
    where=Conversation.version == _NEW.excluded.version - 1,
).returning(Conversation.chat_id)
# Whatever was there gives way.
_BEGIN = _NEW.on_conflict_do_update(
    index_elements=["chat_id"],
    set_={name: _NEW.excluded[name] for name in ("tracker", "updated_at")} | {"version": Conversation.version + 1},
)


class ConversationMoved(Exception):
    """Another worker saved this conversation meanwhile; the turn has to be taken again."""

    code, permanent = "conversation_moved", False


@dataclass
class InHand:
    """A conversation for the length of a transaction: the version of its row (0: there is none), when that was written, and when it
    was changed since."""

    version: int
    updated_at: datetime | None
    changed_at: datetime | None = None


class Trackers(TrackerStore):
    """The trackers of this process. `prepare`, `load` and `write` go to the database; Rasa itself only sees the one in hand.

    Whoever takes a turn holds the chat's row; should somebody write the conversation without it, `write` notices by the version.
    """

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

    async def prepare(self, tx: AsyncSession, chat_ids: Sequence[int]) -> None:
        """Take the saved conversations of these chats in hand, for as long as the transaction lasts."""
        hand = self._in_hand(tx)
        wanted = [chat_id for chat_id in chat_ids if chat_id not in hand]
        if not wanted:
            return
        hand.update({chat_id: InHand(0, None) for chat_id in wanted})
        for chat_id, version, updated_at in await tx.execute(_VERSIONS, {"chats": wanted}):
            hand[chat_id] = InHand(version, updated_at)
        unread = [chat_id for chat_id in wanted if hand[chat_id].version != self._live.get(str(chat_id), (None,))[0]]
        saved = [chat_id for chat_id in unread if hand[chat_id].version]
        events = {chat_id: read for chat_id, read in await tx.execute(_EVENTS, {"chats": saved})} if saved else {}
        for chat_id in wanted:
            sender_id = str(chat_id)
            if chat_id not in unread:
                self._live.move_to_end(sender_id)
                continue
            tracker = self._tracker(sender_id, self._known(events[chat_id])) if chat_id in events else self.fresh(sender_id)
            self._hold(sender_id, hand[chat_id].version, tracker)

    async def load(self, tx: AsyncSession, chat_id: int, *, now: datetime, form: str | None) -> DialogueStateTracker:
        """The conversation, as the turn begins.

        The forms of SLOTS follow the tables: `form` is active and no other of them, whatever the stored conversation says. Where a
        form that lives in the conversation is not finished, they wait for it.
        """
        await self.prepare(tx, [chat_id])
        sender_id, saved = str(chat_id), self._in_hand(tx)[chat_id]
        version, tracker = self._live[sender_id]
        last = saved.changed_at or saved.updated_at
        active = tracker.active_loop_name
        if last is not None and now - last > SESSION and (form is None or (active is not None and active not in SLOTS)):
            tracker = self.fresh(sender_id, introduced=tracker.get_slot("introduced"))
        if form != tracker.active_loop_name and (tracker.active_loop_name is None or tracker.active_loop_name in SLOTS):
            tracker.update_with_events([*loop(form), ActionExecuted(ACTION_LISTEN_NAME)], self.domain)
        self._hold(sender_id, version, tracker)
        return tracker

    def keep(self, tx: AsyncSession, chat_id: int, tracker: DialogueStateTracker, *, now: datetime) -> None:
        """What the turn left of the conversation; `write` saves it."""
        saved = self._in_hand(tx)[chat_id]
        saved.changed_at = now
        self._hold(str(chat_id), saved.version, self._at_rest(tracker))

    async def begin(self, tx: AsyncSession, forms: Mapping[int, str], *, now: datetime) -> None:
        """Fresh conversations in these chats, each waiting in its form, in one statement. The chats' rows are locked by the caller."""
        events = {form: [event.as_dict() for event in self.fresh("-", introduced=True, form=form).events] for form in set(forms.values())}
        rows = [
            {"chat_id": chat_id, "version": 1, "updated_at": now.isoformat(), "tracker": events[form]} for chat_id, form in forms.items()
        ]
        if rows:
            await tx.execute(_BEGIN, {"rows": rows})
        hand = self._in_hand(tx)
        for chat_id in forms:
            hand.pop(chat_id, None)
            self.forget(str(chat_id))

    async def write(self, tx: AsyncSession) -> None:
        """Save what was changed. Raises ConversationMoved if a row is not the one that was taken in hand."""
        changed = {chat_id: saved for chat_id, saved in self._in_hand(tx).items() if saved.changed_at is not None}
        if not changed:
            return
        rows = [
            {
                "chat_id": chat_id,
                "version": saved.version + 1,
                "updated_at": saved.changed_at.isoformat() if saved.changed_at else None,
                "tracker": self._events(chat_id),
            }
            for chat_id, saved in changed.items()
        ]
        written = set(await tx.scalars(_SAVE, {"rows": rows}))
        if written != changed.keys():
            raise ConversationMoved(f"conversations {sorted(changed.keys() - written)}")
        for chat_id, saved in changed.items():
            saved.version, saved.updated_at, saved.changed_at = saved.version + 1, saved.changed_at, None
            self._hold(str(chat_id), saved.version, self._live[str(chat_id)][1])

    def _in_hand(self, tx: AsyncSession) -> dict[int, InHand]:
        """The conversations of this transaction; when it is rolled back, what is live of them is not to be trusted."""
        hand: dict[int, InHand] | None = tx.info.get("conversations")
        if hand is None:
            hand = tx.info["conversations"] = {}
            sql_event.listen(tx.sync_session, "after_rollback", partial(self._forget_all, hand), once=True)
        return hand

    def _forget_all(self, hand: dict[int, InHand], _: object) -> None:
        for chat_id in hand:
            self.forget(str(chat_id))

    def _events(self, chat_id: int) -> list[dict[str, Any]]:
        return [event.as_dict() for event in self._live[str(chat_id)][1].events]

    def fresh(self, sender_id: str, *, introduced: bool | None = None, form: str | None = None) -> DialogueStateTracker:
        """A conversation that has just begun, with or without a form waiting for an answer."""
        known: list[Event] = [SlotSet("introduced", True)] if introduced else []
        return self._waiting(sender_id, known + (loop(form) if form is not None else []))

    def _hold(self, sender_id: str, version: int, tracker: DialogueStateTracker) -> None:
        self._live[sender_id] = (version, tracker)
        self._live.move_to_end(sender_id)
        while len(self._live) > LIVE:
            self._live.popitem(last=False)

    def _tracker(self, sender_id: str, events: list[Event]) -> DialogueStateTracker:
        return DialogueStateTracker.from_events(sender_id, events, slots=self.domain.slots, domain=self.domain)

    def _known(self, saved: list[dict[str, Any]]) -> list[Event]:
        """A saved conversation as far as this model knows its slots and forms: another model, older or newer, may have saved it."""
        slots, forms = {slot.name for slot in self.domain.slots}, {None, *self.domain.form_names}
        events = deserialise_events(saved)
        lost = any(isinstance(event, ActiveLoop) and event.name not in forms for event in events)
        return [
            event
            for event in events
            if not (isinstance(event, ActiveLoop) and event.name not in forms)
            and not (isinstance(event, SlotSet) and (event.key not in slots or (lost and event.key == REQUESTED_SLOT)))
        ]

    def _at_rest(self, tracker: DialogueStateTracker) -> DialogueStateTracker:
        """What the conversation knows between two turns: its slots and its form, waiting for the next message."""
        known: list[Event] = [SlotSet(slot.name, slot.value) for slot in tracker.slots.values() if slot.value is not None]
        if tracker.active_loop_name:
            known.insert(0, ActiveLoop(tracker.active_loop_name))
        return self._waiting(tracker.sender_id, known)

    def _waiting(self, sender_id: str, known: list[Event]) -> DialogueStateTracker:
        """A conversation of which no more than `known` is left, waiting for the next message."""
        begun = [ActionExecuted(ACTION_SESSION_START_NAME), SessionStarted()]
        return self._tracker(sender_id, [*begun, *known, ActionExecuted(ACTION_LISTEN_NAME)])


def loop(form: str | None) -> list[Event]:
    """The events that put a form of SLOTS on, waiting for an answer, or all of them off."""
    asked = ASKED[form] if form is not None else None
    emptied = [*SLOTS.values(), *([ASKED[QUESTIONNAIRE]] if form == QUESTIONNAIRE else [])]
    return [ActiveLoop(form), SlotSet(REQUESTED_SLOT, asked), *(SlotSet(slot, None) for slot in emptied)]
