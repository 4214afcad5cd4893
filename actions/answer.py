"""What is asked: answered from the reviewed articles, or left to doctor and nurse; and what nobody understood."""

import re
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Action
from rasa_sdk.events import SlotSet

from actions.speech import keep, say
from actions.turn import Turn, turn_of
from plans.article import Article
from plans.chart import asks_about
from plans.content.library import EQUAL, Library, Published
from plans.content.link import PATH, sign_reading
from plans.content.live import LiveLibrary
from plans.invitation import signing_key
from plans.prescription import quote_named
from plans.wording import say as wording
from records.content_read import article_read
from tagging.topic import asks, find_topic

# A question without the form of one is no longer than this: 脐带护理.
HEADLINE = 10
# 好了, 还没有, 没有啊, 哦知道了: only how it stands.
_BARE = re.compile(
    r"(?:有|没有?|是|嗯|恩|对|不?会|好|哦|噢|奥|额|都|还|的|啊|呀|呢|吧|了|哈|啦|嘞|这样|知道|明白|收到|可以|行|要|不用|不是|ok"
    r"|[，。,.~～！! ])+",
    re.I,
)
# After so many texts in a row that nobody understood, a person comes first.
PATIENCE = 2


# One for the process: the worker looks every few seconds whether it has changed.
articles = LiveLibrary()


def use_encoder(name: str) -> None:
    """Search with the sentence encoder of this name (see plans/encoder.py) from the next reading of the articles on."""
    articles.use_encoder(name)


def library() -> Library:
    """The articles as this process knows them."""
    return articles.library()


class AnswerQuestion(Action):
    """Answers a question; what it says about the child is written down first."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_question"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Echo, then answer."""
        async with turn_of(tracker) as turn:
            kept = await keep(turn, dispatcher)
            if kept is not None:
                say(dispatcher, kept.echo)
            # A number that cannot be true is asked back, whatever else is asked.
            ask_back = kept.ask_back if kept is not None else next(iter(turn.understanding.questions), None)
            events = await answer(turn, dispatcher, headline=True)
            if events is not None:
                say(dispatcher, ask_back)
                return events
            if kept is not None and kept.understood:
                say(dispatcher, ask_back, kept.next_step)
                return []
            return not_understood(tracker, dispatcher)


class OutOfScope(Action):
    """Says that something is not ours only where that is certain."""

    def name(self) -> str:
        """As the domain calls it."""
        return "action_out_of_scope"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        """Decline, or rather admit that it was not understood."""
        async with turn_of(tracker) as turn:
            events = await answer_topic(turn, dispatcher)
            if events is not None:
                return events
            if turn.understanding.questions:
                # A number that cannot be true is asked back, whatever the model takes it for.
                say(dispatcher, turn.understanding.questions[0])
                return []
            unknown = turn.understanding.medicines or turn.understanding.symptoms or len(turn.text.strip()) <= NAME
            if unknown or not is_certain(tracker):
                return offer_nurse(dispatcher, "utter_not_sure", turn.text) if asks(turn.text) else not_understood(tracker, dispatcher)
        dispatcher.utter_message(response="utter_out_of_scope")
        return []


# A few characters that the model has never seen may as well be a brand of medicine.
NAME = 3
# Below this a guess that a text is not for us is not said aloud; measured on parents' own words, which are nearly always for us.
CERTAIN = 0.93


def is_certain(tracker: Any) -> bool:
    """Whether the intent of the last message is as good as certain."""
    return float(tracker.latest_message["intent"].get("confidence") or 0) >= CERTAIN


async def answer(turn: Turn, dispatcher: Any, *, headline: bool = False) -> list[dict[str, Any]] | None:
    """Answer the question in the turn's words, or with `headline` a few words that name a subject; None when there is none."""
    events = await answer_topic(turn, dispatcher)
    if events is not None:
        return events
    asked = asks(turn.text)
    if (asked or (headline and len(turn.text.strip()) <= HEADLINE)) and await say_article(turn, dispatcher):
        return []
    return offer_nurse(dispatcher, "utter_not_sure", turn.text) if asked else None


async def answer_topic(turn: Turn, dispatcher: Any) -> list[dict[str, Any]] | None:
    """Leave medicines, results and diagnoses to the doctor; a prescription is quoted, and an article given that is about the very medicine
    or was written for the very question.

    None for other topics.
    """
    medicines = turn.understanding.medicines
    topic = find_topic(turn.text, medicines)
    if topic is None:
        return None
    names = [medicine.text for medicine in medicines]
    if topic == "medicine" and (prescription := await _prescription(turn)) is not None:
        dispatcher.utter_message(response="utter_chart", body=prescription)
        return []
    found = find_article(turn.text, turn.chat.team_id)
    about = found is not None and topic == "medicine" and found.article.is_about(names)
    if found is not None and (about or found.own == EQUAL) and await _utter(turn, dispatcher, found):
        return []
    return offer_nurse(dispatcher, f"utter_for_doctor_{topic}", turn.text)


