"""The words of a conversation about everything that is due for one family: one opening, one reminder. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from plans.question import ask_of, buttons_of, next_question
from plans.step_kind import TALKS, seconds
from plans.template import PlanTemplate, Step
from plans.template.step import REMINDS
from plans.wording import say, words
from records.care_plan import Task
from records.patient import Patient

# The answers to a reminder of something that is done elsewhere, in the order of their buttons (wording.yml `taps`).
TAPS = ("known", "done", "move", "cannot")
TAP = "task_"
# WeCom's menu has no more items.
MOST_BUTTONS = 10


@dataclass(frozen=True)
class Piece:
    """One thing that is due: the follow-up, whose it is, and what its template says. `reminded` counts its reminders so far."""

    task: Task
    patient: Patient
    template: PlanTemplate
    reminded: int = 0

    @property
    def step(self) -> Step:
        """What the template does here."""
        return self.template.step(self.task.step)

    @property
    def talks(self) -> bool:
        """Whether it is a conversation, rather than something to be told."""
        return self.step.kind in TALKS


@dataclass(frozen=True)
class Words:
    """What is said, with its buttons as (id, label)."""

    text: str
    buttons: tuple[tuple[str, str], ...] = ()


def first_of(pieces: Sequence[Piece], current: int | None = None) -> Piece | None:
    """The one that is asked first: what was being asked already, else the earliest conversation. None where all is only told."""
    talks = sorted((piece for piece in pieces if piece.talks), key=lambda each: (each.task.id != current, each.task.due_at, each.task.id))
    return next(iter(talks), None)


def question_of(piece: Piece) -> Words:
    """The first question of a piece, or for a questionnaire that it begins. Raises ValueError when nothing is left to ask."""
    if piece.step.kind == "questionnaire":
        return Words(say("bundle.questionnaire", title=piece.step.title))
    question = next_question(piece.task, piece.template, piece.patient)
    if question is None:
        raise ValueError(f"task {piece.task.id} has no open question")
    return Words(ask_of(question, piece.patient), buttons_of(piece.task, question))


def opening_words(pieces: Sequence[Piece], first: Words | None, *, current: int | None = None, around: str | None = None) -> Words:
    """The one message that opens everything: what is only told first, then what is asked, of which `first` is asked now.

    `first` are the words of `first_of(pieces, current)`; `around` are other words around a single question than its template's.
    """
    asked = first_of(pieces, current)
    told = [piece for piece in pieces if not piece.talks]
    if asked is not None and first is not None and len(pieces) == 1:
        opening = around or asked.template.texts.opening
        return Words(opening.format(name=asked.patient.name, question=first.text), first.buttons)
    several = _children(pieces) > 1
    notes = [_note(piece) for piece in told if piece.step.text]
    if len(pieces) == 1 and not notes:
        # Something to read speaks for itself.
        return Words("")
    lines = [say("bundle.hello") + _announced(pieces), *notes]
    if asked is not None and first is not None:
        form = "bundle.first_of" if several else "bundle.first"
        lines.append(say(form, name=asked.patient.name, title=asked.step.title, question=first.text))
    return Words("\n".join(lines), _buttons(first, told))


def reminder_words(pieces: Sequence[Piece], first: Words | None, *, current: int | None = None) -> Words:
    """The one message that reminds of everything that waits for an answer."""
    asked = first_of(pieces, current)
    told = [piece for piece in pieces if not piece.talks]
    if asked is not None and first is not None and len(pieces) == 1:
        return Words(asked.template.texts.reminder.format(name=asked.patient.name, question=first.text), first.buttons)
    several = _children(pieces) > 1
    lines = [say("bundle.remind", count=len(pieces), titles=_titles(pieces))]
    lines += [_note(piece) for piece in told if piece.step.text]
    if asked is not None and first is not None:
        form = "bundle.first_of" if several else "bundle.first"
        lines.append(say(form, name=asked.patient.name, title=asked.step.title, question=first.text))
    lines.append(say("bundle.whenever"))
    return Words("\n".join(lines), _buttons(first, told))


def _announced(pieces: Sequence[Piece]) -> str:
    """How many things there are, which, and how long they take; nothing for one that is only told."""
    talks = [piece for piece in pieces if piece.talks]
    if len(pieces) == 1:
        return ""
    if not talks:
        return say("bundle.several_told", count=len(pieces), titles=_titles(pieces))
    minutes = max(1, ceil(sum(seconds(piece.step) for piece in talks) / 60))
    return say("bundle.several", count=len(pieces), titles=_titles(pieces), minutes=minutes)


def _titles(pieces: Sequence[Piece]) -> str:
    """体温、口腔; of several children 安安的体温、口腔，乐乐的血糖."""
    by_child: dict[int, list[Piece]] = {}
    for piece in pieces:
        by_child.setdefault(piece.patient.id, []).append(piece)
    titles = [say("echo.listed").join(dict.fromkeys(piece.step.title for piece in of)) for of in by_child.values()]
    if len(by_child) == 1:
        return titles[0]
    named = [say("bundle.titles_of", name=of[0].patient.name, titles=each) for of, each in zip(by_child.values(), titles, strict=True)]
    return say("echo.joined").join(named)


def _children(pieces: Sequence[Piece]) -> int:
    return len({piece.patient.id for piece in pieces})


def _note(piece: Piece) -> str:
    text = (piece.step.text or "").replace("{name}", piece.patient.name)
    return say("bundle.note", name=piece.patient.name, title=piece.step.title, text=text)


def _buttons(first: Words | None, told: Sequence[Piece]) -> tuple[tuple[str, str], ...]:
    """Those of the question, then those of the reminders; of very many only what closes a reminder at once."""
    asked = first.buttons if first is not None else ()
    reminders = [piece for piece in told if piece.step.kind in REMINDS]
    for taps in (TAPS, TAPS[:1]):
        offered = [tap for piece in reminders for tap in taps_of(piece, taps, alone=len(reminders) == 1)]
        if len(asked) + len(offered) <= MOST_BUTTONS:
            return (*asked, *offered)
    return asked


def taps_of(piece: Piece, taps: Sequence[str] = TAPS, *, alone: bool = True) -> list[tuple[str, str]]:
    """The buttons of a reminder, as (id, label); not `alone`, each names its own."""
    labels = words("taps")
    named = {tap: labels[tap] if alone else say("bundle.tap_of", label=labels[tap], title=piece.step.title) for tap in taps}
    return [(f"{TAP}{piece.task.id}_{tap}", label) for tap, label in named.items()]
