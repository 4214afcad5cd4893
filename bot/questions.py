"""A clinician answers a family's question from WeCom: by replying to the app, or in the chat that she has taken over."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import show_everywhere, withdraw_cards
from bot.lines import deliver
from bot.reply import plain_text
from bot.retraining.deidentify import deidentify
from bot.retraining.on_file import on_file
from bot.speak import in_chat
from bot.texts import say
from integrations.wecom.outbound import split_text
from records.chat import Chat
from records.flag import Flag, close_flag, lock_flag
from records.message import CLINICIAN, SERVICER, Inbound, Outbound, enqueue
from records.patient import Patient
from records.question import QUESTION, QUESTION_MOVES, ContentDraft, QuestionToTeam, questions_of
from records.staff import Staff, TeamMember
from records.state import created, move

log = structlog.get_logger(__name__)

KEEP = "keep"
CARD = re.compile(r"question-(\d{1,18})-(\d{1,18})")
# #12 您好…: which question a reply is for.
NUMBERED = re.compile(r"\s*[#＃]\s*(\d{1,18})[\s:：,，、]*(.*)", re.S)
# wecom-api §3.5 and §4.1: bytes of one text.
TEXT_BYTES = 2048
QUOTE = 60
LISTED = 8


async def hear_member(tx: AsyncSession, fields: dict[str, Any], now: datetime) -> list[str]:
    """A member wrote to the app: the answer to the question that it names, or to the only one that waits. The outbox lines to send.

    What cannot be matched is answered with the list of open questions; nothing is guessed, and nothing goes to a family by mistake.
    """
    staff = await tx.scalar(select(Staff).where(Staff.userid == str(fields.get("FromUserName")), Staff.active))
    text = str(fields.get("Content") or "").strip()
    if staff is None or not text:
        log.warning("a text to the app from nobody on file")
        return []
    key = f"heard:{fields.get('MsgId')}"
    numbered = NUMBERED.fullmatch(text)
    waiting = await _waiting(tx, staff)
    if numbered is not None:
        number, words = int(numbered[1]), numbered[2].strip()
        flag, chat = await lock_flag(tx, number)
        if flag is None or flag.category != QUESTION or not await _in_team(tx, flag, staff):
            return [await _tell(tx, staff, key, say("question.unknown", number=number), now)]
    elif len(waiting) == 1:
        number, words = waiting[0].id, text
        flag, chat = await lock_flag(tx, number)
    else:
        return [await _tell(tx, staff, key, _list(waiting), now)]
    if flag is None or chat is None or not words:
        return [await _tell(tx, staff, key, _list(waiting), now)]
    return await _answer(tx, flag, chat, staff, words, key, now)


@dataclass(frozen=True)
class Answer:
    """What became of an answer: `sent` to the family; `held` until the family writes, because WeCom lets nothing out now; `late`, when the
    question is answered or closed already; `in_chat`, when a person has the chat and answers there. Only the first two change anything."""

    became: str
    about: str = ""
    lines: tuple[str, ...] = ()


async def answer(
    tx: AsyncSession, flag: Flag, chat: Chat, staff: Staff, words: str, now: datetime, *, reason: str = "reply to the app"
) -> Answer:
    """Answer the questions behind `flag` (locked, with its chat) in the clinician's `words`; the caller sends the lines."""
    asked = await questions_of(tx, flag, "asked")
    if not asked or flag.state == "closed":
        return Answer("late")
    if chat.state == "human":
        return Answer("in_chat")
    await _answered(tx, flag, asked, staff, words, reason, now)
    about = " / ".join(question.text for question in asked)
    text = say("question.answer", title=staff.title or "", name=staff.name, question=_quote(about), answer=words)
    reaches = chat.window_open(now)
    lines = [
        await in_chat(tx, chat, f"question:{flag.id}:answer:{number}", part, purpose="answer", now=now)
        for number, part in enumerate(split_text(text, TEXT_BYTES), 1)
    ]
    lines += await _offer_draft(tx, flag, staff, about, words, now)
    lines += await show_everywhere(tx, flag, say("question.answered_by", name=staff.name), now)
    return Answer("sent" if reaches else "held", about, tuple(dict.fromkeys(lines)))


async def _answer(tx: AsyncSession, flag: Flag, chat: Chat, staff: Staff, words: str, key: str, now: datetime) -> list[str]:
    done = await answer(tx, flag, chat, staff, words, now)
    told = await _tell(tx, staff, key, say(f"question.{done.became}", number=flag.id, question=_quote(done.about)), now)
    return list(dict.fromkeys([*done.lines, told]))


async def ended(tx: AsyncSession, chat: Chat, userid: str, now: datetime) -> None:
    """A clinician ended the session: what she wrote in the chat since the question was asked is its answer."""
    flag = await tx.scalar(select(Flag).where(Flag.chat_id == chat.id, Flag.category == QUESTION, Flag.state != "closed").with_for_update())
    staff = await tx.scalar(select(Staff).where(Staff.userid == userid))
    if flag is None or staff is None:
        return
    asked = await questions_of(tx, flag, "asked")
    words = "\n".join(await _said_since(tx, chat, asked[0].asked_at)) if asked else ""
    if not words:
        return
    await _answered(tx, flag, asked, staff, words, "session ended", now)
    lines = await show_everywhere(tx, flag, say("question.answered_by", name=staff.name), now)
    lines += await _offer_draft(tx, flag, staff, " / ".join(question.text for question in asked), words, now)
    await deliver(tx, lines)