async def _prescription(turn: Turn) -> str | None:
    """How a medicine is used that the child has been prescribed, word for word; None for what is no such question."""
    changes = asks_about("changes", turn.text) or asks_about("permission", turn.text)
    if turn.patient is None or changes or not asks_about("how", turn.text):
        return None
    return await quote_named(turn.tx, turn.patient, turn.text, turn.understanding.medicines, turn.now, turn.zone)


def is_bare(text: str) -> bool:
    """Whether `text` is a yes, a no or a nod, and nothing beside it."""
    return bool(_BARE.fullmatch(text.strip()))


def nothing_open(turn: Turn, tracker: Any, dispatcher: Any) -> list[dict[str, Any]]:
    """A yes, no or done that answers no question of ours; what is not certain to be one says something that was not understood."""
    if not is_bare(turn.text) and not is_certain(tracker):
        return not_understood(tracker, dispatcher)
    dispatcher.utter_message(response="utter_nothing_open")
    return []


def offer_nurse(dispatcher: Any, response: str, question: str | None = None) -> list[dict[str, Any]]:
    """Say `response`, which offers the nurse; a yes then brings her the `question`, or where there is none calls her."""
    dispatcher.utter_message(response=response)
    return [SlotSet("pending", {"kind": "ask_nurse", "question": question})]


def not_understood(tracker: Any, dispatcher: Any) -> list[dict[str, Any]]:
    """Say that the words are kept but not understood; the second time in a row the nurse is offered first."""
    missed = (tracker.get_slot("missed") or 0) + 1
    if missed < PATIENCE:
        dispatcher.utter_message(response="utter_not_understood")
        return [SlotSet("missed", missed)]
    return [SlotSet("missed", missed), *offer_nurse(dispatcher, "utter_not_understood_again")]


@dataclass(frozen=True)
class Found:
    """An article, and where it comes from in the content centre (None for what comes with the program); `own` says how nearly it was
    asked one of its own questions (plans/content/library.py)."""

    article: Article
    source: Published | None
    own: int


def find_article(text: str, team: int | None = None) -> Found | None:
    """The article that fits well enough, of those that all teams or this `team` may use."""
    # One library for both: another may take its place at any moment.
    at_hand = library()
    hits = at_hand.search(text, limit=1, team=team)
    if not hits:
        return None
    return Found(hits[0].article, at_hand.published.get(hits[0].article.id), hits[0].own)


def is_own_question(turn: Turn) -> bool:
    """Whether the turn's words ask what an article was written to answer, and nothing in them is pressing: whatever a model takes them for,
    they are a question then."""
    if not asks(turn.text) or turn.triage.level not in ("routine", "same_day"):
        return False
    found = find_article(turn.text, turn.chat.team_id)
    return found is not None and found.own > 0


async def say_article(turn: Turn, dispatcher: Any, *, rate: bool = True) -> bool:
    """Answer the turn's words with the article that fits, if there is one; `rate` allows to ask whether it helped."""
    found = find_article(turn.text, turn.chat.team_id)
    return found is not None and await _utter(turn, dispatcher, found, rate=rate)


async def _utter(turn: Turn, dispatcher: Any, found: Found, *, rate: bool = True) -> bool:
    """Say the article, keep that it was read, and once a day ask whether it helped; False, without a word, if it was taken back since
    this process read it."""
    patient_id = turn.patient.id if turn.patient is not None else None
    article, source = found.article, found.source
    version = source.version_id if source is not None else None
    read = await article_read(turn.tx, turn.chat, patient_id, article.id, article.version, turn.now, ask=rate, version_id=version)
    if read is None:
        return False
    number, ask = read
    reviewed = "尚待医生审阅" if article.needs_clinician_review else f"{article.reviewed_at:%Y年%m月}审阅"
    dispatcher.utter_message(response="utter_article", body=article.body.strip(), source=article.reference, reviewed=reviewed)
    if articles.pages and source is not None and source.page:
        link = f"{articles.pages}{PATH}/{sign_reading(await signing_key(turn.tx), number, turn.now)}"
        dispatcher.utter_message(response="utter_article_page", link=link)
    if ask:
        # bot/rating.py hears the tap.
        buttons = [{"title": wording(f"rating.{name}"), "payload": f"{name}_{number}"} for name in ("useful", "useless")]
        dispatcher.utter_message(response="utter_article_useful", buttons=buttons)
    return True
