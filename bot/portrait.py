"""What `careloop patient …` does."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core, portrait_page
from bot.cli_run import command_settings
from bot.fhir.kinds import kinds
from bot.fhir.search import Key, Kind
from bot.links import find_patient
from bot.registry import RegistryError
from integrations.fhir.write import Json
from records.patient import AccessRefused
from records.staff import Staff
from tagging.portrait.as_json import as_json
from tagging.portrait.completeness import completeness
from tagging.portrait.portrait import Portrait, portrait, portrait_for_operator

# Of one kind in a Bundle, the latest first; a history is asked for through the FHIR edge, page by page.
MOST_OF_A_KIND = 200
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
        counted = await completeness(tx, await _staff(tx, by))
        if as_json:
            return _dumped({"patients": counted.patients, "built": counted.built, "missing": dict(counted.missing)})
        lines = [f"{counted.built} of {counted.patients} records are complete."]
        return "\n".join([*lines, *(f"  {field}: missing in {count} of {counted.patients}" for field, count in counted.missing.items())])

    print(_in_transaction(work))


async def everything(tx: AsyncSession, patient_id: int, base: str) -> Json:
    """The patient's resources as a collection, as the FHIR edge at `base` shows them. The caller has been let in to the patient.

    Tags do not leave as resources, so that what is private to a department stays there.
    """
    entries: list[Json] = []
    for kind in kinds().values():
        if kind.name == "Group":
            continue
        keys = await _latest(tx, kind, patient_id)
        for resource in await kind.show(tx, keys, 0) if keys else []:
            entries.append({"fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}", "resource": resource})
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


async def _latest(tx: AsyncSession, kind: Kind, patient_id: int) -> list[Key]:
    rows = kind.rows.c
    latest = select(rows.part, rows.id, rows.patient_id).where(rows.patient_id == patient_id).order_by(rows.id.desc()).limit(MOST_OF_A_KIND)
    return [Key(row.part, row.id, row.patient_id) for row in await tx.execute(latest)]


def in_lines(seen: Portrait) -> Iterator[str]:
    """The portrait in short, for the command line."""
    person = seen.who
    yield f"{person.name} {person.record_number}  {person.sex or '?'}  {person.birth_date} ({person.age_days} days)  {person.team}"
    if seen.missing:
        yield f"  missing: {', '.join(seen.missing)}"
    for diagnosis in seen.diagnoses:
        yield f"  diagnosis: {diagnosis.text} {diagnosis.icd10 or ''} {diagnosis.status}"
    for tag in seen.tags:
        yield f"  tag: {tag.name} ({tag.code}) since {tag.since:%Y-%m-%d}" + (f": {tag.why[0].because}" if tag.why else "")
    for medicine in seen.medicines:
        if medicine.in_use:
            yield f"  medicine: {medicine.name} {' '.join(word for word in (medicine.dose, medicine.frequency) if word)}"
    for vital in seen.vitals:
        z = f", z {vital.latest.z:.2f}" if vital.latest.z is not None else ""
        yield f"  {vital.name}: {vital.latest.value:g} {vital.unit}{z}  {vital.latest.at:%Y-%m-%d} ({len(vital.readings)} readings)"
    for risk in seen.risks:
        yield f"  {risk.name}: {risk.level}" + "".join(f"; {reason.text}" for reason in risk.reasons)
    yield f"  follow-ups open: {len(seen.care.open_tasks)}; of the last 90 days: {dict(seen.care.counted) or 'none'}"
    for alert in seen.care.alerts:
        if alert.state != "closed":
            yield f"  alert: {alert.level} {alert.category} {alert.state} since {alert.raised_at:%Y-%m-%d %H:%M}"
    yield f"  last contact: {seen.contact.last_at or 'never'}; {seen.contact.messages_30d} messages in 30 days"


async def _seen(tx: AsyncSession, parts: Core, record_number: str, by: str | None) -> Portrait:
    found, now, zone = await find_patient(tx, record_number), parts.clock(), parts.settings.tz
    if by is None:
        return await portrait_for_operator(tx, found, now=now, zone=zone)
    try:
        return await portrait(tx, await _staff(tx, by), found.id, now=now, zone=zone)
    except AccessRefused as err:
        raise RegistryError(f"{by} is not on the team of {record_number}.") from err


async def _staff(tx: AsyncSession, userid: str) -> Staff:
    staff: Staff | None = await tx.scalar(select(Staff).where(Staff.userid == userid))
    if staff is None:
        raise RegistryError(f"There is no clinician {userid!r}; `careloop staff` puts one on file.")
    return staff


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    async def run() -> str:
        async with core(command_settings("patient"), role="patient", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1)
