"""What a batch of messages needs of the record, fetched at once: a look-up for each message would take longer than all the rest."""

# ruff: noqa: S608 - names of tables and columns come from our own metadata, values are always parameters

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from itertools import starmap
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Date,
    LargeBinary,
    Text,
    TextClause,
    and_,
    bindparam,
    column,
    func,
    select,
    text,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from integrations.event import Identifier
from plans.invitation import signing_key
from records.erasure import erased_under
from records.identity import OnFile
from records.patient import RECORD_KEY, Patient, face
from records.patient_identifier import NATIONAL_ID, RECORD_NUMBER, VALUE_KEY, PatientIdentifier, plain_number

# A record number that was put on file by hand stands with the patient alone. What an older version wrote, and nobody has sealed yet, has
# no blind index and is compared as it stands.
_KNOWN = text(
    f"""
    with asked as (
        select * from unnest(cast(:systems as text[]), cast(:values as text[]), cast(:blinds as bytea[]), cast(:keys as bytea[]))
            as asked(system, value, blind, key))
    select asked.system, asked.value, patient.id as patient_id, true as by_hand
    from asked join patient on asked.system = '{RECORD_NUMBER}' and record_key_blind = asked.key
    union all
    select asked.system, asked.value, patient.id, true
    from asked join patient on asked.system = '{RECORD_NUMBER}' and record_key_blind is null
        and {RECORD_KEY} = {VALUE_KEY.replace("value", "asked.value")}
    union all
    select asked.system, asked.value, known.patient_id, false
    from asked join patient_identifier known on known.system = asked.system and known.value_blind = asked.blind and known.until is null
    union all
    select asked.system, asked.value, known.patient_id, false
    from asked join patient_identifier known on known.system = asked.system and known.value_blind is null and known.value = asked.value
        and known.until is null
    """
).bindparams(
    bindparam("systems", type_=ARRAY(Text)),
    bindparam("values", type_=ARRAY(Text)),
    bindparam("blinds", type_=ARRAY(PatientIdentifier.__table__.c.value_blind.type)),
    bindparam("keys", type_=ARRAY(PatientIdentifier.__table__.c.value_key_blind.type)),
)
_NUMBERS = _KNOWN.columns(
    column("system", Text), column("value", Text), column("patient_id", BigInteger), column("by_hand", Boolean)
).subquery("known")
NATIONAL_IDS = (
    select(func.array_agg(PatientIdentifier.value))
    .where(
        PatientIdentifier.patient_id == Patient.id,
        PatientIdentifier.system == NATIONAL_ID,
        PatientIdentifier.until.is_(None),
        PatientIdentifier.alias.is_(False),
    )
    .scalar_subquery()
)
_FACES = (
    func.unnest(
        bindparam("births", type_=ARRAY(Date)),
        bindparam("names", type_=ARRAY(Text)),
        bindparam("faces", type_=ARRAY(Patient.__table__.c.face_blind.type)),
    )
    .table_valued(column("birth_date", Date), column("name", Text), column("blind", LargeBinary), name="face")
    .render_derived()
)
_PLAIN = and_(Patient.face_blind.is_(None), Patient.birth_date == _FACES.c.birth_date, type_coerce(Patient.name, Text) == _FACES.c.name)
_ALIKE = (
    select(Patient, NATIONAL_IDS)
    .where(
        Patient.id.in_(
            union_all(
                select(Patient.id).join(_FACES, Patient.face_blind == _FACES.c.blind),
                select(Patient.id).join(_FACES, _PLAIN),
            )
        )
    )
    .order_by(Patient.id)
    .with_for_update(of=Patient, key_share=True)
)
_IDS = text("select nextval(pg_get_serial_sequence('patient', 'id')) from generate_series(1, :count)")
# Two feeds that tell of one patient at once take turns; conversations, which only refer to him, do not wait. In one order, so that
# two batches do not wait for each other.
_UNDER = (
    select(_NUMBERS.c.system, _NUMBERS.c.value, _NUMBERS.c.by_hand, Patient, NATIONAL_IDS)
    .join(Patient, Patient.id == _NUMBERS.c.patient_id)
    .order_by(Patient.id)
    .with_for_update(of=Patient, key_share=True)
)


class Fresh:
    """A row of `table` that is not written yet: a plain object, because an ORM's costs five times as much, and there are thousands."""

    id: int | None = None

    def __init__(self, table: Any, **fields: Any):
        self.__tablename__: str = table.__tablename__
        self.table = table
        self.__dict__.update(dict.fromkeys(_columns(table)), **fields)

    def as_json(self) -> dict[str, Any]:
        """The row as PostgreSQL reads it from JSON."""
        return {name: _plain(getattr(self, name)) for name in _columns(self.table)}


@cache
def _columns(table: Any) -> tuple[str, ...]:
    return tuple(column.name for column in table.__table__.columns if column.name != "id" and column.server_default is None)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


