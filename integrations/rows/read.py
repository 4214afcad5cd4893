"""One row as one message of events."""

import hashlib
import json
from zoneinfo import ZoneInfo

from integrations.event import Identifier, Message, Person
from integrations.rows import value as cells
from integrations.rows.events import EVENTS
from integrations.rows.mapping import Cell, Numbering, RowMapping
from integrations.rows.row import Cells, Row, RowError, cell_text, read_cell


def row_key(mapping: RowMapping, row: Cells) -> str:
    """The row's name in its source. Raises RowError."""
    parts = [cell_text(row, column) for column in mapping.key]
    for column, part in zip(mapping.key, parts, strict=True):
        if part is None:
            raise RowError("empty", column)
    return "|".join(str(part) for part in parts)


def row_digest(row: Cells) -> str:
    """What tells a row from what it was before: the same contents give the same digest."""
    said = json.dumps(dict(row), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:24]


def read_row(mapping: RowMapping, row: Cells, zone: ZoneInfo) -> Message:
    """What a row says; contents as text, None where the cell is empty. Raises RowError."""
    key = row_key(mapping, row)
    at = read_cell(row, Cell(column=mapping.updated), lambda text: cells.moment(text, zone)) if mapping.updated else None
    gone = mapping.deleted is not None and cells.plain(cell_text(row, mapping.deleted.column) or "") in mapping.deleted.values
    person = _person(mapping, row, zone)
    event = EVENTS[mapping.event](Row(mapping, row, zone, key, person, at, gone))
    return Message(id=f"{key}:{row_digest(row)}", kind=mapping.event, at=at, events=(event,) if event is not None else ())


def _person(mapping: RowMapping, row: Cells, zone: ZoneInfo) -> Person:
    said = mapping.person
    numbers = _identifiers(row, said.identifiers)
    if not numbers:
        raise RowError("empty", said.identifiers[0].column or "")
    born, died = said.birth_date, said.died_at
    return Person(
        identifiers=numbers,
        name=read_cell(row, said.name, str),
        sex=read_cell(row, said.sex, cells.sex),
        birth_date=read_cell(row, born, cells.day),
        phones=tuple(phone for cell in said.phones if (phone := read_cell(row, cell, cells.plain))),
        birth_order=read_cell(row, said.birth_order, cells.whole),
        mother=_identifiers(row, said.mother),
        birth_weight_g=read_cell(row, said.birth_weight_g, cells.number),
        gestational_age_weeks=read_cell(row, said.gestational_age_weeks, cells.whole),
        died_at=read_cell(row, died, lambda text: cells.moment(text, zone)),
    )


def _identifiers(row: Cells, numberings: tuple[Numbering, ...]) -> tuple[Identifier, ...]:
    found = [(numbering.system, read_cell(row, numbering, cells.plain)) for numbering in numberings]
    return tuple(Identifier(system, number) for system, number in found if number)