async def _said_since(tx: AsyncSession, chat: Chat, since: datetime) -> list[str]:
    """What clinicians wrote, in WeCom or from the console."""
    said = select(Inbound.text).where(Inbound.chat_id == chat.id, Inbound.origin == SERVICER, Inbound.text.is_not(None))
    # By our own clock: the platform's counts whole seconds, and an answer within the second of the question would be lost.
    there = await tx.scalars(said.where(Inbound.received_at >= since).order_by(Inbound.id))
    written = select(Outbound.payload).where(Outbound.chat_id == chat.id, Outbound.purpose == CLINICIAN, Outbound.created_at >= since)
    here = await tx.scalars(written.where(Outbound.state != "withdrawn").order_by(Outbound.seq))
    return [*(text for text in there if text), *(plain_text(payload) for payload in here)]


async def _answered(
    tx: AsyncSession, flag: Flag, asked: list[QuestionToTeam], staff: Staff, words: str, reason: str, now: datetime
) -> None:
    for question in asked:
        await move(
            tx,
            question,
            "answered",
            moves=QUESTION_MOVES,
            at=now,
            by=staff.userid,
            reason=reason,
            answer=words,
            answered_by=staff.id,
            answered_at=now,
        )
    await close_flag(tx, flag, by=staff.userid, owner_id=staff.id, outcome="answered", reason=reason, now=now)
    await withdraw_cards(tx, flag)


async def _offer_draft(tx: AsyncSession, flag: Flag, staff: Staff, question: str, answer: str, now: datetime) -> list[str]:
    """A card with the button 收进知识库, which makes a draft and publishes nothing."""
    card = f"question-{flag.id}-{staff.id}"
    content = {
        "card_type": "button_interaction",
        "source": {"desc": say("card.source"), "desc_color": 0},
        "main_title": {"title": say("question.keep_title"), "desc": say("question.keep_why")},
        "quote_area": {"type": 0, "title": _quote(question), "quote_text": answer[:120]},
        "button_list": [{"text": say("question.keep"), "style": 1, "key": KEEP}],
        "task_id": card,
    }
    line = f"staff:{staff.userid}"
    await enqueue(tx, f"card:{card}", line=line, route="app", payload=content, purpose="card", now=now)
    return [line]


async def keep_answer(tx: AsyncSession, fields: dict[str, Any], now: datetime) -> list[str]:
    """A tap on 收进知识库: question and answer become a draft, without names; a second tap changes nothing."""
    named = CARD.fullmatch(str(fields.get("TaskId")))
    flag, _ = await lock_flag(tx, int(named[1])) if named is not None else (None, None)
    staff = await tx.scalar(select(Staff).where(Staff.userid == str(fields.get("FromUserName")), Staff.active))
    if named is None or flag is None or staff is None or staff.id != int(named[2]) or not await _in_team(tx, flag, staff):
        log.warning("click on a question that is not theirs")
        return []
    answered = await questions_of(tx, flag, "answered")
    known = await tx.scalar(select(ContentDraft.id).where(ContentDraft.flag_id == flag.id))
    if known is None and answered:
        children = [child for child in [await tx.get(Patient, flag.patient_id)] if child] if flag.patient_id else []
        names = (await on_file(tx)).with_family(children)
        asked = " / ".join(question.text for question in answered)
        draft = ContentDraft(
            flag_id=flag.id, question=deidentify(asked, names), answer=deidentify(answered[-1].answer or "", names), by=staff.userid, at=now
        )
        tx.add(draft)
        await tx.flush()
        created(tx, draft, at=now, by=staff.userid)
    line = f"staff:{staff.userid}"
    update = {"userids": [staff.userid], "response_code": fields.get("ResponseCode"), "replace_name": say("question.kept")}
    await enqueue(
        tx,
        f"update:{fields.get('TaskId')}:{now.timestamp():.0f}",
        line=line,
        route="app_update",
        payload=update,
        purpose="card_update",
        now=now,
    )
    return [line]


async def _waiting(tx: AsyncSession, staff: Staff) -> list[Flag]:
    """Questions of her teams that nobody has answered."""
    rows = await tx.scalars(
        select(Flag)
        .join(TeamMember, TeamMember.team_id == Flag.team_id)
        .where(TeamMember.staff_id == staff.id, Flag.category == QUESTION, Flag.state != "closed")
        .order_by(Flag.id)
        .limit(LISTED)
    )
    return list(rows)


async def _in_team(tx: AsyncSession, flag: Flag, staff: Staff) -> bool:
    return bool(await tx.get(TeamMember, (flag.team_id, staff.id)))


def _list(waiting: list[Flag]) -> str:
    if not waiting:
        return say("question.none")
    return say("question.which", questions="\n".join(f"#{flag.id} {_quote(flag.said)}" for flag in waiting))


async def _tell(tx: AsyncSession, staff: Staff, key: str, words: str, now: datetime) -> str:
    line = f"staff:{staff.userid}"
    payload = {"msgtype": "text", "text": {"content": words}}
    await enqueue(tx, key, line=line, route="app", payload=payload, purpose="notice", now=now)
    return line


def _quote(text: str) -> str:
    return text if len(text) <= QUOTE else text[: QUOTE - 1] + "…"
