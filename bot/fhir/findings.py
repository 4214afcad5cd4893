"""What is known of a patient: observations and results, diagnoses, visits, vaccines."""

import asyncio
from collections.abc import Sequence
from functools import cache

from sqlalchemy import Text, and_, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir import shown
from bot.fhir.codes import (
    ENCOUNTER,
    ENCOUNTER_CLASS,
    OURS,
    address_of,
    category_of,
    loinc_to_ours,
    tables,
)
from bot.fhir.rows import about_patient, codes_of, loaded, rows_of, simply
from bot.fhir.search import Condition as Where
from bot.fhir.search import Key, Kind, Token
from integrations.fhir.write import LOINC, Json
from records.condition import Condition
from records.encounter import Encounter
from records.immunization import Immunization
from records.lab_result import LabResult
from records.observation import Observation


def observations() -> Kind:
    """What families tell and devices measure, and what the laboratory found."""
    told = select(
        literal("o", Text()).label("part"), Observation.id, Observation.patient_id, Observation.changed_at, Observation.code.label("code"),
        Observation.status, Observation.effective_at.label("at"),
    )  # fmt: skip
    # What the hospital has not released is shown to nobody.
    results = select(
        literal("l", Text()), LabResult.id, LabResult.patient_id, LabResult.changed_at, LabResult.code, LabResult.status,
        LabResult.collected_at,
    ).where(LabResult.released_at <= func.clock_timestamp())  # fmt: skip
    rows = union_all(told, results).subquery("observation_rows")
    measured, tested = rows.c.part == "o", rows.c.part == "l"

    def coded(tokens: list[Token]) -> Where:
        ours = [code for system, code in tokens if system in (None, f"{OURS}:observation")]
        loinc = [code for system, code in tokens if system in (None, LOINC)]
        ours += [loinc_to_ours()[code] for code in loinc if code in loinc_to_ours()]
        return or_(and_(measured, rows.c.code.in_(ours)), and_(tested, rows.c.code.in_(loinc)))

    def category(tokens: list[Token]) -> Where:
        wanted = {code for _, code in tokens}
        coded_as = {name: category_of(name) for name in tables()["loinc"]}
        inside = [name for name, each in coded_as.items() if each in wanted]
        found = [and_(measured, rows.c.code.in_(inside))]
        found += [and_(measured, rows.c.code.not_in(list(coded_as)))] if "survey" in wanted else []
        found += [tested] if "laboratory" in wanted else []
        return or_(*found)

    async def show(tx: AsyncSession, keys: Sequence[Key], client_id: int) -> list[Json]:
        findings = await loaded(tx, Observation, [key for key in keys if key.part == "o"])
        items = await loaded(tx, LabResult, [key for key in keys if key.part == "l"])
        # The clinical tables take a second to load, once.
        names = await asyncio.to_thread(names_of_findings) if findings else {}
        told = {("o", number): shown.observation(row, names.get(row.code)) for number, row in findings.items()}
        told |= {("l", number): shown.lab_result(row) for number, row in items.items()}
        return [told[key.part, key.id] for key in keys if (key.part, key.id) in told]

    return Kind(
        "Observation", rows, show,
        tokens={"code": coded, "category": category, "status": lambda tokens: rows.c.status.in_([code for _, code in tokens])},
        dates={"date": rows.c.at}, references=about_patient(rows),
    )  # fmt: skip


@cache
def names_of_findings() -> dict[str, str]:
    """What our observations are called, from the clinical tables."""
    from tagging.content import default_content

    content = default_content()
    signs = {code: concept.name for code, concept in content.symptoms.concepts.items()}
    return signs | {code: vital.name for code, vital in content.vitals.vitals.items()}


def conditions() -> Kind:
    """Diagnoses."""
    rows = rows_of(
        Condition, code=Condition.code, system=Condition.system, icd10=Condition.icd10, status=Condition.status, at=Condition.recorded_at
    )

    def coded(tokens: list[Token]) -> Where:
        icd10 = [code for system, code in tokens if system in (None, "http://hl7.org/fhir/sid/icd-10")]
        short = {address_of(name): name for name in tables()["systems"]}
        given = [
            rows.c.code == code if system is None else and_(rows.c.code == code, rows.c.system.in_([system, short.get(system, system)]))
            for system, code in tokens
        ]
        return or_(rows.c.icd10.in_(icd10), *given)

    states = {"active": "active", "inactive": "inactive"}
    return Kind(
        "Condition", rows, simply(Condition, shown.condition),
        tokens={"code": coded, "clinical-status": codes_of(rows.c.status, states)}, dates={"recorded-date": rows.c.at},
        references=about_patient(rows),
    )  # fmt: skip


def encounters() -> Kind:
    """Stays and visits."""
    rows = rows_of(Encounter, kind=Encounter.kind, state=Encounter.state, at=Encounter.started_at)
    return Kind(
        "Encounter", rows, simply(Encounter, shown.encounter),
        tokens={"status": codes_of(rows.c.state, ENCOUNTER), "class": codes_of(rows.c.kind, ENCOUNTER_CLASS)}, dates={"date": rows.c.at},
        references=about_patient(rows),
    )  # fmt: skip


def immunizations() -> Kind:
    """Vaccines."""
    rows = rows_of(Immunization, code=Immunization.code, status=Immunization.status, at=Immunization.given_at)
    return Kind(
        "Immunization", rows, simply(Immunization, shown.immunization),
        tokens={
            "status": lambda tokens: rows.c.status.in_([code for _, code in tokens]),
            "vaccine-code": lambda tokens: rows.c.code.in_([code for _, code in tokens]),
        },
        dates={"date": rows.c.at}, references={"patient": ("Patient", rows.c.patient_id)},
    )  # fmt: skip
