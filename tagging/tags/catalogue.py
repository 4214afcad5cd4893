"""The tag library in the records: what CareLoop ships, what the hospital changed in it, and every version."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from records.retag import ask_retag
from records.staff import Team
from records.tag import CARRIED, PatientTag, Tag, TagVersion
from tagging.tags.errors import TagError
from tagging.tags.library import Entry, Kind, check_library, shipped

# Who wrote the versions that CareLoop ships. A tag whose last version is somebody else's is the hospital's own from then on.
SHIPPED_BY = "careloop"
# Any fixed number: one brings the library in at a time.
ONE_AT_A_TIME = 5280
_COLUMNS = {
    "name": "name",
    "kind": "kind",
    "meaning": "meaning",
    "group": "exclusive_group",
    "expires_days": "expires_days",
    "shared": "shared",
}


async def tags(tx: AsyncSession, now: datetime) -> dict[str, Tag]:
    """The library by code, with everything that CareLoop ships in it. Retired tags are among them, not `active`."""
    known = await _tags(tx)
    if not await _late(tx, known):
        return known
    await tx.execute(select(func.pg_advisory_xact_lock(ONE_AT_A_TIME)))
    known = await _tags(tx)
    await _write(tx, known, await _late(tx, known), by=SHIPPED_BY, now=now)
    return known


async def entries(tx: AsyncSession, now: datetime) -> dict[str, Entry]:
    """The active tags as entries, for export and for checking a change."""
    known = await tags(tx, now)
    by_id = {tag.id: tag for tag in known.values()}
    teams = {id: name for id, name in await tx.execute(select(Team.id, Team.name))}
    return {
        code: _entry(tag, by_id[tag.parent_id].code if tag.parent_id else None, teams[tag.team_id] if tag.team_id else None)
        for code, tag in known.items()
        if tag.active
    }


async def put(tx: AsyncSession, changes: Mapping[str, Entry], *, by: str, now: datetime) -> dict[str, str]:
    """Add these tags, or change those that are there: what became of each (new, changed, same). Changing one makes a version.

    Raises TagError (`library`) when the library would contradict itself, or a tag that triage reads would change its kind.
    """
    known, have = await tags(tx, now), await entries(tx, now)
    for code, entry in changes.items():
        ours = shipped().entries.get(code)
        if (entry.triage, entry.lowers) != ((ours.triage, ours.lowers) if ours else (False, False)):
            raise TagError("library", f"{code}: what triage reads is CareLoop's to say, not a hospital's.")
        if ours is not None and entry.kind != ours.kind:
            raise TagError("library", f"{code}: its kind is {ours.kind}, because rules and triage use it so.")
    check_library({**have, **changes}, "the changed library")
    differing = {code: entry for code, entry in changes.items() if have.get(code) != entry}
    became = {code: "same" if code not in differing else "changed" if code in known else "new" for code in changes}
    await _write(tx, known, differing, by=by, now=now)
    return became


async def retire(tx: AsyncSession, code: str, *, by: str, now: datetime) -> int:
    """Take a tag out of use; how many patients carry it and lose it at the next look. History keeps it.

    Raises TagError: unknown, read by triage, or parent of a tag that stays.
    """
    known = await tags(tx, now)
    tag = known.get(code)
    if tag is None or not tag.active:
        raise TagError("unknown_tag", f"There is no tag {code[:60]!r} in use.")
    if code in shipped().triage:
        raise TagError("refused", f"Triage reads {code}; it cannot be retired.")
    left = {each: entry for each, entry in (await entries(tx, now)).items() if each != code}
    check_library(left, f"the library without {code}")
    tag.active, tag.version, tag.updated_at = False, tag.version + 1, now
    tx.add(TagVersion(tag_id=tag.id, version=tag.version, definition={"active": False}, at=now, by=by))
    carrying = list(
        await tx.scalars(
            select(PatientTag.patient_id).where(PatientTag.tag_id == tag.id, PatientTag.state.in_(CARRIED), PatientTag.until.is_(None))
        )
    )
    await tx.flush()
    await ask_retag(tx, carrying, now)
    return len(carrying)


def changed(entry: Entry | None, said: Mapping[str, Any], code: str) -> Entry:
    """`entry` with what is `said`, or a new one. Raises TagError (`library`) with one sentence."""
    try:
        return Entry.model_validate({**(entry.model_dump() if entry else {}), **said})
    except ValidationError as err:
        first = err.errors()[0]
        raise TagError(
            "library", f"{code[:60]}: {' '.join([*map(str, first['loc']), first['msg'].removeprefix('Value error, ')])}."
        ) from err


async def _tags(tx: AsyncSession) -> dict[str, Tag]:
    return {tag.code: tag for tag in await tx.scalars(select(Tag).order_by(Tag.id).execution_options(populate_existing=True))}


async def _late(tx: AsyncSession, known: Mapping[str, Tag]) -> dict[str, Entry]:
    """The shipped entries that the records do not hold as they are, without those that the hospital has made its own."""
    by_id = {tag.id: tag.code for tag in known.values()}
    late = {
        code: entry
        for code, entry in shipped().entries.items()
        if code not in known or not _alike(known[code], by_id.get(known[code].parent_id or 0), entry)
    }
    own = await _changed_here(tx, [known[code].id for code in late if code in known])
    return {code: entry for code, entry in late.items() if code not in known or known[code].id not in own}


def _alike(tag: Tag, parent: str | None, entry: Entry) -> bool:
    return tag.active and parent == entry.parent and all(getattr(tag, column) == getattr(entry, name) for name, column in _COLUMNS.items())


async def _changed_here(tx: AsyncSession, ids: list[int]) -> set[int]:
    """Those of these tags whose last version is not CareLoop's."""
    if not ids:
        return set()
    last = select(TagVersion.tag_id, TagVersion.by).where(TagVersion.tag_id.in_(ids))
    rows = await tx.execute(last.ext(distinct_on(TagVersion.tag_id)).order_by(TagVersion.tag_id, TagVersion.version.desc()))
    return {tag_id for tag_id, by in rows if by != SHIPPED_BY}


