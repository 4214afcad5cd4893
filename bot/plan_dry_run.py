"""What `careloop plan dry-run` does: for a template, a patient with his family, or a cohort."""

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core
from bot.plan_command import Asked, NotReally, asked, in_transaction
from bot.plan_enrolments import cohort_page
from bot.registry import RegistryError
from plans.clock import local_day
from plans.definition import newest_template
from plans.dry_run import Contact, collisions
from plans.dry_run_people import NAMED, Family, Summary, contacts_of_template, families_of
from plans.planning_words import say, words
from plans.publishing import read_definition
from plans.template import PlanTemplate
from plans.wording import words as plan_words


def dry_run_command(
    template: str, days: int, *, patient: str | None, cohort: str | None, file: Path | None, by: str | None, as_json: bool
) -> None:
    """`careloop plan dry-run`."""
    written = read_definition(file) if file is not None else None
    if patient is None and cohort is None:
        print(in_transaction(lambda tx, parts: _of_template(tx, parts, template, written, days, as_json=as_json)))
        return
    if by is None:
        raise RegistryError("A dry run for a patient or a cohort needs --by, the clinician's userid.")

    async def work(who: Asked) -> str:
        chosen = written or await newest_template(who.tx, template)
        told = await (_of_patient(who, patient, chosen, days, as_json) if patient else _of_cohort(who, str(cohort), chosen, days, as_json))
        raise NotReally(told)

    print(asked(work, by))


async def _of_template(tx: AsyncSession, parts: Core, id: str, written: PlanTemplate | None, days: int, *, as_json: bool) -> str:
    """A child that was born five days ago and is discharged today: one family that always answers, and one that never does."""
    template = written or await newest_template(tx, id)
    zone = parts.settings.tz
    found = await contacts_of_template(tx, template, days, today=local_day(parts.clock(), zone), zone=zone)
    if as_json:
        named = {"answers": found[True], "silent": found[False]}
        return json.dumps({name: [_json(each) for each in contacts] for name, contacts in named.items()}, ensure_ascii=False, indent=1)
    lines = []
    for answers, contacts in found.items():
        lines += [say("dry_run.answers" if answers else "dry_run.silent"), *(_line(each, parts) for each in contacts)]
        lines += _collisions(contacts, zone)
    return "\n".join(lines)


async def _of_patient(who: Asked, record_number: str, template: PlanTemplate, days: int, as_json: bool) -> str:
    patient = await who.patient(record_number)
    summary = Summary()
    families = await families_of(who.tx, [patient.id], template, days=days, now=who.now, zone=who.zone, seen=set(), summary=summary)
    if as_json:
        return json.dumps([_family_json(family) for family in families], ensure_ascii=False, indent=1)
    lines = [say("dry_run.refused", code=code, count=count) for code, count in summary.refused.items()]
    for family in families:
        lines += [say("dry_run.family", name=family.name, children="、".join(family.children))]
        lines += [_line(each, who.parts) for each in family.contacts]
        lines += _collisions(family.contacts, who.zone)
    if summary.conditions:
        lines.append(say("dry_run.conditions", count=summary.conditions))
    return "\n".join(lines) or say("dry_run.nothing")


async def _of_cohort(who: Asked, cohort: str, template: PlanTemplate, days: int, as_json: bool) -> str:
    summary, seen, after = Summary(), set[int](), 0
    while ids := await cohort_page(who, cohort, after):
        for family in await families_of(who.tx, ids, template, days=days, now=who.now, zone=who.zone, seen=seen, summary=summary):
            summary.add(family, who.zone)
        after = ids[-1]
        # Rows of families that are counted are not looked at again.
        who.tx.expunge_all()
    return _summary_json(summary) if as_json else _summary(summary, template)


def _collisions(contacts: list[Contact], zone: ZoneInfo) -> list[str]:
    found = collisions(contacts, zone)
    return [say("dry_run.collision", day=each.day, contacts=each.contacts, bundled=each.bundled) for each in found]


def _line(contact: Contact, parts: Core) -> str:
    reasons = plan_words("undeliverable")
    mark = say("dry_run.left", left=contact.left) if contact.sent else say("dry_run.held", why=reasons.get(contact.why, contact.why))
    kinds = say("dry_run.reminder") if contact.kind == "reminder" else ""
    titles = "＋".join(f"{item.child}·{item.title}" for item in contact.items)
    text = contact.items[0].text if len(contact.items) == 1 else say("dry_run.bundle", count=len(contact.items))
    return f"{contact.at.astimezone(parts.settings.tz):%m-%d %H:%M}  {mark}  {kinds}{titles}  {text}"


def _json(contact: Contact) -> dict[str, Any]:
    items = [{"child": item.child, "plan": item.plan, "step": item.step, "title": item.title, "text": item.text} for item in contact.items]
    return {
        "at": contact.at.isoformat(), "kind": contact.kind, "sent": contact.sent, "why": contact.why, "left": contact.left, "items": items,
    }  # fmt: skip


def _family_json(family: Family) -> dict[str, Any]:
    return {"carer": family.name, "children": list(family.children), "contacts": [_json(each) for each in family.contacts]}


def _summary(summary: Summary, template: PlanTemplate) -> str:
    reasons = plan_words("undeliverable")
    lines = [
        say(
            "dry_run.total", title=template.title, patients=summary.patients, families=summary.families, followups=summary.followups,
            messages=summary.messages,
        )
    ]  # fmt: skip
    busiest = max(summary.by_day.items(), key=lambda each: each[1], default=None)
    if busiest is not None:
        lines.append(say("dry_run.busiest", day=busiest[0], messages=busiest[1]))
    lines.append(say("dry_run.together", days=summary.collisions, bundled=summary.bundled))
    lines += [say("dry_run.why", why=reasons.get(code, code), count=count) for code, count in summary.why.most_common()]
    lines += [say("dry_run.refused", code=words("refusals").get(code, code), count=count) for code, count in summary.refused.most_common()]
    if summary.conditions:
        lines.append(say("dry_run.conditions", count=summary.conditions))
    lines += [f"{day:%m-%d}  {messages}" for day, messages in sorted(summary.by_day.items())]
    fullest = sorted(summary.fullest, reverse=True)[:NAMED]
    lines += [say("dry_run.full", name=name, day=day, contacts=contacts) for contacts, day, name in fullest]
    return "\n".join(lines)


def _summary_json(summary: Summary) -> str:
    fullest = sorted(summary.fullest, reverse=True)[:NAMED]
    plain = ("patients", "families", "followups", "messages", "conditions", "collisions", "bundled")
    found = {
        **{name: getattr(summary, name) for name in plain},
        "by_day": {day.isoformat(): count for day, count in sorted(summary.by_day.items())},
        "by_hour": dict(sorted(summary.by_hour.items())),
        "why": dict(summary.why),
        "refused": dict(summary.refused),
        "fullest": [{"contacts": contacts, "day": day.isoformat(), "family": name} for contacts, day, name in fullest],
    }
    return json.dumps(found, ensure_ascii=False, indent=1)
