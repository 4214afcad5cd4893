"""What `careloop plan enrol|enrol-cohort|auto|pause|resume|end|anchor` do."""

from collections import Counter
from typing import cast, get_args

from bot.plan_command import Asked, NotReally, asked, dates_of, day_of
from bot.registry import RegistryError
from plans.anchor import give_anchor, known_anchors
from plans.auto_enrolment import OnLeft, set_auto
from plans.condition import meant_for
from plans.definition import newest_template
from plans.enrol_many import NOBODY, Enrolled, enrol_many
from plans.enrolment import end_plan, enrol
from plans.hold import pause_plan, resume_plan
from plans.planning_words import say
from plans.template import anchor_kinds
from plans.template.anchor import nearest_anchor
from tagging.cohort.preview import Page, listed
from tagging.cohort.saved import access_cohort, members
from tagging.cohort.scope import scope_of_staff

PAGE = 300
# So many refusals are named; the others are counted.
NAMED = 50


def enrol_command(id: str, record_number: str, by: str, *, dates: list[str], hour: int | None) -> None:
    """`careloop plan enrol`. Warns where the plan is not meant for the patient by its own condition: a clinician may know better."""
    given = dates_of(dates)

    async def work(who: Asked) -> str:
        patient = await who.patient(record_number)
        template = await newest_template(who.tx, id)
        names = (*template.anchors, *template.later)
        known = (await known_anchors(who.tx, [patient], names, now=who.now, zone=who.zone)).get(patient.id, {})
        anchors = {**known, **given}
        plan = await enrol(who.tx, patient, template, anchors=anchors, hour=hour, by=who.staff.userid, now=who.now, zone=who.zone)
        meant = (await meant_for(who.tx, template, [patient.id], who.now, who.zone))[patient.id]
        code = {True: None, False: "not_meant", None: "unsure"}[meant]
        warned = say("shown.warned", what=say(f"enrolment_refused.{code}", condition=template.enrol_if)) if code is not None else ""
        return say("shown.enrolled", name=patient.name, title=template.title, plan=plan.id) + warned

    print(asked(work, by))


def enrol_cohort_command(id: str, cohort: str, by: str, *, dates: list[str], hour: int | None, whoever: bool, dry_run: bool) -> None:
    """`careloop plan enrol-cohort`."""
    given = dates_of(dates)

    async def work(who: Asked) -> str:
        template = await newest_template(who.tx, id)
        done: Enrolled = NOBODY
        after = 0
        while ids := await cohort_page(who, cohort, after):
            done = done.plus(
                await enrol_many(
                    who.tx, ids, template, by=who.staff.userid, now=who.now, zone=who.zone, given=given, hour=hour, whoever=whoever
                )
            )
            after = ids[-1]
        reasons = Counter(refusal.code for refusal in done.refused)
        lines = [say("shown.cohort", title=template.title, enrolled=len(done.plans), tasks=done.tasks, refused=len(done.refused))]
        lines += [f"  {refusal.name}：{refusal.text}" for refusal in done.refused[:NAMED]]
        if len(done.refused) > NAMED:
            lines.append("  " + "、".join(f"{code} {count}" for code, count in reasons.most_common()))
        told = "\n".join(lines)
        if dry_run:
            raise NotReally(told)
        return told

    print(asked(work, by))


async def cohort_page(who: Asked, cohort: str, after: int) -> list[int]:
    """The next patients of a sentence, or of a kept cohort by its number, within the clinician's reach; the reads are audited."""
    scope = await scope_of_staff(who.tx, who.staff, now=who.now, zone=who.zone)
    page = Page(who.staff, who.now, after=after, limit=PAGE)
    if cohort.strip().isdigit():
        kept = await access_cohort(who.tx, who.staff, int(cohort))
        found = await members(who.tx, kept, scope, page)
    else:
        found = await listed(who.tx, scope.read(cohort), scope, page)
    return [each.patient_id for each in found]


def auto_command(id: str, cohort: int, by: str, *, on: bool, on_left: str) -> None:
    """`careloop plan auto`."""
    if on_left not in get_args(OnLeft):
        raise RegistryError(f"on-left is one of {', '.join(get_args(OnLeft))}, not {on_left!r}.")

    async def work(who: Asked) -> str:
        template = await newest_template(who.tx, id)
        kept = await access_cohort(who.tx, who.staff, cohort, lock=True)
        await set_auto(who.tx, kept, template.id, on=on, on_left=cast(OnLeft, on_left), by=who.staff.userid, now=who.now)
        return say(f"shown.auto_{'on' if on else 'off'}", cohort=kept.name, title=template.title)

    print(asked(work, by))


def pause_command(id: str, record_number: str, by: str, *, until: str | None) -> None:
    """`careloop plan pause`."""

    async def work(who: Asked) -> str:
        plan = await who.plan(record_number, id)
        day = day_of(until) if until is not None else None
        gone = await pause_plan(who.tx, plan, why="clinician", by=who.staff.userid, now=who.now, until=day)
        return say("shown.paused", tasks=gone, until=until or say("shown.until_said"))

    print(asked(work, by))


def resume_command(id: str, record_number: str, by: str) -> None:
    """`careloop plan resume`."""

    async def work(who: Asked) -> str:
        plan = await who.plan(record_number, id)
        return say("shown.resumed", tasks=await resume_plan(who.tx, plan, by=who.staff.userid, now=who.now, zone=who.zone))

    print(asked(work, by))


def end_command(id: str, record_number: str, by: str, *, why: str) -> None:
    """`careloop plan end`."""

    async def work(who: Asked) -> str:
        plan = await who.plan(record_number, id)
        return say("shown.ended", tasks=await end_plan(who.tx, plan, state="ended", by=who.staff.userid, reason=why, now=who.now))

    print(asked(work, by))


def anchor_command(id: str, record_number: str, name: str, by: str, *, days: list[str]) -> None:
    """`careloop plan anchor`."""
    if name not in anchor_kinds():
        raise RegistryError(say("shown.anchor_unknown", name=name, nearest=nearest_anchor(name)))

    async def work(who: Asked) -> str:
        plan = await who.plan(record_number, id)
        given = [day_of(day) for day in days]
        became = await give_anchor(who.tx, plan, name, given, by=who.staff.userid, now=who.now, zone=who.zone)
        return say("shown.became", added=became.added, moved=became.moved, withdrawn=became.withdrawn, kept=became.kept)

    print(asked(work, by))
