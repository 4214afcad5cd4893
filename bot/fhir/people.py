"""Patients, and the groups that tags make of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Select, Subquery, Text, any_, cast, false, func, literal, null, or_, select, union_all
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from bot.fhir import shown
from bot.fhir.codes import (
    GENDER,
    OURS,
    numberings,
)
from bot.fhir.rows import loaded, plain
from bot.fhir.search import Condition as Where
from bot.fhir.search import Key, Kind, Lookup, Token
from integrations.fhir.write import Json
from records.cohort import Cohort, CohortEvent, CohortMember
from records.fhir_client import FhirClientTeam, patients_seen_by, teams_of
from records.patient import Patient
from records.patient_identifier import RECORD_NUMBER, PatientIdentifier
from records.patient_search import called
from records.staff import Team
from records.tag import CARRIED, PatientTag, Tag

# Of one Group; a cohort of more is asked for by its patients' searches.
MOST_MEMBERS = 10_000


def patients() -> Kind:
    """Who is in follow-up."""
    part, own = literal("", Text()).label("part"), Patient.id.label("patient_id")
    rows = select(
        part, Patient.id, own, Patient.changed_at, Patient.birth_date, Patient.sex, Patient.record_number, Patient.record_number_blind
    ).subquery()

    def numbered(tokens: list[Token]) -> Where:
        return or_(false(), *(_has_number(rows, system, value) for system, value in tokens))

    def named(words: list[str]) -> Lookup:
        async def find(tx: AsyncSession, client_id: int) -> Where:
            teams = list(await tx.scalars(select(FhirClientTeam.team_id).where(FhirClientTeam.client_id == client_id)))
            found = await called(tx, teams, words)
            return rows.c.id == any_(literal(found, ARRAY(BigInteger)))

        return Lookup(find)

    def gender(tokens: list[Token]) -> Where:
        wanted = {code for _, code in tokens}
        known = rows.c.sex.in_([ours for ours, code in GENDER.items() if code in wanted])
        return or_(known, rows.c.sex.is_(None)) if "unknown" in wanted else known

    async def show(tx: AsyncSession, keys: Sequence[Key], client_id: int) -> list[Json]:
        found = await loaded(tx, Patient, keys)
        numbers: dict[int, list[PatientIdentifier]] = {}
        known = select(PatientIdentifier).where(PatientIdentifier.patient_id.in_(list(found)), PatientIdentifier.until.is_(None))
        for one in await tx.scalars(known.order_by(PatientIdentifier.id)):
            numbers.setdefault(one.patient_id, []).append(one)
        teams = {row.id: row.name for row in await tx.scalars(select(Team).where(Team.id.in_({row.team_id for row in found.values()})))}
        people = [found[key.id] for key in keys if key.id in found]
        return [shown.patient(row, numbers.get(row.id, []), teams[row.team_id]) for row in people]

    return Kind(
        "Patient", rows, show,
        tokens={"identifier": numbered, "gender": gender}, dates={"birthdate": rows.c.birth_date}, lookups={"name": named},
    )  # fmt: skip


def _has_number(rows: Subquery, address: str | None, value: str) -> Where:
    """Whether a patient has this number, of the numbering at `address` where one is given."""
    systems = numberings(address) if address else []
    own = rows.c.record_number == value
    condition = [PatientIdentifier.value == value, PatientIdentifier.until.is_(None), PatientIdentifier.patient_id == rows.c.id]
    if address:
        # What no map named is `feed:address:type`.
        unnamed = PatientIdentifier.system.contains(f":{address}:", autoescape=True)
        condition.append(or_(PatientIdentifier.system.in_(systems), unnamed))
    numbered = select(PatientIdentifier.id).where(*condition).exists()
    return or_(numbered, own) if not address or RECORD_NUMBER in systems else numbered


def groups() -> Kind:
    """Cohorts (part c), and the patients who carry a tag (part t). What a team keeps to itself is seen by programs of that team alone."""
    none = cast(null(), BigInteger())
    moved = select(func.max(CohortEvent.at)).where(CohortEvent.cohort_id == Cohort.id).scalar_subquery()
    cohorts = select(
        literal("c", Text()).label("part"), Cohort.id, none.label("patient_id"), func.greatest(Cohort.at, moved).label("changed_at"),
        cast(null(), Text()).label("code"), Cohort.team_id, Cohort.shared,
    )  # fmt: skip
    tags = select(literal("t", Text()), Tag.id, none, Tag.updated_at, Tag.code, Tag.team_id, Tag.shared)
    rows = union_all(cohorts, tags).subquery("group_rows")

    def seen(client_id: int) -> Where:
        return or_(rows.c.shared, rows.c.team_id.in_(teams_of(client_id)))

    async def show(tx: AsyncSession, keys: Sequence[Key], client_id: int) -> list[Json]:
        whole = len(keys) == 1
        told: dict[tuple[str, int], Json] = {}
        for part, table in (("c", Cohort), ("t", Tag)):
            mine = [key for key in keys if key.part == part]
            if mine:
                found: dict[int, Any] = await loaded(tx, table, mine)
                members = members_of(part, list(found), client_id).subquery()
                many = select(members.c.group_id, func.count()).group_by(members.c.group_id)
                counts = {number: count for number, count in await tx.execute(many)}
                who: list[int] | None = None
                if whole:
                    some = select(members.c.patient_id).order_by(members.c.patient_id).limit(MOST_MEMBERS + 1)
                    who = list(await tx.scalars(some))
                    who = who if len(who) <= MOST_MEMBERS else None
                told |= {(part, number): shown.group(part, row, who, counts.get(number, 0)) for number, row in found.items()}
        return [told[key.part, key.id] for key in keys if (key.part, key.id) in told]

    return Kind("Group", rows, show, tokens={"code": plain(rows.c.code, f"{OURS}:tag")}, seen=seen)


def members_of(part: str, groups: Sequence[int], client_id: int) -> Select[int, int]:
    """Group and patient of every member whom the program may see."""
    seen = patients_seen_by(client_id)
    if part == "c":
        chosen = select(CohortMember.cohort_id.label("group_id"), CohortMember.patient_id)
        return chosen.where(CohortMember.cohort_id.in_(groups), ~CohortMember.inactive, CohortMember.patient_id.in_(seen))
    carried = select(PatientTag.tag_id.label("group_id"), PatientTag.patient_id)
    still = (PatientTag.state.in_(CARRIED), PatientTag.until.is_(None))
    return carried.where(PatientTag.tag_id.in_(groups), *still, PatientTag.patient_id.in_(seen))
