"""The template card of an alert, and what its buttons do to the alert."""

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.texts import said_or, say
from integrations.wecom.card import open_url
from records.flag import FLAG_MOVES, Flag, FlagNotice
from records.message import Outbound, enqueue
from records.patient import Patient
from records.question import QUESTION
from records.staff import OnCall, Staff, Team
from records.state import move
from tagging.content import default_content

log = structlog.get_logger(__name__)

CLAIM, TRANSFER, CLOSE = "claim", "transfer", "close"
NEXT_TIER = "next_tier"
QUOTE_CHARACTERS = 120
# When the cards of all tiers reached nobody, everybody is tried again this soon.
UNDELIVERED = timedelta(seconds=30)
# The alert on the clinician's phone (console/phone): what a tap on the card itself opens.
ALERT_PAGE = "/console/m/alerts/{id}"
# Button styles of wecom-api §4.2: 1 blue, 2 grey.
BLUE, GREY = 1, 2


def card_id(flag: Flag, person: Staff) -> str:
    """The card's task_id, unique in the app: one per alert, round and person. It is all a click needs to find its way back."""
    return f"{_round_of(flag)}{person.id}"


def alert_card(card: str, flag: Flag, patient: Patient | None, team: Team, colleagues: list[Staff], now: datetime) -> dict[str, Any]:
    """A `button_interaction` card: who, what was said, why it fired, and the buttons 接手 转交 已处理."""
    content: dict[str, Any] = {
        **_head(card, flag, patient, team, now),
        "button_list": [
            {"text": say("card.claim"), "style": BLUE, "key": CLAIM},
            {"text": say("card.transfer"), "style": GREY, "key": TRANSFER},
            {"text": say("card.close"), "style": GREY, "key": CLOSE},
        ],
        "button_selection": _choice(colleagues),
    }
    return content


def claimed_card(card: str, flag: Flag, patient: Patient | None, team: Team, colleagues: list[Staff], now: datetime) -> dict[str, Any]:
    """The owner's card after 接手: what is left to do is to pass it on or to close it."""
    return {
        **_head(card, flag, patient, team, now),
        "button_list": [
            {"text": say("card.close"), "style": BLUE, "key": CLOSE},
            {"text": say("card.transfer"), "style": GREY, "key": TRANSFER},
        ],
        "button_selection": _choice(colleagues),
    }


def _choice(colleagues: list[Staff]) -> dict[str, Any]:
    options = [{"id": NEXT_TIER, "text": say("card.next_tier")}, *({"id": who.userid, "text": who.name} for who in colleagues)]
    return {"question_key": "to", "title": say("card.choose"), "option_list": options, "selected_id": NEXT_TIER}


def _head(card: str, flag: Flag, patient: Patient | None, team: Team, now: datetime) -> dict[str, Any]:
    rows = [
        {"keyname": say("card.because"), "value": flag.because[:QUOTE_CHARACTERS] or "-"},
        {"keyname": say("card.team"), "value": team.name},
    ]
    if flag.category == QUESTION:
        rows.append({"keyname": say("question.how"), "value": say("question.reply", number=flag.id)})
    if flag.round > 1:
        rows.append({"keyname": say("card.time"), "value": say("card.round", round=flag.round)})
    return {
        "card_type": "button_interaction",
        "source": {"desc": say("card.source"), "desc_color": 2 if flag.level == "emergency" else 0},
        "main_title": {
            "title": say("card.title", level=say(f"levels.{flag.level}"), category=category_text(flag.category)),
            "desc": who_is(patient, now),
        },
        "quote_area": {"type": 0, "title": say("card.said"), "quote_text": flag.said[:QUOTE_CHARACTERS] or "-"},
        "horizontal_content_list": rows,
        "task_id": card,
        "page": ALERT_PAGE.format(id=flag.id),
    }


def with_link(card: dict[str, Any], pages: str) -> dict[str, Any]:
    """A kept card as it is sent: a tap opens its page at `pages`, where staff's phones find us; empty: a tap opens nothing."""
    sent = {name: value for name, value in card.items() if name != "page"}
    return sent | {"card_action": open_url(pages + card["page"])} if pages and "page" in card else sent


def category_text(category: str) -> str:
    """The Chinese name of an alert's category."""
    known = default_content().redflags.categories.get(category)
    return said_or(f"categories.{category}", known.name if known is not None else category)


def who_is(patient: Patient | None, now: datetime) -> str:
    """One line that names the patient."""
    if patient is None:
        return say("card.patient_unknown")
    return say(
        "card.patient",
        name=patient.name,
        sex=said_or(f"sex.{patient.sex}", ""),
        age=age_text((now.date() - patient.birth_date).days),
        record_number=patient.record_number,
    )


