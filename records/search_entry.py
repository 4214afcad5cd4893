"""Whom a search finds, kept ready: the keys of each patient, and of each carer who has a chat, and the news that change them.

Computed from the record, and may be computed again at any time. Triggers write the news in the transaction of whoever changes a name, a
number or who speaks for whom, so that no writer has to know of searches. Whoever has news may be meant by every search until they are
taken in: a search is never behind. What is found so is read and compared here (`texts_of_…`): the database cannot read it.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Index, Row, any_, bindparam, func, or_, select, text
from sqlalchemy import false as no
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.keyring import Keyring
from records.patient import Carer, Patient
from records.patient_identifier import PatientIdentifier, plain_number
from records.sealed import keyring_of, open_json, place_of
from records.search_keys import keys_of, name_pieces, number_pieces, open_keys_of, phone_pieces, whole_piece

PATIENT, CARER = WHOM = ("patient", "carer")
# Any fixed number: of two who compute the same entry the later must have read the later.
ONE_AT_A_TIME = 5297
# Of news at once: some tenths of a second.
AT_ONCE = 1000


# Texts are read for so many at a time: 20 ms.
READ_AT_ONCE = 1000


class SearchEntry(Base):
    """The keys of one patient, or of one carer, for the teams whose members may find him; not `keyed`: made without a secret, by an older
    version or beside one."""

    __tablename__ = "search_entry"

    whom: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    keys: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    keyed: Mapped[bool] = mapped_column(default=False, server_default=no())

    __table_args__ = (
        Index("ix_search_entry_keys", "keys", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index("ix_search_entry_open", "whom", "id", postgresql_where=text("not keyed")),
    )


class SearchNews(Identity, Base):
    """What finds this patient or carer has changed. Written by triggers, deleted by whoever takes it in. A repeat is harmless."""

    __tablename__ = "search_news"

    whom: Mapped[str]
    of: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_search_news_whom_of", "whom", "of"),)


@dataclass(frozen=True)
class PatientTexts:
    """By what a patient is found; the numbers as they are compared, `phones` those of the hospital and of the carers."""

    id: int
    team_id: int
    name: str
    number: str
    others: tuple[str, ...]
    phones: tuple[str, ...]


@dataclass(frozen=True)
class CarerTexts:
    """By what a carer who has a chat is found: his name, `teams` those of his chats, `children` (team, name, record number)."""

    id: int
    name: str
    teams: tuple[int, ...]
    children: tuple[tuple[int, str, str], ...]


async def with_news(tx: AsyncSession, whom: str) -> set[int]:
    """The ids of those whose keys are not up to date."""
    return set(await tx.scalars(select(SearchNews.of).where(SearchNews.whom == whom)))


async def alike(
    tx: AsyncSession,
    whom: str,
    teams: Collection[int],
    sought: Sequence[Collection[str]],
    most: int | None,
    *,
    among: Collection[int] | None = None,
) -> list[int]:
    """The ids of whom members of `teams` may mean who seek all pieces of one of `sought`; `most` of them, in no order. With `among`, only
    of these."""
    if not teams or not sought:
        return []
    # One condition a team and no array of alternatives: PostgreSQL reads lists of one key several times as fast as it merges many.
    ring = keyring_of(tx)
    shared = [SearchEntry.keys.contains(sorted(keys_of(ring, whom, team, pieces))) for team in teams for pieces in sought]
    if await tx.scalar(_OPEN):
        shared += [SearchEntry.keys.contains(sorted(open_keys_of(whom, team, pieces))) for team in teams for pieces in sought]
    # How many have a key decides how they are found: a plan for any keys would be a bad one for those that everybody has.
    await tx.execute(_PLAN)
    # By itself the whole is planned for, and read no further than asked: a limit inside would tempt to read the table through.
    chosen = select(SearchEntry.id).where(SearchEntry.whom == whom, or_(*shared))
    if among is not None:
        chosen = chosen.where(SearchEntry.id == any_(bindparam("among", sorted(among), ARRAY(BigInteger))))
    found = chosen.cte("found").prefix_with("materialized")
    return list(await tx.scalars(select(found.c.id).limit(most)))


_PLAN = text("set local plan_cache_mode = force_custom_plan")
# As the index says it (`not keyed`): by "is false" PostgreSQL reads the whole table.
_OPEN = select(SearchEntry.id).where(~SearchEntry.keyed).limit(1)
_PATIENTS = text(
    """
    select id, team_id, name, record_number, phones,
        array(select value from patient_identifier where patient_id = patient.id and until is null) as others,
        array(select carer.phone from patient_carer join carer on carer.id = carer_id
            where patient_id = patient.id and carer.phone is not null) as carers
    from patient where id = any(:ids)
    """
)
_CARERS = text(
    """
    select id, name, array(select team_id from chat where carer_id = carer.id) as teams,
        coalesce((select jsonb_agg(jsonb_build_array(team_id, patient.name, record_number))
            from patient_carer join patient on patient.id = patient_id where carer_id = carer.id), '[]') as children
    from carer where id = any(:ids) and exists (select from chat where carer_id = carer.id)
    """
)
_PATIENT, _CARER, _NUMBER = Patient.__table__.c, Carer.__table__.c, PatientIdentifier.__table__.c


async def texts_of_patients(tx: AsyncSession, ids: Sequence[int]) -> AsyncIterator[list[PatientTexts]]:
    """By what these patients are found, READ_AT_ONCE at a time. Raises KeyringError."""
    ring = keyring_of(tx)
    for first in range(0, len(ids), READ_AT_ONCE):
        rows = (await tx.execute(_PATIENTS, {"ids": list(ids[first : first + READ_AT_ONCE])})).all()
        yield await asyncio.to_thread(lambda of: [_read_patient(ring, row) for row in of], rows)


async def texts_of_carers(tx: AsyncSession, ids: Sequence[int]) -> AsyncIterator[list[CarerTexts]]:
    """The same of those of these carers who have a chat."""
    ring = keyring_of(tx)
    for first in range(0, len(ids), READ_AT_ONCE):
        rows = (await tx.execute(_CARERS, {"ids": list(ids[first : first + READ_AT_ONCE])})).all()
        yield await asyncio.to_thread(lambda of: [_read_carer(ring, row) for row in of], rows)


def _read_patient(ring: Keyring, row: Row[Any]) -> PatientTexts:
    number = plain_number(ring.unseal(place_of(_PATIENT.record_number), row.record_number))
    others = tuple(plain_number(ring.unseal(place_of(_NUMBER.value), each)) for each in row.others)
    phones = open_json(ring, place_of(_PATIENT.phones), row.phones) if isinstance(row.phones, str) else row.phones
    carers = [ring.unseal(place_of(_CARER.phone), each) for each in row.carers]
    return PatientTexts(row.id, row.team_id, ring.unseal(place_of(_PATIENT.name), row.name), number, others, (*phones, *carers))


def _read_carer(ring: Keyring, row: Row[Any]) -> CarerTexts:
    name, number = place_of(_PATIENT.name), place_of(_PATIENT.record_number)
    children = tuple((team, ring.unseal(name, called), ring.unseal(number, under)) for team, called, under in row.children)
    return CarerTexts(row.id, ring.unseal(place_of(_CARER.name), row.name), tuple(row.teams), children)


_KEEP = text(
    """
    insert into search_entry as known (whom, id, keys, keyed)
    select :whom, id, cast(keys as bigint[]), :keyed from unnest(cast(:ids as bigint[]), cast(:keys as text[])) as told (id, keys)
    on conflict (whom, id) do update set keys = excluded.keys, keyed = excluded.keyed
        where known.keys <> excluded.keys or known.keyed <> excluded.keyed
    """
)
_NEWS = text("delete from search_news where id in (select id from search_news order by id limit :limit) returning whom, of")


async def take_in(tx: AsyncSession, limit: int = AT_ONCE) -> int:
    """One round: compute anew the keys of whoever has news. How many news that were; none while somebody else is at it."""
    if not await tx.scalar(select(func.pg_try_advisory_xact_lock(ONE_AT_A_TIME))):
        return 0
    news = (await tx.execute(_NEWS, {"limit": limit})).all()
    for whom in WHOM:
        await refresh_entries(tx, whom, sorted({of for of_whom, of in news if of_whom == whom}))
    return len(news)


async def refresh_entries(tx: AsyncSession, whom: str, ids: Sequence[int]) -> None:
    """Compute the keys of these patients, or carers, anew from the record."""
    if not ids:
        return
    ring, keys = keyring_of(tx), dict[int, list[int]]()
    if whom == PATIENT:
        async for patients in texts_of_patients(tx, ids):
            keys |= await asyncio.to_thread(lambda of: {each.id: sorted(_of_patient(ring, each)) for each in of}, patients)
    else:
        async for carers in texts_of_carers(tx, ids):
            keys |= await asyncio.to_thread(lambda of: {each.id: sorted(_of_carer(ring, each)) for each in of}, carers)
    gone = sorted(set(ids) - set(keys))
    await tx.execute(text("delete from search_entry where whom = :whom and id = any(:gone)"), {"whom": whom, "gone": gone})
    arrays = [f"{{{','.join(map(str, each))}}}" for each in keys.values()]
    await tx.execute(_KEEP, {"whom": whom, "ids": list(keys), "keys": arrays, "keyed": ring.active is not None})


def _keys(ring: Keyring, whom: str, team: int, pieces: set[str]) -> set[int]:
    """Without a secret while older processes may search too."""
    return keys_of(ring, whom, team, pieces) if ring.active is not None else open_keys_of(whom, team, pieces)


def _of_patient(ring: Keyring, of: PatientTexts) -> set[int]:
    pieces = name_pieces(of.name) | number_pieces(of.number)
    return _keys(ring, PATIENT, of.team_id, pieces.union(*map(whole_piece, of.others), *map(phone_pieces, of.phones)))


def _of_carer(ring: Keyring, of: CarerTexts) -> set[int]:
    """By his own name for each team that may have his chat, by a child's for that child's team."""
    own = name_pieces(of.name)
    teams = {*of.teams, *(team for team, _, _ in of.children)}
    keys = set[int]().union(*(_keys(ring, CARER, team, own) for team in teams))
    return keys.union(*(_keys(ring, CARER, team, name_pieces(name) | whole_piece(number)) for team, name, number in of.children))