async def _write(tx: AsyncSession, known: dict[str, Tag], entries: Mapping[str, Entry], *, by: str, now: datetime) -> None:
    wanted = any(entry.team for entry in entries.values())
    teams = {name: id for name, id in await tx.execute(select(Team.name, Team.id))} if wanted else {}
    for code, entry in entries.items():
        if entry.team is not None and entry.team not in teams:
            raise TagError("library", f"{code}: there is no team {entry.team}.")
        columns = {column: getattr(entry, name) for name, column in _COLUMNS.items()}
        tag = known.get(code)
        if tag is None:
            tag = known[code] = Tag(code=code, version=1, **columns)
            tx.add(tag)
        else:
            tag.version += 1
            for column, value in columns.items():
                setattr(tag, column, value)
        tag.team_id, tag.active, tag.updated_at = teams[entry.team] if entry.team else None, True, now
    await tx.flush()
    for code, entry in entries.items():
        known[code].parent_id = known[entry.parent].id if entry.parent else None
        definition = entry.model_dump(mode="json", exclude_defaults=True)
        tx.add(TagVersion(tag_id=known[code].id, version=known[code].version, definition=definition, at=now, by=by))
    await tx.flush()


def _entry(tag: Tag, parent: str | None, team: str | None) -> Entry:
    ours = shipped().entries.get(tag.code)
    return Entry.model_construct(
        name=tag.name,
        kind=cast(Kind, tag.kind),
        meaning=tag.meaning,
        parent=parent,
        group=tag.exclusive_group,
        expires_days=tag.expires_days,
        team=team,
        shared=tag.shared,
        triage=ours.triage if ours else False,
        lowers=ours.lowers if ours else False,
    )
