"""What a query means for the one who asks: tags and teams by id, patients within reach, and today."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.staff import Staff, Team, teams_of
from records.tag import Tag
from tagging.cohort.calendar import on
from tagging.cohort.lexer import place, tokens
from tagging.cohort.parse import parse
from tagging.cohort.query import All, Any, Not, Query, TagTerm, TeamTerm
from tagging.cohort.words import CohortError, say


@dataclass(frozen=True)
class TagEntry:
    """One tag of the library, as far as cohorts need it."""

    id: int
    code: str
    name: str
    parent_id: int | None
    private: bool


@dataclass(frozen=True)
class Scope:
    """`teams` are those whose patients are meant (None: the whole hospital), `tags` those that may be seen; another team's private tag
    is not among them, as if there were none."""

    tags: Mapping[int, TagEntry]
    team_names: Mapping[str, int]
    teams: frozenset[int] | None
    today: date
    zone: ZoneInfo

    def tag(self, name: str) -> TagEntry:
        """The tag of this code or name. Raises CohortError (`unknown_tag`, `twice_tag`)."""
        entries = self.tags.values()
        found = [entry for entry in entries if entry.code == name] or [entry for entry in entries if entry.name == name]
        if not found:
            raise CohortError("unknown_tag", say("mistakes.unknown_tag", name=name), about=name)
        if len(found) > 1:
            codes = "、".join(sorted(entry.code for entry in found))
            raise CohortError("twice_tag", say("mistakes.twice_tag", name=name, codes=codes), about=name)
        return found[0]

    def counted(self, name: str) -> tuple[int, ...]:
        """The ids that count as this tag: its own and those of all tags below it, in order."""
        below, fresh = set[int](), {self.tag(name).id}
        while fresh:
            below |= fresh
            fresh = {entry.id for entry in self.tags.values() if entry.parent_id in fresh} - below
        return tuple(sorted(below))

    def above(self, tag_id: int) -> set[int]:
        """The tag and all tags that it counts as."""
        found, at = set[int](), tag_id if tag_id in self.tags else None
        while at is not None and at not in found:
            found.add(at)
            at = self.tags[at].parent_id if self.tags[at].parent_id in self.tags else None
        return found

    def team(self, name: str) -> int:
        """The team of this name. Raises CohortError (`unknown_team`)."""
        if name not in self.team_names:
            raise CohortError("unknown_team", say("mistakes.unknown_team", name=name), about=name)
        return self.team_names[name]

    def name_of(self, code: str) -> str:
        """The tag's name, for texts that people read; the code of one that there is no more."""
        return next((entry.name for entry in self.tags.values() if entry.code == code), code)

    def known(self, query: Query) -> Query:
        """`query` with its tags by code. Raises CohortError for a tag or team that there is not, or not for the one who asks."""
        match query:
            case Not(part):
                return Not(self.known(part))
            case All(parts):
                return All(tuple(self.known(part) for part in parts))
            case Any(parts):
                return Any(tuple(self.known(part) for part in parts))
            case TagTerm(tags):
                return replace(query, tags=tuple(dict.fromkeys(self.tag(tag).code for tag in tags)))
            case TeamTerm(names):
                for name in names:
                    self.team(name)
                return query
            case _:
                return query

    def read(self, text: str) -> Query:
        """The tree of a text, its tags by code. Raises CohortError, with the place."""
        query = parse(text)
        try:
            return self.known(query)
        except CohortError as err:
            at = next((token.start for token in tokens(text) if token.kind in ("word", "name") and token.text == err.about), 0)
            line, column = place(text, at)
            where = say("mistakes.where_text", line=line, column=column)
            raise CohortError(err.code, f"{where}{err}", line=line, column=column, about=err.about) from err


@dataclass(frozen=True)
class Library:
    """All tags and teams of the hospital, from which each scope takes what may be seen."""

    tags: Mapping[int, TagEntry]
    owners: Mapping[int, int]
    team_names: Mapping[str, int]

    def scope(self, *, teams: Iterable[int] | None, private_of: Iterable[int], now: datetime, zone: ZoneInfo) -> Scope:
        """The patients of `teams` (None: all), with the private tags of the teams `private_of` and of nobody else."""
        own = frozenset(private_of)
        tags = {id: entry for id, entry in self.tags.items() if not entry.private or self.owners.get(id) in own}
        return Scope(tags, self.team_names, None if teams is None else frozenset(teams), on(now, zone), zone)

    def whole(self, *, now: datetime, zone: ZoneInfo) -> Scope:
        """Everything. For our own reckoning, never for somebody who asks."""
        return self.scope(teams=None, private_of=set(self.owners.values()), now=now, zone=zone)


async def library_of(tx: AsyncSession) -> Library:
    """The library as it is now."""
    rows = (await tx.execute(select(Tag.id, Tag.code, Tag.name, Tag.parent_id, Tag.shared, Tag.team_id))).all()
    tags = {row.id: TagEntry(row.id, row.code, row.name, row.parent_id, not row.shared and row.team_id is not None) for row in rows}
    names = {row.name: row.id for row in await tx.execute(select(Team.id, Team.name))}
    return Library(tags, {row.id: row.team_id for row in rows if row.team_id is not None}, names)


async def scope_of_staff(tx: AsyncSession, staff: Staff, *, now: datetime, zone: ZoneInfo) -> Scope:
    """What a staff member may ask for: the patients and private tags of his teams; nothing when he is not active."""
    rows = (await tx.scalars(teams_of(staff.id))).all()
    teams = rows if staff.active else ()
    return (await library_of(tx)).scope(teams=teams, private_of=teams, now=now, zone=zone)
