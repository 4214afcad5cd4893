"""Looks at patients' tags again: facts loaded for many at once, judged by the rules, and what changed written through the door."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import any_, bindparam, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import BigInteger

from records.retag import ask_later, looked_at
from records.tag import CARRIED, PatientTag
from records.tag_statement import TagStatement
from tagging.tags.door import open_door
from tagging.tags.evaluate import NOTED, judge, take_in
from tagging.tags.facts import Facts
from tagging.tags.holding import Holding
from tagging.tags.load_facts import load_facts
from tagging.tags.read_notes import read_notes
from tagging.tags.rules import Rules, shipped_rules

# Whoever may change by time alone is looked at once a day.
AGAIN = timedelta(days=1)
# A patient without plan and without a word for so long changes no more by time.
QUIET = timedelta(days=100)

_READ = (
    update(TagStatement)
    .where(TagStatement.id == any_(bindparam("ids", type_=ARRAY(BigInteger))))
    .values(read_at=bindparam("now"))
    .execution_options(synchronize_session=False)
)


@dataclass(frozen=True)
class Looked:
    """What a look came to: how many patients, how many changes of state, and who is to be looked at again because time goes on."""

    patients: int
    moves: int
    again: tuple[int, ...] = ()


async def retag(tx: AsyncSession, patient_ids: Iterable[int], *, now: datetime, zone: ZoneInfo, rules: Rules | None = None) -> Looked:
    """Make the tags of these patients true as of `now`."""
    rules = rules or shipped_rules()
    async with open_door(tx, patient_ids, now) as door:
        # Loaded behind the door: what is committed by now is seen, and nobody else changes these patients' tags meanwhile.
        await read_notes(tx, list(door), now=now, zone=zone)
        facts = await load_facts(tx, list(door), rules.codes, now=now)
        for patient_id, of in facts.items():
            take_in(door[patient_id], of, judge(of, rules, now=now, zone=zone))
            # One or two milliseconds each: families' messages in this process go first.
            await asyncio.sleep(0)
    read = [statement.id for of in facts.values() for statement in of.statements]
    if read:
        await tx.execute(_READ, {"ids": read, "now": now})
    again = tuple(id for id, of in facts.items() if _changes_by_time(of, door[id], now))
    return Looked(len(facts), sum(len(holding.moves) for holding in door.values()), again)


async def retag_seen(tx: AsyncSession, seen: dict[int, int], *, now: datetime, zone: ZoneInfo, rules: Rules | None = None) -> Looked:
    """Look at the patients that `asked_for` gave. At least once: a fact that comes meanwhile leaves its request behind."""
    looked = await retag(tx, seen, now=now, zone=zone, rules=rules)
    # Last of all, so that nobody who asks has to wait for more than the end of this transaction.
    await looked_at(tx, seen)
    await ask_later(tx, looked.again, now + AGAIN)
    return looked


async def outlived(tx: AsyncSession, now: datetime, limit: int) -> list[int]:
    """Patients with a tag whose time has run out."""
    due = select(PatientTag.patient_id).where(PatientTag.until.is_(None), PatientTag.state.in_(CARRIED), PatientTag.expires_at <= now)
    return list(dict.fromkeys(await tx.scalars(due.order_by(PatientTag.expires_at).limit(limit))))


def _changes_by_time(facts: Facts, holding: Holding, now: datetime) -> bool:
    """Whether tomorrow may differ with nothing new: windows pass, prescriptions end, silence grows."""
    if facts.plans or (facts.messages and facts.messages[-1].at > now - QUIET):
        return True
    return any(source in ("rule", "his") and rule and rule != NOTED for who in holding.standing.values() for source, rule in who)
