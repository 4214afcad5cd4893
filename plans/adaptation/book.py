"""Which rules are in force: the shipped ones, and the hospital's own in their place; made ready once, and anew when something changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.adaptation.loops import Library, LoopError, check_no_loop
from plans.adaptation.ready import RuleBook, RuleError, make_ready
from plans.adaptation.rule import Rule, read_rules, shipped_rules
from records.adaptation import AdaptationRule
from records.cohort import Cohort
from records.tag import Tag
from tagging.cohort.scope import library_of
from tagging.tags.catalogue import tags

# Rules may name what all teams see; another team's private tag would show in the evidence of everybody's patients.
_STAMP = text(
    """
    select (select coalesce(array_agg(id order by id), '{}') from adaptation_rule where state = 'active'),
        (select count(*) || '/' || coalesce(max(id), 0) || '/' || coalesce(max(updated_at), 'epoch') from tag),
        (select count(*) || '/' || coalesce(max(id), 0) || '/' || coalesce(max(at), 'epoch') from cohort where state = 'active')
    """
)


@lru_cache(maxsize=500)
def parsed(id: int, definition: str) -> Rule:
    """A hospital's rule as it was written; a version never changes. Raises AuthoringError."""
    [rule] = read_rules(definition, name=f"adaptation_rule {id}")
    return rule


def in_force(own: Iterable[Rule]) -> tuple[Rule, ...]:
    """The shipped rules, each replaced by the hospital's own of the same name and department, and the others of the hospital."""
    rules = {rule.key: rule for rule in shipped_rules()}
    rules |= {rule.key: rule for rule in own}
    return tuple(rules.values())


async def own_rules(tx: AsyncSession, *, without: str | None = None) -> list[Rule]:
    """The active rules of the hospital, but not that of the key `without`. Raises AuthoringError."""
    rows = await tx.scalars(select(AdaptationRule).where(AdaptationRule.state == "active").order_by(AdaptationRule.id))
    return [rule for row in rows if (rule := parsed(row.id, row.definition)).key != without]


async def open_book(tx: AsyncSession, rules: Iterable[Rule], *, now: datetime, zone: ZoneInfo) -> tuple[RuleBook, dict[str, str]]:
    """The rules made ready for this hospital, and those that cannot be used, by key with the reason; what stands in a circle among them."""
    # The shipped tags that are not on file yet come there.
    await tags(tx, now)
    scope = (await library_of(tx)).scope(teams=None, private_of=(), now=now, zone=zone)
    cohorts = {row.name: row.id for row in await tx.execute(select(Cohort.name, Cohort.id).where(Cohort.state == "active"))}
    ready, broken = [], dict[str, str]()
    for rule in rules:
        try:
            ready.append(make_ready(rule, scope, cohorts))
        except RuleError as err:
            broken[rule.key] = str(err)
    book = RuleBook(tuple(ready), scope)
    library = await loop_library(tx)
    while True:
        try:
            check_no_loop(book, library)
        except LoopError as err:
            broken |= dict.fromkeys(err.rules, str(err))
            book = RuleBook(tuple(each for each in book.rules if each.rule.key not in err.rules), scope)
        else:
            return book, broken


async def loop_library(tx: AsyncSession) -> Library:
    """What the check of circles has to know of this hospital."""
    groups = await tx.execute(select(Tag.id, Tag.exclusive_group).where(Tag.exclusive_group.is_not(None)))
    cohorts = await tx.execute(select(Cohort.id, Cohort.reads).where(Cohort.state == "active"))
    return Library({row.id: row.exclusive_group for row in groups}, {row.id: frozenset(row.reads) for row in cohorts})


@dataclass
class BookKeeper:
    """The book of this process, made anew when rules, tags or cohorts have changed."""

    _stamp: Any = None
    _book: RuleBook | None = None
    broken: Mapping[str, str] = field(default_factory=dict)

    async def book(self, tx: AsyncSession, *, now: datetime, zone: ZoneInfo) -> RuleBook:
        """The rules in force."""
        if self._book is None or await self._read(tx) != self._stamp:
            self._book, self.broken = await open_book(tx, in_force(await own_rules(tx)), now=now, zone=zone)
            self._stamp = await self._read(tx)
        return self._book

    @staticmethod
    async def _read(tx: AsyncSession) -> tuple[str, ...]:
        return tuple(map(str, (await tx.execute(_STAMP)).one()))
