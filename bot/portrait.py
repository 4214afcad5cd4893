"""What `careloop patient …` does."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core, portrait_page
from bot.cli_run import command_settings
from bot.fhir.kinds import kinds
from bot.fhir.search import Key, Kind
from bot.links import find_patient
from bot.registry import RegistryError, clinician
from integrations.fhir.write import Json
from records.clinical_note import access_note
from records.patient import AccessRefused
from tagging.portrait.as_json import as_json
from tagging.portrait.completeness import completeness
from tagging.portrait.numbers import in_words
from tagging.portrait.portrait import Portrait, portrait, portrait_for_operator

# Of one kind in a Bundle, the latest first; a history is asked for through the FHIR edge, page by page.
MOST_OF_A_KIND = 200
# Of the latest notes so many are named in the short form.
NOTES = 10
# A note comes from outside: nothing in it may steer a terminal.
_CONTROL = {number: None for number in (*range(9), *range(11, 32), 127, *range(128, 160))}
Form = Literal["text", "json", "fhir"]


def portrait_command(record_number: str, *, by: str | None, form: Form, html: Path | None) -> None:
    """`careloop patient portrait`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        seen = await _seen(tx, parts, record_number, by)
        if html is not None:
            return portrait_page(seen, parts.settings)
        if form == "fhir":
            return _dumped(await everything(tx, seen.who.id, f"http://{parts.settings.host}:{parts.settings.port}/fhir"))
        return _dumped(as_json(seen)) if form == "json" else "\n".join(in_lines(seen))

    told = _in_transaction(work)
    if html is not None:
        html.write_text(told, encoding="utf-8")
    print(told if html is None else html)


def completeness_command(by: str, *, as_json: bool) -> None:
    """`careloop patient completeness`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        counted = await completeness(tx, await clinician(tx, by))
        if as_json:
            return _dumped({"patients": counted.patients, "built": counted.built, "missing": dict(counted.missing)})
        lines = [f"{counted.built} of {counted.patients} records are complete."]
        return "\n".join([*lines, *(f"  {field}: missing in {count} of {counted.patients}" for field, count in counted.missing.items())])

    print(_in_transaction(work))


async def everything(tx: AsyncSession, patient_id: int, base: str, *, most: int | None = MOST_OF_A_KIND) -> Json:
    """The patient's resources as a collection, as the FHIR edge at `base` shows them, of each kind the latest `most` (None: all).
    The caller has been let in to the patient.

    Tags do not leave as resources, so that what is private to a department stays there.
    """
    entries: list[Json] = []
    for kind in kinds().values():
        if kind.name == "Group":
            continue
        keys = await _latest(tx, kind, patient_id, most)
        for resource in await kind.show(tx, keys, 0) if keys else []:
            entries.append({"fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}", "resource": resource})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


async def _latest(tx: AsyncSession, kind: Kind, patient_id: int, most: int | None) -> list[Key]:
    rows = kind.rows.c
    latest = select(rows.part, rows.id, rows.patient_id).where(rows.patient_id == patient_id).order_by(rows.id.desc()).limit(most)
    return [Key(row.part, row.id, row.patient_id) for row in await tx.execute(latest)]


def in_lines(seen: Portrait) -> Iterator[str]:
    """The portrait in short, for the command line, in the words of portrait.yml."""
    person, say = seen.who, _words()

    def named(group: str, code: str | None) -> str:
        return str(say["words"][group].get(code, code or ""))

    yield say["head"].format(
        name=person.name, record_number=in_words(person.record_number), sex=named("sex", person.sex) or "?", born=person.birth_date,
        age=person.age_days, team=person.team,
    )  # fmt: skip
    if seen.missing:
        yield _in(say["missing"].format(fields="、".join(named("missing", each) for each in seen.missing)))
    for diagnosis in seen.diagnoses:
        state = named("condition_states", diagnosis.status)
        yield _in(say["diagnosis"].format(text=diagnosis.text, icd10=diagnosis.icd10 or "", state=state))
    for tag in seen.tags:
        why = f"：{tag.why[0].because}" if tag.why else ""
        yield _in(say["tag"].format(name=tag.name, code=tag.code, since=f"{tag.since:%Y-%m-%d}", why=why))
    for medicine in seen.medicines:
        if medicine.in_use:
            use = " ".join(word for word in (medicine.dose, medicine.frequency) if word)
            yield _in(say["medicine"].format(name=medicine.name, use=use))
    for vital in seen.vitals:
        last = vital.latest
        z = say["z"].format(z=f"{last.z:.2f}") if last.z is not None else ""
        told = {"name": vital.name, "value": f"{last.value:g}", "unit": vital.unit, "z": z}
        yield _in(say["vital"].format(**told, day=f"{last.at:%Y-%m-%d}", count=len(vital.readings)))
    for risk in seen.risks:
        reasons = "".join(f"；{reason.text}" for reason in risk.reasons)
        yield _in(say["risk"].format(name=risk.name, level=named("risk_levels", risk.level), reasons=reasons))
    for note in seen.notes[:NOTES]:
        possible = say["possible"].format(names="、".join(note.possible)) if note.possible else ""
        yield _in(say["note"].format(id=note.id, day=f"{note.written_at:%Y-%m-%d}", title=note.title or note.kind, possible=possible))
    counted = "、".join(say["counted"].format(state=named("task_states", each), count=n) for each, n in seen.care.counted.items())
    yield _in(say["follow_ups"].format(open=len(seen.care.open_tasks), counted=counted or say["nothing"]))
    for alert in seen.care.alerts:
        if alert.state != "closed":
            level, state = named("levels", alert.level), named("alert_states", alert.state)
            yield _in(say["alert"].format(level=level, category=alert.category, state=state, since=f"{alert.raised_at:%Y-%m-%d %H:%M}"))
    last_at = f"{seen.contact.last_at:%Y-%m-%d %H:%M}" if seen.contact.last_at else say["never"]
    yield _in(say["contact"].format(last=last_at, count=seen.contact.messages_30d))


def _in(line: str) -> str:
    return f"  {line.rstrip()}"


@cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("portrait.yml").read_text("utf-8"))
    return loaded


def note_command(note_id: int, by: str) -> None:
    """`careloop patient note`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        try:
            note = await access_note(tx, await clinician(tx, by), note_id, now=parts.clock())
        except AccessRefused as err:
            raise RegistryError(f"{by} may not read note {note_id}, or there is no such note.") from err
        written = note.written_at.astimezone(parts.settings.tz)
        return "\n".join([f"{note.title or note.kind}  {written:%Y-%m-%d %H:%M}  {note.author or ''}", note.text or ""])

    print(_in_transaction(work).translate(_CONTROL))


async def _seen(tx: AsyncSession, parts: Core, record_number: str, by: str | None) -> Portrait:
    found, now, zone = await find_patient(tx, record_number), parts.clock(), parts.settings.tz
    if by is None:
        return await portrait_for_operator(tx, found, now=now, zone=zone)
    try:
        return await portrait(tx, await clinician(tx, by), found.id, now=now, zone=zone)
    except AccessRefused as err:
        raise RegistryError(f"{by} is not on the team of {record_number}.") from err


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    async def run() -> str:
        async with core(command_settings("patient"), role="patient", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
