"""The dialogue as the rest of the service sees it. Rasa is imported when a model is loaded, not before."""

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary, finalize

from sqlalchemy.ext.asyncio import AsyncSession

from actions.turn import Turn, current_turn
from bot.dialogue.fitness import let_go, missing
from bot.dialogue.forms import FORMS, open_form
from bot.dialogue.menu import clicked_intent, harmless
from bot.tracing import span
from plans.binding import aside
from plans.clarify_talk import interrupt
from records.chat import Chat

# The intent of whatever an article was written to answer.
QUESTION = "ask_question"
# The bot's last resort, should a turn end without a word.
SILENCE = "utter_default"


@dataclass(frozen=True)
class Reply:
    """One thing to say: text, and buttons as (menu id, label)."""

    text: str
    buttons: tuple[tuple[str, str], ...] = ()
    image: str | None = None


class Dialogue:
    """A trained model, its conversations and the actions, in this process. One event loop, one turn at a time for each chat."""

    def __init__(self, agent: Any, trackers: Any, clock: Callable[[], datetime]) -> None:
        self._agent, self._trackers, self._clock = agent, trackers, clock
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    @classmethod
    def load(cls, model: Path, *, clock: Callable[[], datetime]) -> "Dialogue":
        """Load a trained model. Blocking, about 12 s the first time in a process: run it in a thread."""
        from bot.dialogue import quiet

        with quiet.quietly():
            from rasa.core.agent import Agent

            from actions.answer import library
            from bot.dialogue.embedding import InProcessActions
            from bot.dialogue.runner import StraightRunner
            from bot.dialogue.trackers import Trackers

            quiet.mend()
            agent = Agent.load(str(model), action_endpoint=InProcessActions())
        agent.processor.graph_runner = StraightRunner(agent.processor.graph_runner)
        quiet.without_extraction(agent.processor)
        trackers = Trackers(agent.domain)
        # Rasa wraps every store it is given into one that swallows database errors.
        agent.tracker_store = agent.processor.tracker_store = trackers
        dialogue = cls(agent, trackers, clock)
        # Once nobody holds the dialogue any more, its model goes at once; see let_go.
        finalize(dialogue, let_go, agent).atexit = False
        # The first of each costs seconds, which no family should wait for.
        dialogue.classify("您好")
        library()
        # What is loaded stays for good: the collector need not walk through a million objects of Rasa and TensorFlow again and again.
        gc.collect()
        gc.freeze()
        # What a turn makes is mostly gone when it ends: looked for after every 700 objects, as is usual, it costs a twentieth of a turn.
        gc.set_threshold(20_000, 20, 20)
        return dialogue

    async def turn(self, turn: Turn) -> list[Reply]:
        """Take one turn on `turn.text`, all in `turn.tx`; `save` then writes the conversation.

        Raises what the actions raise; nothing of the transaction may be kept then.
        """
        from bot.dialogue.embedding import failures

        async with self._lock(turn.chat.id):
            ambient, failed = current_turn.set(turn), failures.set([])
            try:
                replies = await self._answer(turn)
                if failures.get():
                    raise failures.get()[0]
                return replies
            except BaseException:
                self.forget(turn.chat.id)
                raise
            finally:
                failures.reset(failed)
                current_turn.reset(ambient)

    async def prepare(self, tx: AsyncSession, chat_ids: Sequence[int]) -> None:
        """Read the conversations of these chats, which are locked by the caller, in one go; what is not prepared is read by its turn."""
        await self._trackers.prepare(tx, chat_ids)

    async def save(self, tx: AsyncSession) -> None:
        """Write the conversations that turns in `tx` have changed. Raises ConversationMoved when another worker was in the same chat."""
        await self._trackers.write(tx)

    async def begin_follow_ups(self, tx: AsyncSession, begun: Sequence[tuple[Chat, str]], now: datetime) -> None:
        """Cut these conversations, whose chats the caller has locked, and save them in `tx`: fresh ones that wait for an answer.

        What is asked stands in the follow-up or the questionnaire, so nothing of it is kept here, and all that begin alike are alike.
        """
        for chat, _ in begun:
            aside(chat)
            await interrupt(tx, chat, "superseded", now=now)
        await self._trackers.begin(tx, {chat.id: FORMS[kind] for chat, kind in begun}, now=now)

    def forget(self, chat_id: int) -> None:
        """Drop the live tracker, after a failed transaction: the next turn reads the saved conversation."""
        self._trackers.forget(str(chat_id))

    def classify(self, text: str) -> tuple[str, float]:
        """Intent and confidence of a text without context; `nlu_fallback` for what is not understood."""
        intent = self._parse(harmless(text))["intent"]
        return str(intent["name"]), float(intent["confidence"])

    def ranking(self, text: str) -> list[tuple[str, float]]:
        """The likeliest intents of a text without context, best first, with `nlu_fallback` before them where they are not believed."""
        return [(str(each["name"]), float(each["confidence"])) for each in self._read(harmless(text))["intent_ranking"]]

    def unfit(self, root: Path, probes: Sequence[tuple[str, str]]) -> str | None:
        """Why this model cannot work in the program below `root`: what its domain lacks, or a (text, intent) that it misreads."""
        if lacking := missing(root, self._agent.domain, self._agent.processor.action_endpoint.executor.actions):
            return f"domain: {', '.join(lacking[:5])}"
        return next((f"「{text}」: {got}, not {intent}" for text, intent in probes if (got := self.classify(text)[0]) != intent), None)

    def _lock(self, chat_id: int) -> asyncio.Lock:
        return self._locks.setdefault(chat_id, asyncio.Lock())

    async def _answer(self, turn: Turn) -> list[Reply]:
        from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
        from rasa.shared.core.events import SlotSet

        from actions.answer import is_own_question

        form = await open_form(turn)
        tracker = await self._trackers.load(turn.tx, turn.chat.id, now=turn.now, form=form)
        pending, missed = tracker.get_slot("pending"), tracker.get_slot("missed")
        turn.text = harmless(turn.text)
        with span("nlu"):
            parsed = self._parse(turn.text)
        clicked = clicked_intent(turn, form=tracker.active_loop_name, pending=pending, read=str(parsed["intent"]["name"]))
        tapped = turn.message is not None and turn.message.menu_id
        if clicked is None and not tapped and tracker.active_loop_name is None and pending is None and is_own_question(turn):
            clicked = QUESTION
        if clicked is not None:
            parsed["intent"] = {"name": clicked, "confidence": 1.0}
        form = tracker.active_loop_name
        channel = CollectingOutputChannel()
        with span("policy"):
            await self._agent.processor.handle_message(UserMessage(turn.text, channel, tracker.sender_id, parse_data=parsed))
        tracker = await self._trackers.retrieve(tracker.sender_id)
        if pending is not None and pending is tracker.get_slot("pending") and pending.get("kind") != "which_patient":
            # A question that the family passed over is no longer open: a later 好的 means something else.
            tracker.update(SlotSet("pending", None), self._agent.domain)
        again = tracker.get_slot("missed")
        if missed and missed == again:
            tracker.update(SlotSet("missed", None), self._agent.domain)
        intent = parsed["intent"]
        turn.read = {"intent": intent["name"], "confidence": round(float(intent["confidence"]), 3)}
        turn.read |= {name: value for name, value in (("form", form), ("missed", (again or 0) > (missed or 0))) if value}
        self._trackers.keep(turn.tx, turn.chat.id, tracker, now=turn.now)
        if not channel.messages and turn.wants_human:
            # Who is coming, and when, is said by the bot, which knows who is on call.
            return []
        said = channel.messages or [{"text": self._agent.domain.responses[SILENCE][0]["text"]}]
        return [_reply(message) for message in said]

    def _parse(self, text: str) -> dict[str, Any]:
        parsed = self._read(text)
        return {"text": text, "intent": dict(parsed["intent"]), "entities": parsed["entities"]}

    def _read(self, text: str) -> Any:
        from rasa.core.channels.channel import UserMessage

        # The pipeline reads words by themselves: no conversation is needed.
        return self._agent.processor._parse_message_with_graph(UserMessage(text), None)


def _reply(message: dict[str, Any]) -> Reply:
    buttons = tuple((button["payload"], button["title"]) for button in message.get("buttons") or ())
    return Reply(message.get("text") or "", buttons, message.get("image"))
