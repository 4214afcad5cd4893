"""An alert's life: delivered to whoever is on call, again and to the next tier on silence, until somebody has it."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog
import yaml
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import alert_card, card_id, withdraw_cards
from bot.speak import in_chat
from bot.texts import say
from plans.working_hours import rests_until
from records.chat import Chat
from records.database import Database
from records.flag import Flag, FlagNotice, lock_flag
from records.message import enqueue, last_trace
from records.patient import Patient
from records.staff import OnCall, Staff, Team, colleagues, on_call
from records.state import StateChange
from records.trace import follow

log = structlog.get_logger(__name__)

# These go to whoever is on call at any hour, whatever the file says.
NEVER_WAIT = ("emergency", "urgent")


@dataclass(frozen=True)
class Ladder:
    """The steps of one level; see escalation.yml."""

    repeat: timedelta
    rounds: int
    tell_family_after: int | None
    may_wait: frozenset[str] | None

    def waits(self, categories: Iterable[str]) -> bool:
        """Whether an alert of these categories waits while its team rests; None of `may_wait` stands for all."""
        return self.may_wait is None or set(categories) <= self.may_wait


@cache
def ladders(path: Path | None = None) -> dict[str, Ladder]:
    """The ladder of each level. Raises KeyError or ValueError when the file lacks something, or lets danger wait."""
    raw = yaml.safe_load((path or Path(__file__).with_name("escalation.yml")).read_text("utf-8"))
    for level in NEVER_WAIT:
        if raw[level].get("outside_hours", []):
            raise ValueError(f"{level} alerts must not wait for working hours")
    return {
        level: Ladder(
            timedelta(seconds=float(step["repeat"])),
            int(step["rounds"]),
            step["tell_family_after"],
            None if step.get("outside_hours") == "all" else frozenset(step.get("outside_hours", [])),
        )
        for level, step in raw.items()
    }


class Escalation:
    """Brings alerts to people. At least once; `card` ids keep a repeated job from sending a second card."""

    def __init__(
        self,
        db: Database,
        deliver: Callable[[str], Awaitable[None]],
        clock: Callable[[], datetime],
        zone: ZoneInfo,
        *,
        emergency_phone: str,
    ) -> None:
        self._db, self._deliver, self._clock, self._zone, self._emergency_phone = db, deliver, clock, zone, emergency_phone
        # A ladder that cannot stand stops the start, not the first alert.
        ladders()

    async def escalate(self, key: str) -> None:
        """Act on the silence of flag `key`, if its time has come and nobody has it."""
        async with self._db.transaction() as tx:
            lines = await take_round(tx, int(key), self._clock(), self._zone, emergency_phone=self._emergency_phone)
        for line in lines:
            await self._deliver(line)


async def take_round(tx: AsyncSession, flag_id: int, now: datetime, zone: ZoneInfo, *, emergency_phone: str) -> list[str]:
    """One round of one alert: cards to the tiers reached so far, the time of the next round. Returns the lines to send.

    An acknowledgement in between makes this do nothing. What may wait (escalation.yml) does so while its team rests.
    """
    flag, chat = await lock_flag(tx, flag_id)
    if flag is None or flag.state not in ("raised", "delivered") or flag.next_at is None or flag.next_at > now:
        return []
    ladder = ladders()[flag.level]
    if ladder.waits((flag.category, *flag.categories)) and (opens := await rests_until(tx, flag.team_id, now, zone)) is not None:
        flag.next_at = opens
        _note(tx, flag, now, "the team rests")
        return []
    last_tier = await tx.scalar(select(func.max(OnCall.tier)).where(OnCall.team_id == flag.team_id)) or 0
    flag.round += 1
    reached = max(flag.tier, min(last_tier, 1 + (flag.round - 1) // ladder.rounds))
    # A tier in which nobody can be reached is not waited for.
    while reached < last_tier and not await _reachable(tx, flag, reached, now):
        reached += 1
    if reached > flag.tier:
        _note(tx, flag, now, f"silence: tier {reached}")
    flag.tier = reached
    people = [person for tier in range(1, flag.tier + 1) for person in await on_call(tx, flag.team_id, tier, now)]
    await withdraw_cards(tx, flag)
    with follow(await last_trace(tx, flag.chat_id)):
        lines = [await notify(tx, flag, person, now) for person in dict.fromkeys(people)]
    flag.next_at = now + (ladder.repeat if lines else min(ladder.repeat, timedelta(minutes=5)))
    if not people:
        log.error("nobody is on call", team=flag.team_id, level=flag.level)
    if ladder.tell_family_after is not None and flag.round >= ladder.tell_family_after and chat is not None:
        lines += await _tell_family(tx, flag, chat, now, emergency_phone)
    return list(dict.fromkeys(lines))


def _note(tx: AsyncSession, flag: Flag, now: datetime, reason: str) -> None:
    tx.add(StateChange(entity="flag", entity_id=flag.id, old=flag.state, new=flag.state, at=now, by="system", reason=reason))


async def _reachable(tx: AsyncSession, flag: Flag, tier: int, now: datetime) -> bool:
    """Whether somebody up to `tier` is on call whose last card of this alert did not fail."""
    for lower in range(1, tier + 1):
        for person in await on_call(tx, flag.team_id, lower, now):
            last = await tx.scalar(
                select(FlagNotice.state)
                .where(FlagNotice.flag_id == flag.id, FlagNotice.staff_id == person.id)
                .order_by(FlagNotice.id.desc())
                .limit(1)
            )
            if last not in ("invalid", "failed"):
                return True
    return False


async def last_tiers(tx: AsyncSession, teams: Iterable[int]) -> dict[int, int]:
    """The last tier of each team's rota; a team without any is left out."""
    query = select(OnCall.team_id, func.max(OnCall.tier)).where(OnCall.team_id.in_(teams)).group_by(OnCall.team_id)
    return dict((await tx.execute(query)).all())


