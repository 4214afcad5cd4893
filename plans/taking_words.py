"""What is told in words taken into the record: signs, medicines, choices, and words as they are; stored, and said back."""

from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncSession

from plans.finding import of_day, set_status, store
from plans.taking import Said, Taken
from plans.wording import say, words
from records.observation import Observation
from tagging.content import default_content

if TYPE_CHECKING:
    from tagging.medicine import MedicineMention
    from tagging.symptom import SymptomMention

MEDICINE = "medicine"
# Circumstances that triage looks at; said back they would only puzzle.
UNSAID = frozenset({"exposure", "exertion", "spreading", "drug_stop"})
# Before the id of a question in the code of an answer that is neither a vital nor a sign.
ANSWER = "answer."
# As much of free words as is kept.
MOST_WORDS = 1000
# As much of a message as is kept of a treatment without a name.
TOLD = 200


async def take_symptom(tx: AsyncSession, mention: "SymptomMention", said: Said) -> Taken | None:
    """Store a sign of this patient that is there, absent or possible; None for questions, other people and what-ifs."""
    if mention.whose != "patient" or mention.when == "hypothetical" or mention.status == "asked":
        return None
    detail = {"status": mention.status, "when": mention.when}
    row, replaced = await _store_sign(tx, mention.concept, mention.text, detail, said)
    return Taken("answered", _sign_echo(mention), None, None, row, replaced)


async def take_sign(tx: AsyncSession, sign: str, status: str, text: str, said: Said) -> Taken:
    """Store a sign that was asked about as present or absent, in the words of the answer."""
    row, replaced = await _store_sign(tx, sign, text[:TOLD], {"status": status, "when": "now"}, said)
    return Taken("answered", None, None, None, row, replaced)


async def _store_sign(tx: AsyncSession, sign: str, text: str, detail: dict[str, Any], said: Said) -> tuple[Observation, Observation | None]:
    """A sign that takes back what was said of it today replaces that."""
    told = await of_day(tx, said.patient, sign, said.now, said.zone) if said.corrects else []
    row = await _store_words(tx, sign, text, detail, said)
    replaced = None
    for earlier in told:
        if earlier.id != row.id and earlier.detail.get("status") != detail["status"]:
            set_status(tx, earlier, "entered-in-error", reason="corrected by the family", now=said.now, by=row.id)
            replaced = earlier
    return row, replaced


async def take_option(tx: AsyncSession, question: str, value: int, label: str, said: Said) -> Observation:
    """Store what was chosen as the answer to `question`, by its value and in the words of the button."""
    return await _store_answer(tx, question, float(value), label, said)


async def take_words(tx: AsyncSession, question: str, text: str, said: Said) -> Observation:
    """Store the family's own words as the answer to `question`."""
    return await _store_answer(tx, question, None, text[:MOST_WORDS], said)


async def _store_answer(tx: AsyncSession, question: str, value: float | None, text: str, said: Said) -> Observation:
    told = await of_day(tx, said.patient, ANSWER + question, said.now, said.zone) if said.corrects else []
    row = await store(
        tx,
        said.patient,
        code=ANSWER + question,
        value=value,
        unit=None,
        text=text,
        at=said.now,
        now=said.now,
        message_id=said.message_id,
        task_id=said.task_id,
    )
    for earlier in told:
        if earlier.id != row.id and earlier.task_id == said.task_id:
            set_status(tx, earlier, "entered-in-error", reason="corrected by the family", now=said.now, by=row.id)
    return row


def _sign_echo(mention: "SymptomMention") -> str | None:
    if mention.concept in UNSAID or mention.concept.startswith("ctx_"):
        return None
    if mention.status == "absent":
        # 没有痰, not 没有有痰.
        return say("echo.symptom_absent", name=mention.name.removeprefix("有"))
    name = words("symptom_names").get(mention.concept, mention.name)
    if mention.when == "past" and mention.status == "present":
        return say("echo.symptom_past", name=name)
    # A disease that was named is not thereby there.
    named = default_content().symptoms.concepts[mention.concept].kind == "diagnosis"
    return say("echo.named" if named else f"echo.symptom_{mention.status}", name=name)


async def take_medicine(tx: AsyncSession, mention: "MedicineMention", said: Said) -> Observation | None:
    """Store a medicine that is used or left out, with the dose as typed; None for one that is only asked about."""
    if mention.status == "asked":
        return None
    detail = {"status": mention.status} | ({"dose": mention.dose} if mention.dose else {})
    return await _store_words(tx, MEDICINE, mention.text, detail, said)


async def take_treatment(tx: AsyncSession, text: str, said: Said) -> Observation:
    """Store what is told of a treatment without its name, in the family's own words."""
    return await _store_words(tx, MEDICINE, text[:TOLD], {"status": "told"}, said)


async def _store_words(tx: AsyncSession, code: str, text: str, detail: dict[str, Any], said: Said) -> Observation:
    return await store(
        tx,
        said.patient,
        code=code,
        value=None,
        unit=None,
        text=text,
        at=said.now,
        now=said.now,
        message_id=said.message_id,
        task_id=said.task_id,
        detail=detail,
    )
