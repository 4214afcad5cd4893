"""For whom and when a plan's sentences of the cohort language hold: `enrol_if` of a template, `only_if` of a step."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from plans.personal import task_templates
from plans.task import OPEN, close
from plans.template import PlanTemplate, query_of_condition
from records.care_plan import Task
from records.patient_index import refresh_index
from tagging.cohort.facts import Facts, facts_of, needs_of
from tagging.cohort.judge import judge
from tagging.cohort.query import Query
from tagging.cohort.readings import refresh_values
from tagging.cohort.scope import library_of
from tagging.cohort.words import CohortError

log = structlog.get_logger(__name__)

# The outcome of a follow-up that was not sent because its step's condition did not hold.
CONDITION = "condition"


async def conditions_hold(
    tx: AsyncSession, tasks: Sequence[Task], now: datetime, zone: ZoneInfo, *, templates: Mapping[int, PlanTemplate] | None = None
) -> dict[int, bool]:
    """Whether each of these tasks may go out by its step's `only_if`, by task id; True where there is none.

    One that cannot be judged does not hold: the fact is not known, or a tag that it names is there no longer (which is logged). Some
    statements for all, however many. `templates` are those of task_templates where the caller has them.
    """
    templates = await task_templates(tx, tasks) if templates is None else templates
    asked: dict[str, list[Task]] = defaultdict(list)
    holds = dict.fromkeys((task.id for task in tasks), True)
    for task in tasks:
        step = next((step for step in templates[task.id].steps if step.id == task.step), None) if task.id in templates else None
        if step is not None and step.only_if is not None:
            asked[step.only_if].append(task)
    verdicts = await sentences_hold(tx, {sentence: [task.patient_id for task in of] for sentence, of in asked.items()}, now, zone)
    for sentence, of in asked.items():
        holds |= {task.id: verdicts[sentence].get(task.patient_id) is True for task in of}
    return holds


async def withdraw_where_false(tx: AsyncSession, tasks: Sequence[Task], now: datetime, zone: ZoneInfo) -> set[int]:
    """Withdraw those of these scheduled tasks whose condition does not hold, with the reason `condition`; their ids."""
    holds = await conditions_hold(tx, tasks, now, zone)
    false = [task for task in tasks if not holds[task.id] and task.state in OPEN]
    return {task.id for task in false if await close(tx, task, "withdrawn", now=now, by="system", reason=CONDITION)}


async def meant_for(
    tx: AsyncSession, template: PlanTemplate, patients: Sequence[int], now: datetime, zone: ZoneInfo
) -> dict[int, bool | None]:
    """Whether the plan is meant for these patients by its `enrol_if`; None where that cannot be told."""
    if template.enrol_if is None:
        return dict.fromkeys(patients, True)
    found = (await sentences_hold(tx, {template.enrol_if: patients}, now, zone))[template.enrol_if]
    return {patient: found.get(patient) for patient in patients}


async def sentences_hold(
    tx: AsyncSession, asked: Mapping[str, Iterable[int]], now: datetime, zone: ZoneInfo
) -> dict[str, dict[int, bool | None]]:
    """What each of these sentences comes to for each of its patients."""
    if not asked:
        return {}
    # The hospital's own reckoning, as for rules: every tag counts, whoever's it is.
    scope = (await library_of(tx)).whole(now=now, zone=zone)
    queries: dict[str, Query] = {}
    for sentence in asked:
        try:
            queries[sentence] = scope.known(query_of_condition(sentence))
        except CohortError as err:
            log.error("a condition cannot be read", condition=sentence, code=err.code)
    facts = await _facts(tx, {each for of in asked.values() for each in of}, list(queries.values()), scope, now, zone)
    return {
        sentence: {each: judge(queries[sentence], facts[each], scope) if sentence in queries and each in facts else None for each in of}
        for sentence, of in asked.items()
    }


async def _facts(
    tx: AsyncSession, patients: set[int], queries: list[Query], scope: object, now: datetime, zone: ZoneInfo
) -> dict[int, Facts]:
    needs = needs_of(queries, scope)  # type: ignore[arg-type]
    found = {one.patient_id: one for one in await facts_of(tx, sorted(patients), needs)}
    if new := sorted(patients - found.keys()):
        # Who came on file a moment ago is not indexed yet.
        await refresh_index(tx, new, now=now, zone=zone)
        await refresh_values(tx, new, zone=zone)
        found |= {one.patient_id: one for one in await facts_of(tx, new, needs)}
    return found
