"""When a family's follow-ups go out, and how they begin: the two questions that planning and sending ask, for many at once.

The family's own hour or wish comes first, then a running experiment, then the team's adaptive choice (off by default), then the default.
With nothing turned on it costs one small query and writes nothing. Every choice that is made here is kept with what it came from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from plans.experiment.arm import arm_from
from plans.experiment.assign import assigned, lot
from plans.experiment.opening import PLAIN, Opening, openings
from plans.experiment.setting import active_settings
from plans.experiment.tally import Tally, draw
from plans.experiment.wish import wished_hours
from records.experiment import SEND_HOUR, WORDING, ChoiceSetting, Experiment, OptionTally, SendChoice
from records.patient import Carer

# A family is asked at one hour for four weeks before it is chosen anew: habits need regularity (R).
HOURS_HOLD_DAYS = 28
# Asked before everything else, once for each follow-up that opens.
_ANYTHING = select(
    or_(
        exists().where(ChoiceSetting.kind == bindparam("kind"), ChoiceSetting.active),
        exists().where(Experiment.kind == bindparam("kind"), Experiment.state == "running"),
    )
)
# What an hour is when nobody has chosen it: the default of `carer.follow_up_hour`.
USUAL_HOUR = 9


@dataclass(frozen=True)
class Wanted:
    """Whose follow-up it is about: of this family, plan and day, `default` being how it is done otherwise.

    `task_id` and `step` are needed for a wording alone.
    """

    carer_id: int
    care_plan_id: int
    patient_id: int
    team_id: int
    template: str
    day: date
    default: str
    step: str | None = None
    task_id: int | None = None

    @property
    def segment(self) -> str:
        """Whose habits are counted together: the families of one team and plan."""
        return f"{self.team_id}/{self.template}"


def chosen_hour(carer: Carer) -> int | None:
    """The hour that the family chose itself, which always counts; None where it is only the usual one."""
    own = carer.hour_chosen_at is not None or carer.follow_up_hour != USUAL_HOUR
    return carer.follow_up_hour if own else None


async def choose_hours(tx: AsyncSession, wanted: Sequence[tuple[Wanted, Carer]], *, now: datetime, rng: Random) -> dict[int, int]:
    """The local hour for each care plan, by its id: one for all follow-ups of the plan from `day` on, the same again for four weeks.

    Pass only steps that go at the family's hour, never those with clock times of their own. The family's own hour always wins; a wish it
    has told (its tag 晚上联系) comes next: the middle of that part of the day, or what is chosen within it. Hours of the night are never
    among the options.
    """
    found = {want.care_plan_id: chosen_hour(carer) or int(want.default) for want, carer in wanted}
    open_ = [want for want, carer in wanted if chosen_hour(carer) is None]
    wishes = await wished_hours(tx, [want.patient_id for want in open_]) if open_ else {}
    for want in open_:
        wish = wishes.get(want.patient_id)
        if wish is not None and int(want.default) not in wish:
            found[want.care_plan_id] = sorted(wish)[len(wish) // 2]
    return found | {plan: int(hour) for plan, hour in (await _choose(tx, SEND_HOUR, open_, now, rng)).items()}


async def choose_hour(tx: AsyncSession, want: Wanted, carer: Carer, *, now: datetime, rng: Random) -> int:
    """`choose_hours` for one plan."""
    return (await choose_hours(tx, [(want, carer)], now=now, rng=rng))[want.care_plan_id]


async def choose_wordings(tx: AsyncSession, wanted: Sequence[Wanted], *, now: datetime, rng: Random) -> dict[int, Opening]:
    """The opening of each task, by its id, the same when asked again. `opening.around(template's own)` is the text to fill in."""
    plain = openings()[PLAIN]
    chosen = await _choose(tx, WORDING, list(wanted), now, rng)
    # One that was taken out of the file since is the template's own again.
    return {want.task_id: openings().get(chosen.get(want.task_id, PLAIN), plain) for want in wanted if want.task_id is not None}


async def choose_wording(tx: AsyncSession, want: Wanted, *, now: datetime, rng: Random) -> Opening:
    """`choose_wordings` for one task."""
    return next(iter((await choose_wordings(tx, [want], now=now, rng=rng)).values()))


async def _choose(tx: AsyncSession, kind: str, wanted: list[Wanted], now: datetime, rng: Random) -> dict[int, str]:
    """What is chosen, by care plan (hours) or task (wordings); those without a choice are left out."""
    teams = {want.team_id for want in wanted}
    if not teams or not await tx.scalar(_ANYTHING, {"kind": kind}):
        return {}
    settings = await active_settings(tx, teams, kind)
    running = await _running(tx, teams, kind)
    if not settings and not running:
        return {}
    found = {_key(kind, row): row.chosen for row in await _made(tx, kind, wanted)}
    fresh = [want for want in wanted if _id(kind, want) not in found and (want.team_id in settings or want.team_id in running)]
    # Two days of one plan in one call: the first one speaks for both.
    fresh = list({_id(kind, want): want for want in reversed(fresh)}.values())[::-1]
    if not fresh:
        return found
    wishes = await wished_hours(tx, [want.patient_id for want in fresh]) if kind == SEND_HOUR else {}
    arms = await _arms(tx, running, [want for want in fresh if want.patient_id not in wishes], now)
    tallies = await _tallies(tx, kind, {want.segment for want in fresh})
    rows = []
    for want in fresh:
        row = _decide(kind, want, settings.get(want.team_id), arms.get(want), wishes.get(want.patient_id), tallies, rng)
        if row is not None:
            rows.append(row | {"at": now})
            found[_id(kind, want)] = row["chosen"]
    if rows:
        # Somebody else may have chosen meanwhile: what stands first counts.
        await tx.execute(insert(SendChoice).on_conflict_do_nothing(), rows)
        found |= {_key(kind, row): row.chosen for row in await _made(tx, kind, fresh)}
    return found


def _decide(
    kind: str,
    want: Wanted,
    setting: ChoiceSetting | None,
    arm: tuple[Experiment, str] | None,
    wish: frozenset[int] | None,
    tallies: Mapping[tuple[str, str], Tally],
    rng: Random,
) -> dict[str, Any] | None:
    """The row of one choice; None where the default stands without one."""
    row = {
        "kind": kind,
        "team_id": want.team_id,
        "carer_id": want.carer_id,
        "care_plan_id": want.care_plan_id,
        "task_id": want.task_id if kind == WORDING else None,
        "first_day": want.day,
        "last_day": want.day + timedelta(days=HOURS_HOLD_DAYS - 1) if kind == SEND_HOUR else want.day,
        "segment": want.segment,
        "default": want.default,
        "options": [],
        "seed": None,
        "experiment_id": None,
    }
    if arm is not None:
        experiment, id = arm
        of_arm = next(arm_from(kind, each) for each in experiment.arms if each["id"] == id)
        return row | {"why": "experiment", "chosen": of_arm.value, "experiment_id": experiment.id}
    if setting is None:
        return None
    options = [str(each) for each in setting.options if wish is None or int(each) in wish]
    if len(options) < 2:
        # What the family wishes leaves nothing to choose.
        return row | {"why": "family", "chosen": options[0]} if options else None
    if lot(setting.seed, "held out", want.carer_id) < setting.held_out:
        return row | {"why": "held_out", "chosen": want.default}
    seed = rng.getrandbits(62)
    chosen, shown = draw(options, {option: tallies.get((want.segment, option), Tally()) for option in options}, seed)
    return row | {"why": "drawn", "chosen": chosen, "options": shown, "seed": seed}


async def _running(tx: AsyncSession, teams: set[int], kind: str) -> dict[int, Experiment]:
    """The running experiment of this kind, by team; there is at most one (plans/experiment/life.py)."""
    query = select(Experiment).where(Experiment.team_id.in_(teams), Experiment.kind == kind, Experiment.state == "running")
    return {row.team_id: row for row in await tx.scalars(query)}


async def _arms(
    tx: AsyncSession, running: Mapping[int, Experiment], wanted: list[Wanted], now: datetime
) -> dict[Wanted, tuple[Experiment, str]]:
    """The experiment and arm of everything wanted that takes part."""
    found: dict[Wanted, tuple[Experiment, str]] = {}
    for team, experiment in running.items():
        concerned = [
            want
            for want in wanted
            if want.team_id == team and experiment.template in (None, want.template) and experiment.step in (None, want.step)
        ]
        families = {want.carer_id: want.template if "template" in experiment.strata else "" for want in concerned}
        drawn = await assigned(tx, experiment, families, now=now) if families else {}
        found |= {want: (experiment, arm) for want in concerned if (arm := drawn.get(want.carer_id)) is not None}
    return found


async def _tallies(tx: AsyncSession, kind: str, segments: set[str]) -> dict[tuple[str, str], Tally]:
    query = select(OptionTally).where(OptionTally.kind == kind, OptionTally.segment.in_(segments))
    return {(row.segment, row.option): Tally(row.families, row.answered) for row in await tx.scalars(query)}


async def _made(tx: AsyncSession, kind: str, wanted: Sequence[Wanted]) -> list[SendChoice]:
    """The choices that stand already, for the days wanted."""
    query = select(SendChoice).where(SendChoice.kind == kind)
    if kind == WORDING:
        return list(await tx.scalars(query.where(SendChoice.task_id.in_([want.task_id for want in wanted]))))
    days = {want.care_plan_id: want.day for want in wanted}
    rows = await tx.scalars(query.where(SendChoice.care_plan_id.in_(days), SendChoice.last_day >= min(days.values())))
    return [row for row in rows if row.first_day <= days[row.care_plan_id] <= row.last_day]


def _id(kind: str, want: Wanted) -> int:
    return want.care_plan_id if kind == SEND_HOUR else want.task_id or 0


def _key(kind: str, row: SendChoice) -> int:
    return row.care_plan_id if kind == SEND_HOUR else row.task_id or 0
