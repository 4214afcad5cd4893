"""Whom a search finds, kept ready: the keys of each patient, and of each carer who has a chat, and the news that change them.

Computed from the record, and may be computed again at any time. Triggers write the news in the transaction of whoever changes a name, a
number or who speaks for whom, so that no writer has to know of searches. Whoever has news is looked at plainly until they are taken in:
a search is never behind.
"""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, CompoundSelect, Index, Row, bindparam, func, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.patient import RECORD_KEY
from records.patient_identifier import VALUE_KEY
from records.search_keys import keys_of, name_pieces, number_pieces, phone_pieces, whole_piece

PATIENT, CARER = WHOM = ("patient", "carer")
# Any fixed number: of two who compute the same entry the later must have read the later.
ONE_AT_A_TIME = 5297
# Of news at once: some tenths of a second.
AT_ONCE = 1000


class SearchEntry(Base):
    """The keys of one patient, or of one carer, for the teams whose members may find him."""

    __tablename__ = "search_entry"

    whom: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    keys: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))

    __table_args__ = (Index("ix_search_entry_keys", "keys", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),)


class SearchNews(Identity, Base):
    """What finds this patient or carer has changed. Written by triggers, deleted by whoever takes it in. A repeat is harmless."""

    __tablename__ = "search_news"

    whom: Mapped[str]
    of: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (Index("ix_search_news_whom_of", "whom", "of"),)


def maybe(whom: str, ids: Sequence[int]) -> CompoundSelect[Any]:
    """The ids of those of `alike`, and of whoever has news: for a condition."""
    found = select(func.unnest(bindparam("alike", list(ids), ARRAY(BigInteger))))
    return found.union(select(SearchNews.of).where(SearchNews.whom == whom))


async def alike(tx: AsyncSession, whom: str, teams: Collection[int], sought: Sequence[Collection[str]], most: int | None) -> list[int]:
    """The ids of whom members of `teams` may mean who seek all pieces of one of `sought`; `most` of them, in no order."""
    if not teams or not sought:
        return []
    # One condition a team and no array of alternatives: PostgreSQL reads lists of one key several times as fast as it merges many.
    shared = [SearchEntry.keys.contains(sorted(keys_of(whom, team, pieces))) for team in teams for pieces in sought]
    # How many have a key decides how they are found: a plan for any keys would be a bad one for those that everybody has.
    await tx.execute(_PLAN)
    # By itself the whole is planned for, and read no further than asked: a limit inside would tempt to read the table through.
    found = select(SearchEntry.id).where(SearchEntry.whom == whom, or_(*shared)).cte("found").prefix_with("materialized")
    return list(await tx.scalars(select(found.c.id).limit(most)))


_PLAN = text("set local plan_cache_mode = force_custom_plan")
_PATIENTS = text(
    f"""
    select id, team_id, name, {RECORD_KEY} as number, phones,
        array(select {VALUE_KEY} from patient_identifier where patient_id = patient.id and until is null) as others,
        array(select carer.phone from patient_carer join carer on carer.id = carer_id
            where patient_id = patient.id and carer.phone is not null) as carers
    from patient where id = any(:ids)
    """  # noqa: S608 - expressions of our own
)
_CARERS = text(
    """
    select id, name, array(select team_id from chat where carer_id = carer.id) as teams,
        coalesce((select jsonb_agg(jsonb_build_array(team_id, patient.name, record_number))
            from patient_carer join patient on patient.id = patient_id where carer_id = carer.id), '[]') as children
    from carer where id = any(:ids) and exists (select from chat where carer_id = carer.id)
    """
)
_KEEP = text(
    """
    insert into search_entry as known (whom, id, keys)
    select :whom, id, cast(keys as bigint[]) from unnest(cast(:ids as bigint[]), cast(:keys as text[])) as told (id, keys)
    on conflict (whom, id) do update set keys = excluded.keys where known.keys <> excluded.keys
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
    rows = (await tx.execute(_PATIENTS if whom == PATIENT else _CARERS, {"ids": list(ids)})).all()
    keys = await asyncio.to_thread(lambda: {row.id: sorted(_of_patient(row) if whom == PATIENT else _of_carer(row)) for row in rows})
    gone = sorted(set(ids) - set(keys))
    await tx.execute(text("delete from search_entry where whom = :whom and id = any(:gone)"), {"whom": whom, "gone": gone})
    arrays = [f"{{{','.join(map(str, each))}}}" for each in keys.values()]
    await tx.execute(_KEEP, {"whom": whom, "ids": list(keys), "keys": arrays})


def _of_patient(row: Row[Any]) -> set[int]:
    pieces = name_pieces(row.name) | number_pieces(row.number)
    pieces = pieces.union(*map(whole_piece, row.others), *map(phone_pieces, (*row.phones, *row.carers)))
    return keys_of(PATIENT, row.team_id, pieces)


def _of_carer(row: Row[Any]) -> set[int]:
    """By his own name for each team that may have his chat, by a child's for that child's team."""
    own = name_pieces(row.name)
    teams = {*row.teams, *(team for team, _, _ in row.children)}
    keys = set[int]().union(*(keys_of(CARER, team, own) for team in teams))
    return keys.union(*(keys_of(CARER, team, name_pieces(name) | whole_piece(number)) for team, name, number in row.children))