@dataclass
class Shelf:
    """Patients by number and rows by key, as this transaction has them; None: looked for, and not there. Of no use after a rollback.

    `new` are the rows that `write` has to write, `faces` the patients by birth date and name, `ids` those that new patients will get,
    `late` ORM's rows that refer to a patient who may not be written yet (the session knows no order among tables), `key` the
    installation's.
    """

    numbers: dict[Identifier, Patient | None] = field(default_factory=dict)
    national: dict[int, set[str]] = field(default_factory=dict)
    rows: dict[tuple[Any, str], Any] = field(default_factory=dict)
    new: list[Fresh] = field(default_factory=list)
    faces: dict[tuple[date, str], list[Patient]] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    late: list[Any] = field(default_factory=list)
    key: bytes | None = None

    async def under(self, tx: AsyncSession, numbers: Sequence[Identifier]) -> dict[Identifier, Patient]:
        """The patient under each number that is on file, locked. What a feed told counts before a record number put on file by hand."""
        await self.fetch(tx, numbers)
        return {number: patient for number in numbers if (patient := self.numbers[number]) is not None}

    async def fetch(self, tx: AsyncSession, numbers: Iterable[Identifier]) -> None:
        """Look up the numbers that have not been."""
        missing = [each for each in dict.fromkeys(numbers) if each not in self.numbers]
        if not missing:
            return
        self.numbers |= dict.fromkeys(missing)
        values = [each.value for each in missing]
        given = {"systems": [each.system for each in missing], "values": values, "blinds": values, "keys": list(map(plain_number, values))}
        for system, value, by_hand, patient, national in await tx.execute(_UNDER, given):
            number = Identifier(system, value)
            if not by_hand or self.numbers[number] is None:
                self.numbers[number] = patient
            self.national[patient.id] = set(national or ())

    async def alike(self, tx: AsyncSession, faces: Iterable[tuple[date, str]]) -> list[Patient]:
        """The patients with one of these birth dates and names, locked."""
        faces = list(dict.fromkeys(faces))
        missing = [face for face in faces if face not in self.faces]
        if missing:
            self.faces |= {face: [] for face in missing}
            given = {"births": [born for born, _ in missing], "names": [name for _, name in missing], "faces": list(starmap(face, missing))}
            for patient, national in await tx.execute(_ALIKE, given):
                self.faces[patient.birth_date, patient.name].append(patient)
                self.national[patient.id] = set(national or ())
        return [patient for face in faces for patient in self.faces[face]]

    async def erased(self, tx: AsyncSession, numbers: Iterable[Identifier]) -> bool:
        """Whether one of these numbers is of a child whose family had it erased."""
        self.key = self.key or await signing_key(tx)
        return await erased_under(tx, self.key, [(each.system, each.value) for each in numbers]) is not None

    async def expect(self, tx: AsyncSession, count: int) -> None:
        """Have the ids of so many new patients ready."""
        self.ids += list((await tx.execute(_IDS, {"count": count})).scalars()) if count > 0 else []

    async def id_for(self, tx: AsyncSession) -> int:
        """The id of a new patient."""
        if not self.ids:
            await self.expect(tx, 1)
        return self.ids.pop()

    def now_his(self, patient: Patient, numbers: Iterable[Identifier], *, alias: bool) -> None:
        """Numbers that were nobody's have been put on file as the patient's."""
        for number in numbers:
            if self.numbers.get(number) is None:
                self.numbers[number] = patient
                if number.system == NATIONAL_ID and not alias:
                    self.national.setdefault(patient.id, set()).add(number.value)

    def on_file(self, patient: Patient) -> OnFile:
        """The patient as he is compared."""
        return as_on_file(patient, self.national.get(patient.id, ()))

    async def take(self, tx: AsyncSession, table: Any, source: str, keys: Iterable[str]) -> dict[str, Any]:
        """The rows of `table` that came from `source` under these keys, locked; those that are there."""
        wanted = dict.fromkeys(keys)
        missing = sorted(key for key in wanted if (table, key) not in self.rows)
        if missing:
            self.rows |= {(table, key): None for key in missing}
            query = select(table).where(table.source == source, table.source_id.in_(missing)).order_by(table.id).with_for_update()
            self.rows |= {(table, row.source_id): row for row in await tx.scalars(query)}
        return {key: row for key in wanted if (row := self.rows[table, key]) is not None}

    def fresh(self, table: Any, key: str, **fields: Any) -> Fresh:
        """A row that is new under this key."""
        row = self.rows[table, key] = Fresh(table, source_id=key, **fields)
        self.new.append(row)
        return row

    async def write(self, tx: AsyncSession) -> None:
        """Flush, and write the new rows, each table in one statement; they have their ids then."""
        await tx.flush()
        if self.late:
            tx.add_all(self.late)
            self.late.clear()
            await tx.flush()
        for table in dict.fromkeys(row.table for row in self.new):
            rows = [row for row in self.new if row.table is table]
            given = {"rows": json.dumps([row.as_json() for row in rows])}
            ids = {(source, key): id for id, source, key in await tx.execute(_insert(table), given)}
            for row in rows:
                row.id = ids[row.source, row.source_id]  # type: ignore[attr-defined]
                # From now on it is changed in the database, so it has to be looked up again.
                del self.rows[table, row.source_id]  # type: ignore[attr-defined]
        self.new.clear()

    def clear(self) -> None:
        """Patients were merged, or two again: nothing that was fetched is sure any more."""
        self.numbers.clear()
        self.national.clear()
        self.rows.clear()
        self.faces.clear()


@cache
def _insert(table: Any) -> TextClause:
    columns = ", ".join(f'"{name}"' for name in _columns(table))
    name = table.__tablename__
    return text(
        f"insert into {name} ({columns}) select {columns} from jsonb_populate_recordset(null::{name}, cast(:rows as jsonb)) "
        "returning id, source, source_id"
    )


def as_on_file(patient: Patient, national_ids: Iterable[str] = ()) -> OnFile:
    """The patient as he is compared."""
    return OnFile(
        id=patient.id,
        name=patient.name,
        sex=patient.sex,
        birth_date=patient.birth_date,
        phones=tuple(patient.phones),
        birth_order=patient.birth_order,
        mother=frozenset(patient.mother),
        national_ids=frozenset(national_ids),
    )
