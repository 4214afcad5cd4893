"""Answers that are no numbers: signs that are told without their names, choices, and free words."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncSession

from plans.hear import Heard, hear_signs, keep
from plans.question import entry, questions
from plans.read_answer import read_choice, read_signs
from plans.taking import Said
from plans.taking_words import take_option, take_words
from plans.template import Choice, PlanTemplate, Question
from plans.wording import say as wording
from plans.wording import words
from records.care_plan import Task

if TYPE_CHECKING:
    from tagging.symptom import SymptomMention

# The question's id and the option's value of a button.
Tapped = tuple[str, int]
# As much of free words as the task itself shows; the record keeps more.
MOST_SAID = 200


async def hear_words(
    tx: AsyncSession,
    heard: Heard,
    task: Task,
    template: PlanTemplate,
    question: Question,
    text: str,
    said: Said,
    *,
    asked_signs: Sequence[str],
    mentions: "Sequence[SymptomMention]",
    tapped: Tapped | None,
    refused: bool,
) -> None:
    """Read `text` as the answer to `question`, beside what has been heard; `asked_signs` are those that it asked for.

    `tapped` is a button's; `refused` says that the words refuse an answer, which are then no free words to keep.
    """
    chosen = _chosen(task, template, question, text, tapped, corrects=said.corrects)
    if chosen is not None:
        await _take_choice(tx, heard, task, *chosen, said)
    elif question.kind == "symptoms":
        noted = entry(task, question).get("signs", {})
        read = read_signs(text, question, asked_signs, mentions)
        left = {sign: status for sign, status in read.items() if noted.get(sign) != status}
        if left:
            await hear_signs(tx, heard, task, question, left, text=text, said=said)
    elif question.kind == "text" and not refused:
        row = await take_words(tx, question.id, text, said)
        known = entry(task, question) | {"status": "answered", "said": text[:MOST_SAID]}
        known["observations"] = [*known["observations"], row.id]
        keep(task, question, known, said.message_id)
        heard.stored += 1
        heard.echoes.append(wording("words_told.told"))
        heard.questions.add(question.id)


async def _take_choice(tx: AsyncSession, heard: Heard, task: Task, question: Question, option: Choice, said: Said) -> None:
    before = entry(task, question).get("value")
    row = await take_option(tx, question.id, option.value, option.label, replace(said, corrects=before is not None))
    known = entry(task, question) | {"status": "answered", "value": option.value, "said": option.label}
    known["observations"] = [*known["observations"], row.id]
    keep(task, question, known, said.message_id)
    heard.stored += 1
    heard.echoes.append(wording("choice.told", label=option.label))
    if before is not None and before != option.value:
        heard.replaced.append(row.code)
    heard.questions.add(question.id)


def _chosen(
    task: Task, template: PlanTemplate, question: Question, text: str, tapped: Tapped | None, *, corrects: bool
) -> tuple[Question, Choice] | None:
    """The choice that is meant, and the option of it: the open one's, or one that is taken back."""
    choices = [each for each in questions(task, template) if each.kind == "choice"]
    if tapped is not None:
        about = next((each for each in choices if each.id == tapped[0]), None)
        option = next((option for option in about.options if option.value == tapped[1]), None) if about else None
        return (about, option) if about is not None and option is not None else None
    if corrects:
        for about in reversed(choices):
            if entry(task, about)["status"] == "answered" and (read := read_choice(_put_right(text), about)) is not None:
                return about, read
    if question.kind == "choice" and (read := read_choice(text, question)) is not None:
        return question, read
    return None


def _put_right(text: str) -> str:
    """What is said behind the words that take something back: 不对，是没吃."""
    marks = words("corrections")
    for mark in sorted((*marks["words"], *marks["starts"]), key=len, reverse=True):
        if mark in text:
            return text.split(mark, 1)[1].lstrip("，,。.！! 了是应该")
    return text
