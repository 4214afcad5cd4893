"""What is due for some families, done in one transaction: one conversation for each family, whatever it is about.

Everything is read and written for all of them at once. Nothing is sent here: the outbox does that after the commit, under keys that make
a repeat harmless.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.choices import opening_texts
from bot.family_speech import EDUCATION, FamilySpeech
from bot.lines import hand_over
from bot.reach import OPENED, Means, Message, carry_out, unreachable
from bot.turn import TurnTaker
from bot.welcome import welcomes
from plans.bundle import Piece, Words
from plans.condition import CONDITION, conditions_hold
from plans.family import Family
from plans.guard import LOOK_AGAIN, WITH_A_PERSON, held_up_by
from plans.held import note_held
from plans.missed import missed_again
from plans.question import next_question
from plans.reach.arrive import told_by, under_way
from plans.reach.decide import decide_many
from plans.reach.route import Decision, Want
from plans.remind import expire, expired_as
from plans.step_kind import TALKS, TELLS
from plans.task import is_announced, note_opened
from plans.task_key import task_key
from plans.task_move import TaskMove, ends, move_tasks
from plans.template.step import ASKS, REMINDS
from plans.wording import say
from records.chat import Chat
from records.errand import NewErrand, raise_errands
from records.message import enqueue_all
from records.patient import Patient
from records.staff import Team

# Whether what was only told has arrived is looked at after this; by then the outbox has long sent it.
TOLD_LOOK = timedelta(minutes=10)
# Something to read waits for the end of what is asked, at the longest so long (R).
READ_LATER = timedelta(hours=2)
# What no other route could mend: the family's own wish, or a usefulness that is over.
NOT_FOR_A_NURSE = frozenset({"stopped", "paused", "expired"})
CLINICIAN_TASK = "clinician_task"


class FamilyRound:
    """One transaction `tx` over `families`, which are locked. `priority` is that of the jobs that send."""

    def __init__(
        self, tx: AsyncSession, families: Sequence[Family], *, turns: TurnTaker, means: Means, now: datetime, priority: int, rng: Random
    ) -> None:
        self._tx, self._families, self._now, self._means, self._turns = tx, families, now, means, turns
        self._priority, self._rng = priority, rng
        self._moves: list[TaskMove] = []
        self._speech = FamilySpeech(tx, now)
        self._errands: list[NewErrand] = []
        self._unreached: dict[str, list[Patient]] = defaultdict(list)
        self._missed: list[Piece] = []

    async def run(self) -> int:
        """Do what is due; how many follow-ups were looked at."""
        pieces = [piece for family in self._families for piece in family.due]
        planned = [piece.task for piece in pieces if piece.task.state == "scheduled"]
        templates = {piece.task.id: piece.template for piece in pieces}
        self._holds = await conditions_hold(self._tx, planned, self._now, self._means.zone, templates=templates)
        announced = [piece.task.id for piece in pieces if is_announced(piece.task)]
        self._under_way = await under_way(self._tx, announced)
        waiting = [family.chat for family in self._families if family.chat is not None and any(is_announced(p.task) for p in family.due)]
        self._welcomes = await welcomes(self._tx, waiting, self._now)
        told = [piece.task for piece in pieces if piece.step.kind in TELLS | REMINDS and not is_announced(piece.task)]
        self._told = await told_by(self._tx, [task.id for task in told if task.state != "scheduled"])
        wants: list[tuple[Family, Want, list[Piece]]] = []
        for family in self._families:
            found = await self._sort(family)
            if found is not None:
                wants.append((family, *found))
        departments = {team.id: team.name for team in await self._tx.scalars(select(Team))} if wants else {}
        wants = [(family, self._of_team(want, pieces, departments), pieces) for family, want, pieces in wants]
        decided = await decide_many(
            self._tx, [want for _, want, _ in wants], now=self._now, zone=self._means.zone, channels=self._means.channels
        )
        opened = [(want.carer_id, of) for _, want, of in wants if want.purpose == "task" and decided[want.key].kind == "send"]
        alone = [(carer, of[0]) for carer, of in opened if _is_plain(of)]
        self._around = await opening_texts(self._tx, alone, now=self._now, zone=self._means.zone, rng=self._rng)
        for family, want, bundle in wants:
            await self._carry_out(family, want, decided[want.key], bundle)
        await carry_out(self._tx, [Message(want, None) for _, want, _ in wants if decided[want.key].route != "kf"], decided, self._now)
        await self._write()
        return len(pieces)

    def _of_team(self, want: Want, pieces: Sequence[Piece], departments: dict[int, str]) -> Want:
        return Want(**{**want.__dict__, "department": departments.get(pieces[0].patient.team_id)})

    async def _sort(self, family: Family) -> tuple[Want, list[Piece]] | None:
        """End what has ended, hold what has to wait, and gather what the family is to hear now; None when that is nothing."""
        if not any(_really_due(piece, self._now) for piece in family.due):
            return None
        to_open: list[Piece] = []
        to_remind: list[Piece] = []
        come: list[Piece] = []
        for piece in family.due:
            match await self._one(family, piece):
                case "open":
                    to_open.append(piece)
                case "remind":
                    to_remind.append(piece)
                case "come":
                    come.append(piece)
        if come:
            await self._open_announced(family, come)
            # The rest waits for the end of this conversation.
            self._hold(to_open + to_remind, self._now + LOOK_AGAIN)
            return None
        to_open = self._joined(family, to_open)
        if any(piece.talks for piece in (*to_open, *to_remind)):
            lessons = [piece for piece in to_open if piece.step.kind == EDUCATION]
            self._hold(lessons, self._now + READ_LATER)
            to_open = [piece for piece in to_open if piece not in lessons]
        bundle = to_open + to_remind
        if not bundle:
            return None
        if family.carer is None:
            self._give_up(bundle, "no_carer")
            return None
        number = sum(piece.reminded for piece in to_remind) + 1
        what = "opening" if to_open else f"reminder:{number}"
        key = task_key((piece.task.id for piece in bundle), what)
        useful = max(piece.task.useful_until for piece in bundle)
        ids = tuple(piece.task.id for piece in bundle)
        purpose = "task" if to_open else "reminder"
        return Want(key, family.carer.id, purpose, bundle[0].patient.id, ids, None, useful, family.busy), bundle

    async def _one(self, family: Family, piece: Piece) -> str | None:
        """What is to be done with one follow-up; what needs no word to the family is done at once."""
        task, now = piece.task, self._now
        if piece.step.kind in ASKS and next_question(task, piece.template, piece.patient) is None:
            # All was told before it was asked.
            self._moves.append(ends(task, "done", "answered", now, by="family"))
            return None
        if task.state == "scheduled":
            if not self._holds.get(task.id, True):
                self._moves.append(ends(task, "withdrawn", CONDITION, now))
            elif now >= task.useful_until:
                self._moves.append(ends(task, "undeliverable", held_up_by(task, family.chat, family.carer, family.busy), now))
            elif piece.step.kind == CLINICIAN_TASK:
                self._to_clinician(piece)
            else:
                return "open"
            return None
        if now >= task.useful_until:
            await self._expire(piece)
            return None
        if is_announced(task):
            came = self._came(family, piece)
            return "come" if came else "open" if task.id not in self._under_way else self._may_remind(piece)
        if piece.step.kind in TELLS:
            self._settle_told(piece)
            return None
        return self._may_remind(piece)

    def _may_remind(self, piece: Piece) -> str | None:
        if piece.reminded < len(piece.step.reminders):
            return "remind"
        piece.task.next_at = piece.task.useful_until
        return None

    def _came(self, family: Family, piece: Piece) -> bool:
        """Whether the family has written, or entered the chat, since this was announced."""
        chat, since = family.chat, piece.task.sent_at
        wrote = chat is not None and since is not None and chat.window_from is not None and chat.window_from >= since
        # WeCom tells the time of a message in whole seconds: it may seem to lie before what it answers.
        answered = self._under_way.get(piece.task.id) in ("opened", "answered")
        return chat is not None and (wrote or answered or chat.id in self._welcomes)

    def _joined(self, family: Family, pieces: list[Piece]) -> list[Piece]:
        """Those that join the conversation in which the family is become its next subjects; the others are left."""
        chat, carer = family.chat, family.carer
        if not family.busy or chat is None or carer is None or chat.state != "bot" or carer.stopped_at is not None:
            return pieces
        if carer.paused_until is not None and self._now < carer.paused_until:
            return pieces
        joining = [piece for piece in pieces if piece.step.start == "join" and piece.talks and piece.task.state == "scheduled"]
        for piece in joining:
            self._sent(piece, chat, "joined")
            if chat.task_id is None:
                chat.task_id, chat.patient_id = piece.task.id, piece.patient.id
        return [piece for piece in pieces if piece not in joining]

    async def _carry_out(self, family: Family, want: Want, decision: Decision, bundle: list[Piece]) -> None:
        """Do what was decided about the family's opening or reminder."""
        metrics.TASKS.labels(_became(want, decision)).inc(len(bundle))
        match decision.kind:
            case "send":
                await self._say(family, want, decision, bundle)
            case "wait":
                self._hold(bundle, decision.until or self._now + LOOK_AGAIN)
                for piece in bundle:
                    note_held(piece.task, decision.reason, self._now)
            case "repeat":
                self._hold(bundle, self._now + LOOK_AGAIN)
            case _:
                self._give_up(bundle, decision.reason)

    async def _say(self, family: Family, want: Want, decision: Decision, bundle: list[Piece]) -> None:
        chat = decision.chat if decision.route == "kf" else None
        lessons = await self._speech.lessons(chat, bundle) if chat is not None else {}
        bundle = self._without_empty(bundle, lessons)
        for piece in bundle:
            if piece.task.state == "scheduled":
                self._sent(piece, chat, "due" if chat is not None else "announced")
            elif want.purpose == "task" and is_announced(piece.task):
                # Announced before, by a route that failed.
                piece.task.next_at = self._after(piece)
                if chat is not None:
                    piece.task.chat_id = chat.id
                    note_opened(self._tx, piece.task, self._now)
            else:
                until = min(self._now + piece.step.reminder_after(piece.reminded + 1), piece.task.useful_until)
                self._moves.append(TaskMove(piece.task, "reminded", "no answer yet", {"next_at": until}))
        if chat is not None and bundle:
            around = self._around.get(bundle[0].task.id)
            reminds = want.purpose != "task"
            await self._speech.say(
                chat, decision.key, bundle, lessons, purpose=want.purpose, useful_until=want.useful_until, reminds=reminds, around=around
            )

    def _without_empty(self, bundle: list[Piece], lessons: Mapping[int, Words]) -> list[Piece]:
        """The bundle less those lessons of which nothing is published, which end."""
        empty = [piece for piece in bundle if piece.task.id in lessons and not lessons[piece.task.id].text]
        self._moves += [ends(piece.task, "undeliverable", "no_content", self._now) for piece in empty]
        return [piece for piece in bundle if piece not in empty]

    async def _open_announced(self, family: Family, come: list[Piece]) -> None:
        """The family has come: what was announced to it is said as an answer to that, which neither night nor budget holds back."""
        chat = family.chat
        assert chat is not None  # noqa: S101 - nobody comes without a chat
        welcome = self._welcomes.get(chat.id)
        if family.busy or chat.state != "bot" or chat.service_state in WITH_A_PERSON:
            return self._hold(come, self._now + LOOK_AGAIN)
        if welcome is None and not chat.window_open(self._now):
            return self._hold(come, max(piece.task.useful_until for piece in come))
        lessons = await self._speech.lessons(chat, come)
        come = self._without_empty(come, lessons)
        if not come:
            return None
        alone = [(family.key.carer_id or 0, come[0])] if _is_plain(come) else []
        around = await opening_texts(self._tx, alone, now=self._now, zone=self._means.zone, rng=self._rng)
        for piece in come:
            piece.task.chat_id, piece.task.next_at = chat.id, self._after(piece)
            note_opened(self._tx, piece.task, self._now)
        key = task_key((piece.task.id for piece in come), f"opened:{welcome.event_id if welcome else int(self._now.timestamp())}")
        useful = max(piece.task.useful_until for piece in come)
        return await self._speech.say(
            chat, key, come, lessons, purpose=OPENED, useful_until=useful, around=around.get(come[0].task.id), welcome=welcome
        )

    def _sent(self, piece: Piece, chat: Chat | None, reason: str) -> None:
        columns = {"chat_id": chat.id if chat is not None else None, "sent_at": self._now, "next_at": self._after(piece)}
        self._moves.append(TaskMove(piece.task, "sent", reason, columns))

    def _after(self, piece: Piece) -> datetime:
        """When to look at it again after it was said."""
        after = TOLD_LOOK if piece.step.kind in TELLS else piece.step.reminder_after(piece.reminded)
        return min(self._now + after, piece.task.useful_until)

    def _hold(self, pieces: Iterable[Piece], until: datetime) -> None:
        for piece in pieces:
            piece.task.next_at = min(until, piece.task.useful_until)

    def _give_up(self, bundle: Sequence[Piece], reason: str) -> None:
        """No route leads to the family: what was not opened ends, and a nurse has it; a reminder is left out."""
        for piece in bundle:
            if piece.task.state == "scheduled" or is_announced(piece.task):
                self._moves.append(ends(piece.task, "undeliverable", reason, self._now))
                if reason not in NOT_FOR_A_NURSE:
                    self._unreached[reason].append(piece.patient)
            else:
                piece.task.next_at = piece.task.useful_until

    def _to_clinician(self, piece: Piece) -> None:
        """Nothing for the family: it stands in the work list until a clinician closes it there."""
        patient, step = piece.patient, piece.step
        text = (step.text or step.title).replace("{name}", patient.name)
        because = say("clinician_task.because", title=piece.template.title, step=step.title)
        self._errands.append(
            NewErrand(patient.id, patient.team_id, CLINICIAN_TASK, text, because, task_key([piece.task.id], "clinician"), None)
        )
        self._moves.append(TaskMove(piece.task, "sent", "errand", {"sent_at": self._now, "next_at": None}))

    def _settle_told(self, piece: Piece) -> None:
        """What was told is done when the outbox has sent it."""
        if self._told.get(piece.task.id, "sent") == "planned":
            self._hold([piece], self._now + TOLD_LOOK)
        else:
            self._moves.append(ends(piece.task, "done", "told", self._now))

    async def _expire(self, piece: Piece) -> None:
        state, reason = expired_as(piece, arrived=self._told.get(piece.task.id, "sent") != "planned")
        if state == "partial" or (piece.step.kind in TALKS and piece.task.state == "started"):
            state = await expire(self._tx, piece, now=self._now)
        else:
            self._moves.append(ends(piece.task, state, reason, self._now))
        metrics.TASKS.labels(state).inc()
        if state == "missed" and piece.step.missed is not None:
            self._missed.append(piece)

    async def _write(self) -> None:
        """Everything into the database, in one order for all."""
        tx, now = self._tx, self._now
        chats = [family.chat for family in self._families if family.chat is not None]
        await move_tasks(tx, self._moves, chats=chats, now=now)
        self._never_at_once_again()
        await tx.flush()
        if self._speech.begun and self._turns.talker is not None:
            await self._turns.talker.begin_follow_ups(tx, self._speech.begun, now)
        await enqueue_all(tx, self._speech.rows)
        await raise_errands(tx, self._errands, now=now)
        for reason, patients in self._unreached.items():
            await unreachable(tx, list({patient.id: patient for patient in patients}.values()), reason, now)
        for piece in self._missed:
            await missed_again(tx, piece, now=now)
        await hand_over(tx, self._speech.rows, priority=self._priority)

    def _never_at_once_again(self) -> None:
        """Whatever was forgotten above must not keep the line busy for ever."""
        for family in self._families:
            for piece in family.due:
                if piece.task.closed_at is None and piece.task.state != "sent" and _really_due(piece, self._now):
                    piece.task.next_at = self._now + LOOK_AGAIN


def _became(want: Want, decision: Decision) -> str:
    """The label under which the follow-ups are counted."""
    if decision.kind == "no":
        return "undeliverable"
    if decision.kind != "send":
        return decision.kind
    return "reminded" if want.purpose != "task" else "opened" if decision.route == "kf" else "announced"


def _is_plain(bundle: Sequence[Piece]) -> bool:
    """Whether it is one follow-up of questions alone, whose opening has words that may be chosen."""
    return len(bundle) == 1 and bundle[0].talks and bundle[0].step.kind != "questionnaire"


def _really_due(piece: Piece, now: datetime) -> bool:
    """Whether its moment has come, rather than being near."""
    return piece.task.next_at <= now if piece.task.next_at is not None else piece.task.due_at <= now
