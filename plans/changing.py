"""A clinician, or a rule, changes a plan for one patient: a row that holds until it is undone, applied at once to what is not sent yet.

Nothing here reaches what answers mean: rules, ranges and alerts are the template's.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.change import EVERY_STEP, OWN_SLOTS
from plans.clock import local_day
from plans.enrolment import RUNNING
from plans.guard import QUIET
from plans.personal import plan_templates
from plans.planning_words import say
from plans.replan import Key, Replanned, replan
from plans.task import TALKING
from plans.template import PlanTemplate, Step, TemplateError
from plans.template.mistake import sentence
from records.care_plan import CarePlan, CarePlanChange, Task

# A message in the chat that is longer is not read.
LONGEST_TEXT = 500
LONGEST_CHANGE = 366


class ChangeRefused(ValueError):
    """The plan cannot be changed so; the text is a sentence for the clinician."""

    permanent = True

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(say(f"change_refused.{code}", **values))
        self.code = code


class Changer:
    """Changes to one plan by one person at one moment. Each gives the row of the change and what became of the follow-ups.

    All raise ChangeRefused: the plan is over, a step or question that it has not, a day gone by, an hour of the night.
    """

    def __init__(self, tx: AsyncSession, plan: CarePlan, *, by: str, now: datetime, zone: ZoneInfo, reason: str | None = None) -> None:
        self._tx, self._plan, self._by, self._now, self._zone, self._reason = tx, plan, by, now, zone, reason
        self._today = local_day(now, zone)

    async def skip(self, step: str, day: date | None = None, slot: int | None = None) -> tuple[CarePlanChange, Replanned]:
        """Leave out the follow-ups of a step on `day` (one of them by `slot`); without a day the whole step, from today on."""
        await self._known(step)
        if day is None:
            return await self._write("skip", step, {"from": self._today.isoformat()})
        await self._not_sent(step, day, slot)
        return await self._write("skip", step, {}, day=day, slot=slot)

    async def move(self, step: str, day: date, to: date, *, slot: int = 0, hour: int | None = None) -> tuple[CarePlanChange, Replanned]:
        """Put one follow-up to another day, and hour (None: the hour it had)."""
        await self._known(step)
        self._check_day(to)
        standing = await self._not_sent(step, day, slot)
        if standing is None and day <= self._today:
            raise ChangeRefused("not_planned", day=day, step=step)
        own = standing.due_at.astimezone(self._zone).hour if standing is not None else None
        detail = {"day": to.isoformat()} | ({"hour": self._hour(hour if hour is not None else own)} if (hour or own) is not None else {})
        return await self._write("move", step, detail, day=day, slot=slot)

    async def add_task(self, step: str, day: date, *, hour: int | None = None) -> tuple[CarePlanChange, Replanned]:
        """One more follow-up of a step that the plan has, on `day`."""
        await self._known(step)
        self._check_day(day)
        return await self._write("add", step, {"day": day.isoformat()} | ({"hour": self._hour(hour)} if hour is not None else {}))

    async def add_step(self, body: Mapping[str, Any], day: date, *, hour: int | None = None) -> tuple[CarePlanChange, Replanned]:
        """A follow-up that the template has not: `body` is a step as in a template, without id, anchor and schedule."""
        self._check_day(day)
        # Its day is said here: what a step must have of a schedule has no meaning.
        whole = {"src": "R", **body, "anchor": "enrolment", "schedule": [{"days": [0], "src": "R"}]}
        try:
            Step.model_validate({**whole, "id": "own"})
        except ValidationError as err:
            raise ChangeRefused("body", error="；".join(each["msg"] for each in err.errors())) from err
        detail = {"day": day.isoformat(), "body": whole} | ({"hour": self._hour(hour)} if hour is not None else {})
        return await self._write("add", "", detail)

    async def change_hours(self, step: str, hours: Sequence[int], *, since: date | None = None) -> tuple[CarePlanChange, Replanned]:
        """Other clock hours of the day for a step (`*`: for all that name none), from `since` (None: tomorrow) on."""
        if step != EVERY_STEP:
            await self._known(step)
        if not hours or list(hours) != sorted(set(hours)):
            raise ChangeRefused("no_hours")
        first = since or date.fromordinal(self._today.toordinal() + 1)
        self._check_day(first)
        return await self._write("hours", step, {"from": first.isoformat(), "hours": [self._hour(hour) for hour in hours]})

    async def change_text(
        self, step: str, *, title: str | None = None, text: str | None = None, question: str | None = None, ask: str | None = None
    ) -> tuple[CarePlanChange, Replanned]:
        """Other words: a step's title or text, or how one of its questions is asked. What the answer means stays."""
        known = await self._known(step)
        said = {name: words for name, words in (("title", title), ("text", text), ("question", question), ("ask", ask)) if words}
        if not said.keys() & {"title", "text", "ask"} or bool(question) != bool(ask):
            raise ChangeRefused("nothing")
        if any(len(words) > LONGEST_TEXT for words in said.values()):
            raise ChangeRefused("text_long", most=LONGEST_TEXT)
        ids = [each.id for each in known.questions]
        if text and not known.text:
            # Nobody would ever read it.
            raise ChangeRefused("no_text", step=step, known="、".join(ids) or "-")
        if question and question not in ids:
            raise ChangeRefused("question_unknown", step=step, question=question, known="、".join(ids) or "-")
        return await self._write("text", step, said)

    async def change_frequency(self, step: str, every: int, *, days: int, since: date | None = None) -> tuple[CarePlanChange, Replanned]:
        """A step every so many days, for so many `days` from `since` (None: tomorrow) on, instead of the template's days."""
        await self._known(step)
        if not 1 <= every <= 30 or not 1 <= days <= LONGEST_CHANGE:
            raise ChangeRefused("every")
        first = since or date.fromordinal(self._today.toordinal() + 1)
        self._check_day(first)
        last = date.fromordinal(first.toordinal() + days - 1)
        return await self._write("frequency", step, {"from": first.isoformat(), "until": last.isoformat(), "every": every})

    async def undo(self, change: CarePlanChange) -> Replanned:
        """Take a change back; what the template says counts again."""
        if change.undone_at is not None:
            raise ChangeRefused("undone")
        await self._open()
        change.undone_at, change.undone_by = self._now, self._by
        self._plan.changes += 1
        await self._tx.flush()
        return await self._replanned("undo", {})

    async def _open(self) -> PlanTemplate:
        if self._plan.state not in RUNNING:
            raise ChangeRefused("over")
        found = await plan_templates(self._tx, [self._plan])
        if self._plan.id not in found:
            raise TemplateError(sentence("version_gone", id=self._plan.template, version=self._plan.template_version))
        return found[self._plan.id]

    async def _known(self, step: str) -> Step:
        template = await self._open()
        for each in template.steps:
            if each.id == step:
                return each
        raise ChangeRefused("step_unknown", title=template.title, step=step, known="、".join(each.id for each in template.steps))

    def _check_day(self, day: date) -> None:
        if day < self._today:
            raise ChangeRefused("past", day=day)

    def _hour(self, hour: int | None) -> int:
        if hour is None or hour not in QUIET.open_hours:
            raise ChangeRefused("quiet", hour=hour)
        return hour

    async def _not_sent(self, step: str, day: date, slot: int | None) -> Task | None:
        """The follow-up as it stands, None where it is not made yet."""
        self._check_day(day)
        where = [Task.care_plan_id == self._plan.id, Task.step == step, Task.day == day, Task.state != "withdrawn"]
        if slot is not None:
            where.append(Task.slot == slot)
        tasks = (await self._tx.scalars(select(Task).where(*where).order_by(Task.slot))).all()
        if any(task.state in TALKING or task.closed_at is not None for task in tasks):
            raise ChangeRefused("sent", day=day, step=step)
        return tasks[0] if tasks else None

    async def _write(
        self, kind: str, step: str, detail: dict[str, Any], *, day: date | None = None, slot: int | None = None
    ) -> tuple[CarePlanChange, Replanned]:
        await self._open()
        change = CarePlanChange(
            care_plan_id=self._plan.id, kind=kind, step=step, day=day, slot=slot, detail=detail, at=self._now, by=self._by,
            reason=self._reason,
        )  # fmt: skip
        self._tx.add(change)
        self._plan.changes += 1
        await self._tx.flush()
        if not step:
            change.step = f"own_{change.id}"
            await self._tx.flush()
        pairs: dict[Key, Key] = {}
        if kind == "move" and day is not None:
            pairs[step, day, slot or 0] = (step, date.fromisoformat(detail["day"]), OWN_SLOTS + change.id)
        return change, await self._replanned(kind, pairs)

    async def _replanned(self, kind: str, pairs: dict[Key, Key]) -> Replanned:
        return await replan(self._tx, self._plan, by=self._by, reason=f"change: {kind}", now=self._now, zone=self._zone, pairs=pairs)


async def add_task(
    tx: AsyncSession, plan: CarePlan, step: str, day: date, *, by: str, now: datetime, zone: ZoneInfo, reason: str | None = None
) -> CarePlanChange:
    """One more follow-up of a step, for rules. Raises ChangeRefused."""
    return (await Changer(tx, plan, by=by, now=now, zone=zone, reason=reason).add_task(step, day))[0]


async def change_frequency(
    tx: AsyncSession, plan: CarePlan, step: str, every: int, *, days: int, by: str, now: datetime, zone: ZoneInfo, reason: str | None = None
) -> CarePlanChange:
    """A step every so many days for so many days from tomorrow on, for rules. Raises ChangeRefused."""
    return (await Changer(tx, plan, by=by, now=now, zone=zone, reason=reason).change_frequency(step, every, days=days))[0]
