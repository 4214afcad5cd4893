"""The latest readings of every measure, computed anew from observations and laboratory results."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from records.lab_result import LabResult
from records.observation import Observation
from records.patient_index import READINGS, PatientValue
from tagging.cohort.calendar import on
from tagging.cohort.measure import Measure, lab_measure

# Kinds of results that a hospital sends: a few hundred items, each in a unit or two.
_known = lru_cache(maxsize=5000)(lab_measure)


async def refresh_values(tx: AsyncSession, patients: Sequence[int], *, zone: ZoneInfo) -> None:
    """Compute these patients' rows anew; days are those of `zone`.

    What the hospital has not released counts for nobody, a result whose unit does not measure its item is left out.
    """
    if not patients:
        return
    who = sorted(set(patients))
    found: dict[tuple[int, str], list[tuple[datetime, float, str | None]]] = defaultdict(list)
    for patient_id, code, at, value, unit in await tx.execute(_observations(who)):
        found[patient_id, code].append((at, value, unit))
    for patient_id, item, loinc, report, at, value, unit in await tx.execute(_results(who)):
        measure = _known(item, code=loinc, unit=unit, report=report)
        kept = _kept(measure, value, unit)
        if kept is not None:
            found[patient_id, measure.code].append((at, kept, measure.unit or unit))
    rows = []
    for (patient_id, code), readings in sorted(found.items()):
        # Sorted by time alone: of the same moment, what came later counts as newer.
        readings.sort(key=lambda reading: reading[0])
        unit = readings[-1][2]
        last = [reading for reading in readings if reading[2] == unit][-READINGS:]
        days, values = [on(at, zone) for at, _, _ in last], [value for _, value, _ in last]
        rows.append({"patient_id": patient_id, "code": code, "unit": unit, "days": days, "value": values})
    await tx.execute(delete(PatientValue).where(PatientValue.patient_id.in_(who)))
    if rows:
        await tx.execute(insert(PatientValue), rows)


def _kept(measure: Measure, value: float, unit: str | None) -> float | None:
    if measure.unit is None:
        return value
    # A report without a unit is not guessed at.
    return None if unit is None else measure.kept(value, unit)


def _observations(who: Sequence[int]) -> Select[Any]:
    newest = func.row_number().over(
        partition_by=(Observation.patient_id, Observation.code), order_by=(Observation.effective_at.desc(), Observation.id.desc())
    )
    columns = (Observation.patient_id, Observation.code, Observation.effective_at, Observation.value, Observation.unit)
    ranked = (
        select(*columns, Observation.id, newest.label("place"))
        .where(Observation.patient_id.in_(who), Observation.status == "final", Observation.value.is_not(None))
        .subquery()
    )
    c = ranked.c
    return select(c.patient_id, c.code, c.effective_at, c.value, c.unit).where(c.place <= READINGS).order_by(c.effective_at, c.id)


def _results(who: Sequence[int]) -> Select[Any]:
    newest = func.row_number().over(
        partition_by=(LabResult.patient_id, LabResult.item), order_by=(LabResult.collected_at.desc(), LabResult.id.desc())
    )
    columns = (
        LabResult.patient_id, LabResult.item, LabResult.code, LabResult.report, LabResult.collected_at, LabResult.value, LabResult.unit,
    )  # fmt: skip
    ranked = (
        select(*columns, LabResult.id, newest.label("place"))
        .where(
            LabResult.patient_id.in_(who),
            LabResult.value.is_not(None),
            LabResult.released_at.is_not(None),
            LabResult.status == "final",
        )
        .subquery()
    )
    c = ranked.c
    return (
        select(c.patient_id, c.item, c.code, c.report, c.collected_at, c.value, c.unit)
        .where(c.place <= READINGS)
        .order_by(c.collected_at, c.id)
    )
