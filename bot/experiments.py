"""What `careloop experiment …` does."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.links import find_patient
from plans.experiment.arm import Kind
from plans.experiment.design import read_design
from plans.experiment.explain import explain_choices
from plans.experiment.life import conclude, draft, exclude, experiments_for, look, start, stop
from plans.experiment.lift import lift
from plans.experiment.result import Figures
from plans.experiment.setting import team_of, turn_off, turn_on
from plans.experiment.suggest import decide_suggestion, suggest, suggestions_for
from plans.experiment.words import ExperimentRefused, say
from records.experiment import KINDS, Experiment, ExperimentFamily, TemplateSuggestion
from records.patient import access_patient, primary_carer
from records.staff import Staff

Work = Callable[[AsyncSession, Core, Staff], Awaitable[str]]


def list_command(by: str) -> None:
    """`careloop experiment list`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        lines = []
        for row in await experiments_for(tx, staff):
            query = select(func.count()).where(ExperimentFamily.experiment_id == row.id, ExperimentFamily.excluded_at.is_(None))
            lines.append(_line(row, await tx.scalar(query) or 0))
        return "\n".join(lines) or say("shown.nothing")

    _run(work, by)


def draft_command(file: Path, by: str) -> None:
    """`careloop experiment draft`."""
    design = read_design(file)

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        row = await draft(tx, staff, design, now=parts.clock(), rng=SystemRandom())
        return f"{_line(row, 0)}\n{say('shown.size', **row.design, families=row.families, alpha=row.alpha, looks=row.looks)}"

    _run(work, by)


def start_command(code: str, by: str) -> None:
    """`careloop experiment start`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        return _line(await start(tx, staff, code, now=parts.clock()), 0)

    _run(work, by)


def look_command(code: str, by: str) -> None:
    """`careloop experiment look`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        seen = await look(tx, staff, code, now=parts.clock())
        if seen.figures is None:
            return say("shown.wait", families=seen.families, next_at=seen.next_at)
        return "\n".join([*_figures(seen.figures), *([seen.stopped] if seen.stopped else [])])

    _run(work, by)


def stop_command(code: str, by: str, why: str) -> None:
    """`careloop experiment stop`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        return _line(await stop(tx, staff, code, now=parts.clock(), because=why), 0)

    _run(work, by)


def conclude_command(code: str, by: str, why: str) -> None:
    """`careloop experiment conclude`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        return _line(await conclude(tx, staff, code, now=parts.clock(), conclusion=why), 0)

    _run(work, by)


def exclude_command(code: str, record_number: str, by: str, why: str) -> None:
    """`careloop experiment exclude`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        now = parts.clock()
        patient = await access_patient(tx, staff, (await find_patient(tx, record_number)).id, now=now, why="experiment")
        carer = await primary_carer(tx, patient.id)
        if carer is None:
            raise ExperimentRefused("family_unknown")
        await exclude(tx, staff, code, carer.id, now=now, zone=parts.settings.tz, because=why)
        return say("shown.excluded", code=code, name=patient.name)

    _run(work, by)


def adapt_command(team: str, kind: str, options: list[str], by: str, *, held_out: float) -> None:
    """`careloop experiment adapt`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        of = await team_of(tx, staff, team)
        row = await turn_on(tx, staff, of, _kind(kind), options, now=parts.clock(), rng=SystemRandom(), held_out=held_out)
        return say("shown.turned_on", team=team, kind=say(f"kinds.{kind}"), options="、".join(row.options), held_out=row.held_out)

    _run(work, by)


def no_adapt_command(team: str, kind: str, by: str) -> None:
    """`careloop experiment no-adapt`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        await turn_off(tx, staff, await team_of(tx, staff, team), _kind(kind), now=parts.clock())
        return say("shown.turned_off", team=team, kind=say(f"kinds.{kind}"))

    _run(work, by)


def lift_command(team: str, kind: str, by: str, *, days: int) -> None:
    """`careloop experiment lift`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        of = await team_of(tx, staff, team)
        found = await lift(tx, of.id, _kind(kind), parts.clock() - timedelta(days=days))
        if found is None:
            return say("lift.none")
        return say(
            "lift.line",
            first=found.adapted,
            n_first=found.adapted_families,
            second=found.held_out,
            n_second=found.held_out_families,
            difference=found.difference,
            low=found.low,
            high=found.high,
            small=say("lift.small") if found.small else "",
        )

    _run(work, by)


def why_command(record_number: str, by: str, *, limit: int) -> None:
    """`careloop experiment why`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        patient = await access_patient(tx, staff, (await find_patient(tx, record_number)).id, now=parts.clock(), why="experiment")
        return "\n".join(await explain_choices(tx, patient.id, zone=parts.settings.tz, limit=limit))

    _run(work, by)


def suggest_command(code: str, by: str) -> None:
    """`careloop experiment suggest`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        row = await suggest(tx, staff, code, now=parts.clock())
        return say("shown.no_suggestion") if row is None else _suggestion(row)

    _run(work, by)


def suggestions_command(by: str, state: str) -> None:
    """`careloop experiment suggestions`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        return "\n".join([_suggestion(row) for row in await suggestions_for(tx, staff, state)]) or say("shown.nothing")

    _run(work, by)


def decide_command(number: int, by: str, *, accept: bool, why: str | None) -> None:
    """`careloop experiment decide`."""

    async def work(tx: AsyncSession, parts: Core, staff: Staff) -> str:
        row = await decide_suggestion(tx, staff, number, accepted=accept, now=parts.clock(), reason=why)
        return say("shown.accepted", draft=json.dumps(row.draft, ensure_ascii=False)) if accept else say("shown.refused")

    _run(work, by)


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise ExperimentRefused("kind", known="、".join(KINDS))
    return cast(Kind, kind)


def _line(row: Experiment, families: int) -> str:
    arms = "、".join(f"{arm['id']}={arm.get('hour', arm.get('opening'))}" for arm in row.arms)
    wanted = row.families * len(row.arms)
    return say("shown.line", code=row.code, title=row.title, state=say(f"states.{row.state}"), arms=arms, families=families, wanted=wanted)


def _figures(found: Figures) -> list[str]:
    lines = [say("shown.look", look=found.look, looks=found.looks)]
    lines += [say("shown.arm", arm=each.arm, share=each.share or 0.0, families=each.families) for each in found.arms]
    lines += [
        say(
            "shown.difference",
            arm=each.arm,
            difference=each.difference,
            low=each.low,
            high=each.high,
            crossed=say(f"shown.crossed_{'yes' if each.crossed else 'no'}"),
        )
        for each in found.differences
    ]
    return lines


def _suggestion(row: TemplateSuggestion) -> str:
    kind = say(f"kinds.{row.kind}")
    return say(
        "shown.suggestion",
        number=row.id,
        template=row.template,
        kind=kind,
        current=row.current,
        proposed=row.proposed,
        because=row.figures["because"],
    )


def _run(work: Work, by: str) -> None:
    async def run() -> str:
        async with core(command_settings("experiment"), role="experiment", pool_size=2) as parts, parts.db.transaction() as tx:
            staff = await tx.scalar(select(Staff).where(Staff.userid == by, Staff.active))
            if staff is None:
                raise ExperimentRefused("staff", about=by)
            return await work(tx, parts, staff)

    print(asyncio.run(run()))
