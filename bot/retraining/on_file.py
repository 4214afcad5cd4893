"""Whom and what the hospital has on file, as de-identification has to know it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import Carer, Patient
from records.staff import Staff

# All digits and shorter than this, a record number could as well be a weight in grams: it is only one beside a word that says so.
SHORT = 6
# Rows at a time: some milliseconds.
AT_ONCE = 2000


@dataclass(frozen=True)
class OnFile:
    """Names (name → child, carer or staff), tokens (record numbers and accounts → their kind) and dates of birth; all in plain form
    (lower case, no gaps)."""

    names: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    births: frozenset[date] = frozenset()
    # Record numbers that are no plain token (letters and digits), looked for as they are.
    odd: tuple[str, ...] = ()
    # What only this family calls its children.
    pets: frozenset[str] = frozenset()

    @cached_property
    def longest(self) -> int:
        """Of the names."""
        return max(map(len, [*self.names, *self.pets]), default=0)

    def name(self, text: str) -> str | None:
        """Whose name that is: child, carer, staff; None when it is nobody's."""
        return self.names.get(text) or ("child" if text in self.pets else None)

    def token(self, text: str) -> str | None:
        """`record` or `account` when that is one on file."""
        return self.tokens.get(text)

    def odd_tokens(self, plain: str) -> Iterable[tuple[int, int, str]]:
        """Where record numbers stand that are no plain token."""
        return [(found.start(), found.end(), "record") for odd in self.odd for found in re.finditer(re.escape(odd), plain)]

    def born_on(self, year: int | None, month: int | None, day: int | None) -> bool:
        """Whether somebody was born on that day; without a year, on that day of any year. Two digits of a year are enough."""
        return any((month, day) == (born.month, born.day) and year in (None, born.year, born.year % 100) for born in self.births)

    def with_family(self, children: Sequence[Patient]) -> "OnFile":
        """What may be said in these children's chat beside: their given names and pet names, and their dates of birth."""
        pets = frozenset(each for child in children for each in pet_names(child.name))
        mine = replace(self, pets=pets, births=frozenset(child.birth_date for child in children))
        # Known already: looking through all names of a hospital for every message would take longer than reading it.
        vars(mine)["longest"] = max(self.longest, *map(len, pets), 0)
        return mine


def pet_names(name: str) -> set[str]:
    """Given name and usual pet names of a Chinese name: 李子萱 → 子萱, 萱萱, 小萱, 萱宝, …; nothing for a name in letters."""
    plain = plain_name(name)
    if not re.fullmatch(r"[一-鿿]{2,4}", plain):
        return set()
    given = plain[2:] if len(plain) == 4 else plain[1:]
    last = given[-1]
    made = {form.format(last) for form in ("{0}{0}", "小{0}", "阿{0}", "{0}宝", "{0}儿", "{0}仔", "大{0}")}
    # Children are on file by pet names too: 安安.
    whole = {f"{plain[0]}宝", f"小{plain[0]}"} if len(set(plain)) == 1 else set()
    return made | whole | ({given} if len(given) > 1 else set())


def plain_name(name: str) -> str:
    """As names are compared: lower case, without gaps."""
    return re.sub(r"[\s·.\-_]", "", name).lower()


async def on_file(tx: AsyncSession) -> OnFile:
    """Everybody: patients, carers, staff. Read once for many texts, and bit by bit: others go on meanwhile, of however many there are."""
    names: dict[str, str] = {}
    tokens: dict[str, str] = {}
    odd = []
    # The weightier kind last, where a name is on file twice.
    for kind, column in (("staff", Staff.name), ("carer", Carer.name), ("child", Patient.name)):
        async for name in await tx.stream_scalars(select(column).distinct().execution_options(yield_per=AT_ONCE)):
            if len(plain_name(name)) > 1:
                names[plain_name(name)] = kind
    for account in (Carer.external_userid, Staff.userid):
        async for userid in await tx.stream_scalars(select(account).execution_options(yield_per=AT_ONCE)):
            if userid and len(userid) > 2:
                tokens[userid.lower()] = "account"
    async for number in await tx.stream_scalars(select(Patient.record_number).execution_options(yield_per=AT_ONCE)):
        plain = number.lower()
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", plain, re.ASCII):
            odd.append(plain)
        elif not plain.isdigit() or len(plain) >= SHORT:
            tokens[plain] = "record"
    return OnFile(names, tokens, frozenset(), tuple(odd))