def next_asked(flag: Flag, last_tier: int) -> tuple[int, datetime] | None:
    """Which tier will be asked next, and when; None once every tier has been asked, or somebody has the alert."""
    if flag.state not in ("raised", "delivered") or flag.next_at is None:
        return None
    if flag.round == 0 and flag.next_at > flag.raised_at:
        # Nobody has been asked yet: the team rests.
        return flag.tier, flag.next_at
    if flag.tier >= last_tier:
        return None
    ladder = ladders()[flag.level]
    more_rounds = max(0, flag.tier * ladder.rounds - flag.round)
    return flag.tier + 1, flag.next_at + more_rounds * ladder.repeat


async def next_tier(tx: AsyncSession, flag: Flag, now: datetime) -> list[Staff]:
    """Who is on call in the nearest tier above the alert's, which becomes the alert's; empty when there is none."""
    tiers = await tx.scalars(
        select(OnCall.tier).where(OnCall.team_id == flag.team_id, OnCall.tier > flag.tier).distinct().order_by(OnCall.tier)
    )
    for tier in tiers:
        if people := await on_call(tx, flag.team_id, tier, now):
            flag.tier = tier
            return people
    return []


async def notify(tx: AsyncSession, flag: Flag, person: Staff, now: datetime) -> str:
    """Queue a card of this round to one clinician; the outbox line it waits in."""
    team = await tx.get_one(Team, flag.team_id)
    patient = await tx.get(Patient, flag.patient_id) if flag.patient_id is not None else None
    card = card_id(flag, person)
    line = f"staff:{person.userid}"
    fresh = await enqueue(
        tx,
        f"card:{card}",
        line=line,
        route="app",
        payload=alert_card(card, flag, patient, team, await colleagues(tx, flag.team_id, person), now),
        purpose="card",
        now=now,
    )
    if fresh:
        tx.add(FlagNotice(flag_id=flag.id, staff_id=person.id, card=card, tier=flag.tier, at=now))
    return line


async def _tell_family(tx: AsyncSession, flag: Flag, chat: Chat, now: datetime, emergency_phone: str) -> list[str]:
    """Nobody has answered: the family hears the truth and a telephone number, once."""
    team = await tx.get_one(Team, flag.team_id)
    if chat.state != "bot":
        return []
    text = say("family.human_silent", phone=team.phone or emergency_phone, emergency=emergency_phone)
    until = now + timedelta(hours=2)
    return [await in_chat(tx, chat, f"flag:{flag.id}:silence", text, purpose="alert", now=now, useful_until=until)]


async def overdue(tx: AsyncSession, now: datetime) -> list[int]:
    """Alerts on whose silence something is to be done."""
    rows = await tx.scalars(
        select(Flag.id).where(Flag.next_at <= now, Flag.state.in_(("raised", "delivered"))).order_by(Flag.next_at).limit(500)
    )
    return list(rows)
