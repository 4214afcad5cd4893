"""What a family said before it was bound: judged again with what is now known of the child, and kept once the family says whose it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from rasa_sdk.events import SlotSet
from sqlalchemy import select

from actions.speech import judged, keep, say, says_something
from actions.turn import Turn, understand_about
from plans.binding_answer import say as wording
from records.flag import LEVELS
from records.message import CUSTOMER, Inbound

# Of how long ago it still matters, and how much of it is quoted.
LOOKS_BACK, MOST, SHOWN, QUOTED = timedelta(hours=48), 20, 3, 24


async def look_back(turn: Turn, dispatcher: Any) -> dict[str, Any] | None:
    """Judge what was said before `turn.patient` was bound; what the bot then waits for: whether to keep it. None when there was nothing.

    An alert that the child's age or history calls for is raised at once; nothing is written into the record yet.
    """
    patient = turn.patient
    if patient is None:
        return None
    found = []
    for message in await _earlier(turn):
        said = await _as_said(turn, message)
        if LEVELS.index(said.triage.level) > LEVELS.index(message.outcome.get("triage", "routine")):
            reply = await judged(said, patient)
            say(dispatcher, wording("earlier_danger", said=(message.text or "")[:QUOTED], reply=reply))
        if says_something(said):
            found.append(message)
    if not found:
        return None
    words = "、".join(f"“{(message.text or '')[:QUOTED]}”" for message in found[-SHOWN:])
    dispatcher.utter_message(response="utter_earlier", said=words, name=patient.name)
    return {"kind": "earlier", "patient": patient.id, "messages": [message.id for message in found]}


async def keep_earlier(turn: Turn, dispatcher: Any, pending: dict[str, Any]) -> list[dict[str, Any]]:
    """The family says that it was about this child: write it down as of when it was said."""
    turn.patient = next((patient for patient in turn.patients if patient.id == pending["patient"]), None)
    for message in await turn.tx.scalars(select(Inbound).where(Inbound.id.in_(pending["messages"])).order_by(Inbound.id)):
        kept = await keep(await _as_said(turn, message), dispatcher) if message.chat_id == turn.chat.id else None
        if kept is not None:
            say(dispatcher, kept.echo, kept.ask_back)
    return [SlotSet("pending", None)]


async def _earlier(turn: Turn) -> list[Inbound]:
    """The family's own words of the last days, oldest first, without those that answered a binding."""
    rows = await turn.tx.scalars(
        select(Inbound)
        .where(
            Inbound.chat_id == turn.chat.id,
            Inbound.origin == CUSTOMER,
            # A voice message has words once the family has confirmed them.
            Inbound.msgtype.in_(("text", "voice")),
            Inbound.sent_at > turn.now - LOOKS_BACK,
            Inbound.id < (turn.message_id or 0),
            ~Inbound.outcome.has_key("binding"),
        )
        .order_by(Inbound.id.desc())
        .limit(MOST)
    )
    return list(rows)[::-1]


async def _as_said(turn: Turn, message: Inbound) -> Turn:
    """The turn as it would have been, had the child been known when `message` came."""
    text = message.text or ""
    understood = await understand_about(turn.tx, turn.patient, text, now=message.sent_at, zone=turn.zone)
    return replace(turn, message=message, text=text, understanding=understood, triage=understood.triage, now=message.sent_at)