def age_text(days: int) -> str:
    """An age as a nurse says it: days to 60, months to 2 years, then years."""
    if days < 60:
        return f"{days}天"
    months = int(days / 30.4375)
    return f"{months}个月" if months < 24 else f"{months // 12}岁"


async def card_sent(tx: AsyncSession, card: str, *, invalid: list[str], response_code: str | None, now: datetime) -> None:
    """WeCom has taken a card: the alert is delivered, unless WeCom does not know the clinician (`invalid`), which is not delivery."""
    notice = await tx.scalar(select(FlagNotice).where(FlagNotice.card == card))
    if notice is None:
        return
    flag = await tx.get_one(Flag, notice.flag_id, with_for_update=True)
    person = await tx.get_one(Staff, notice.staff_id)
    notice.response_code = response_code
    if person.userid.lower() in {each.lower() for each in invalid}:
        await card_lost(tx, card, "invalid", now)
        return
    notice.state = "delivered"
    if flag.state == "raised":
        await move(tx, flag, "delivered", moves=FLAG_MOVES, at=now, by="wecom", reason=f"card {card}", delivered_at=now)
    elif flag.state in ("acknowledged", "closed"):
        # Somebody was faster than this card.
        await show_everywhere(tx, flag, await taken_by(tx, flag), now)


async def card_lost(tx: AsyncSession, card: str, state: str, now: datetime) -> None:
    """A card reaches nobody. When none of its round does, silence is certain, and the next round need not wait for it."""
    notice = await tx.scalar(select(FlagNotice).where(FlagNotice.card == card))
    if notice is None:
        return
    flag = await tx.get_one(Flag, notice.flag_id, with_for_update=True)
    notice.state = state
    log.error("card reached nobody", staff=notice.staff_id, flag=flag.id, state=state)
    alive = await tx.scalar(
        select(func.count()).where(
            FlagNotice.flag_id == flag.id,
            FlagNotice.card.startswith(_round_of(flag)),
            FlagNotice.id != notice.id,
            FlagNotice.state.in_(("queued", "delivered")),
        )
    )
    if alive or flag.state not in ("raised", "delivered") or not card.startswith(_round_of(flag)):
        return
    last_tier = await tx.scalar(select(func.max(OnCall.tier)).where(OnCall.team_id == flag.team_id)) or 0
    flag.next_at = now if flag.tier < last_tier else now + UNDELIVERED


async def withdraw_cards(tx: AsyncSession, flag: Flag) -> None:
    """Cards of the alert that have not gone out yet are no longer wanted; one that may have gone out is left to find out."""
    waiting = {
        f"card:{notice.card}": notice
        for notice in await tx.scalars(select(FlagNotice).where(FlagNotice.flag_id == flag.id, FlagNotice.state == "queued"))
    }
    # A row that is being sent this moment is locked, and is left alone too.
    rows = await tx.scalars(select(Outbound).where(Outbound.key.in_(waiting), Outbound.state == "queued").with_for_update(skip_locked=True))
    for row in rows:
        if row.error != "unknown_outcome" and not row.response.get("doubtful"):
            row.state, row.error = "withdrawn", "no longer wanted"
            waiting[row.key].state = "withdrawn"


def _round_of(flag: Flag) -> str:
    return f"flag-{flag.id}-{flag.round}-"


async def taken_by(tx: AsyncSession, flag: Flag) -> str:
    """Who has the alert, or who has closed it, as its cards say it."""
    owner = await tx.get(Staff, flag.owner_id) if flag.owner_id is not None else None
    return say("card.closed_by" if flag.state == "closed" else "card.claimed_by", name=owner.name if owner is not None else "")


async def show_everywhere(tx: AsyncSession, flag: Flag, text: str, now: datetime, *, keep: FlagNotice | None = None) -> list[str]:
    """Replace the buttons of all other cards of this alert by `text`; the outbox lines to send."""
    lines = []
    for notice in await tx.scalars(select(FlagNotice).where(FlagNotice.flag_id == flag.id, FlagNotice.response_code.is_not(None))):
        if keep is not None and notice.id == keep.id:
            continue
        person = await tx.get_one(Staff, notice.staff_id)
        line = f"staff:{person.userid}"
        await enqueue(
            tx,
            f"update:{notice.card}:{flag.state}:{now.timestamp():.0f}",
            line=line,
            route="app_update",
            payload={"userids": [person.userid], "response_code": notice.response_code, "replace_name": text},
            purpose="card_update",
            now=now,
        )
        notice.response_code = None
        lines.append(line)
    return lines
