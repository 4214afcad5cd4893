"""What `careloop chart …` does: visits, medicines and results put on file by hand, until a hospital's interface fills them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.chart_file import Chart, Kind, Read, RowRefused, columns_of, ignored, read_row, say
from bot.cli_run import command_settings
from bot.links import find_patient
from bot.registry import BY, RegistryError
from integrations.tabular.read import FileRefused, Table, read_table
from plans.anchor import record_changed
from records.appointment import Appointment
from records.lab_result import LabResult
from records.medication import MedicationRequest
from records.patient import Patient, patients_by_number
from records.retag import ask_retag
from records.source import KEPT, OtherPatient, Put, put, rows_from

TABLES: dict[Kind, type[Chart]] = {"appointments": Appointment, "medications": MedicationRequest, "results": LabResult}
# So many rows are looked up at once.
AT_ONCE = 500
# `show` goes back so far, and shows no more than this of each kind.
SHOWN_SINCE, SHOWN = timedelta(days=365), 50


class _DryRun(Exception):
    """Ends the transaction of a dry run, so that nothing of it stays."""


@dataclass
class Report:
    """What became of every row: those taken as (line, what, name, about), those refused as (line, why)."""

    taken: list[tuple[int, Put, str, str]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)

    def count(self, what: Put) -> int:
        """How many rows were taken as this."""
        return sum(1 for _, put_as, _, _ in self.taken if put_as == what)


async def import_table(tx: AsyncSession, kind: Kind, table: Table, *, now: datetime, zone: ZoneInfo) -> Report:
    """Put every good row of the table on file; a bad one is named and changes nothing. Raises FileRefused for the table as a whole."""
    columns = columns_of(kind, table)
    report, good = Report(), []
    for row in table.rows:
        try:
            good.append(read_row(kind, columns, row, now=now, zone=zone))
        except RowRefused as err:
            report.refused.append((row.line, str(err)))
    rows, seen = iter(good), dict[tuple[str, str], Read]()
    while batch := list(islice(rows, AT_ONCE)):
        await _import(tx, TABLES[kind], batch, seen, report, now, zone)
    report.refused.sort()
    report.taken.sort()
    return report


async def _import(
    tx: AsyncSession,
    table: type[Chart],
    batch: list[Read],
    seen: dict[tuple[str, str], Read],
    report: Report,
    now: datetime,
    zone: ZoneInfo,
) -> None:
    """Put these rows on file; `seen` are those of the file so far, by source and id."""
    patients = await patients_by_number(tx, {read.key for read in batch})
    known: dict[tuple[str, str], Chart] = {}
    for source in sorted({read.row.source for read in batch}):
        ids = [read.row.source_id for read in batch if read.row.source == source]
        known |= {(source, id): row for id, row in (await rows_from(tx, table, source, ids)).items()}
    touched: set[int] = set()
    for read in batch:
        key = read.row.source, read.row.source_id
        try:
            patient = _whose(read, patients)
            read.row.patient_id = patient.id
            if (before := seen.get(key)) is not None and not _alike(before.row, read.row):
                raise RowRefused(say("row.conflict", line=before.line))
            what: Put = "same" if before is not None else put(tx, known.get(key), read.row, now=now, by=BY)
        except RowRefused as err:
            report.refused.append((read.line, str(err)))
        except OtherPatient:
            report.refused.append((read.line, say("row.other_patient")))
        else:
            seen.setdefault(key, read)
            report.taken.append((read.line, what, patient.name, read.about))
            if what != "same":
                touched.add(patient.id)
    await tx.flush()
    await record_changed(tx, touched, by=BY, now=now, zone=zone)
    await ask_retag(tx, touched, now)


def _whose(read: Read, patients: dict[str, list[Patient]]) -> Patient:
    found = patients.get(read.key, []) if read.key else []
    if len(found) != 1:
        raise RowRefused(say("row.several" if found else "row.record", value=read.record_number))
    if read.name and read.name.replace(" ", "") != found[0].name.replace(" ", ""):
        raise RowRefused(say("row.name"))
    return found[0]


def _alike(one: Chart, other: Chart) -> bool:
    names = [column.key for column in type(one).__mapper__.column_attrs if column.key not in KEPT]
    return all(getattr(one, name) == getattr(other, name) for name in names)


def import_command(file: Path, kind: Kind, *, dry_run: bool) -> int:
    """`careloop chart import`; how many rows were not taken."""
    try:
        table = read_table(file)
        columns_of(kind, table)
    except FileRefused as err:
        raise RegistryError(say(f"file.{err.code}", **err.detail)) from err
    except OSError as err:
        raise RegistryError(say("file.missing", file=file.name)) from err
    reports: list[Report] = []

    async def work(tx: AsyncSession, parts: Core) -> str:
        report = await import_table(tx, kind, table, now=parts.clock(), zone=parts.settings.tz)
        reports.append(report)
        if dry_run:
            raise _DryRun
        return ""

    with suppress(_DryRun):
        _in_transaction(work)
    print("\n".join(told(reports[0], file.name, table, ignored(kind, table), dry_run=dry_run)))
    return len(reports[0].refused)


def told(report: Report, name: str, table: Table, unused: list[str], *, dry_run: bool) -> list[str]:
    """The report in lines: the counts, every row that was not taken, and in a dry run every row that would be new or changed."""
    counts = {what: report.count(what) for what in ("new", "changed", "same")}
    lines = [say("done.head", file=name, rows=len(table.rows))]
    if unused:
        lines.append(say("done.ignored", columns="、".join(unused)))
    if dry_run:
        shown = [row for row in report.taken if row[1] != "same"]
        lines += [say("done.taken", line=line, what=say(f"done.{what}"), name=who, about=about) for line, what, who, about in shown]
    lines += [say("done.refused", line=line, why=why) for line, why in report.refused]
    lines.append(say("done.would" if dry_run else "done.did", refused=len(report.refused), **counts))
    return lines


def show_command(record_number: str) -> None:
    """`careloop chart show`."""
    print(_in_transaction(lambda tx, parts: show(tx, record_number, now=parts.clock(), zone=parts.settings.tz)))


async def show(tx: AsyncSession, record_number: str, *, now: datetime, zone: ZoneInfo) -> str:
    """What is on file of this child, also what the family does not see. Raises RegistryError."""
    patient = await find_patient(tx, record_number)
    visits = select(Appointment).where(Appointment.patient_id == patient.id, Appointment.starts_at > now - SHOWN_SINCE)
    medicines = select(MedicationRequest).where(MedicationRequest.patient_id == patient.id)
    labs = select(LabResult).where(LabResult.patient_id == patient.id, LabResult.collected_at > now - SHOWN_SINCE)
    lines = [f"{patient.name} {patient.record_number}"]
    lines += [say("show.appointments"), *await _listed(tx, visits.order_by(Appointment.starts_at), lambda row: _visit(row, zone))]
    lines += [say("show.medications"), *await _listed(tx, medicines.order_by(MedicationRequest.id), _medicine)]
    labs = labs.order_by(LabResult.collected_at.desc(), LabResult.id)
    lines += [say("show.results"), *await _listed(tx, labs, lambda row: _lab(row, zone))]
    return "\n".join(lines)


async def _listed(tx: AsyncSession, query: object, line: Callable[..., str]) -> list[str]:
    rows = list(await tx.scalars(query.limit(SHOWN)))  # type: ignore[attr-defined]
    return [f"  {line(row)}" for row in rows] or [f"  {say('show.nobody')}"]


def _visit(row: Appointment, zone: ZoneInfo) -> str:
    starts = row.starts_at.astimezone(zone)
    fasting = say("show.fasting") if row.fasting else None
    parts = [f"{starts:%Y-%m-%d}", row.time_text or f"{starts:%H:%M}", row.department, row.place, row.doctor, fasting, row.prepare]
    return _joined(*parts, say(f"show.{row.status}"))


def _medicine(row: MedicationRequest) -> str:
    days = f"{row.starts_on or ''}~{row.ends_on or ''}"
    return _joined(row.name, row.dose, row.frequency, "、".join(row.times), row.route, row.with_food, days, row.note, row.status)


def _lab(row: LabResult, zone: ZoneInfo) -> str:
    collected = f"{row.collected_at.astimezone(zone):%Y-%m-%d %H:%M}"
    hidden = None if row.released_at else say("show.unreleased")
    return _joined(collected, row.report, row.item, row.text, row.unit, row.flag, row.reference_range, hidden)


def _joined(*parts: str | None) -> str:
    return "  ".join(part for part in parts if part)


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    async def run() -> str:
        async with core(command_settings("chart"), role="chart", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
