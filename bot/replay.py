"""Messages from a file, played through a simulator and the whole road; what became of each."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.progress import track
from sqlalchemy import func, select

from bot.demo import demo_people
from bot.private import Installation, installation
from bot.reply import plain_text
from records.chat import Chat
from records.message import Inbound, Outbound
from records.patient import Carer, Patient, PatientCarer
from records.staff import Team

# Every so many lines of one family start a conversation of their own, as other families would.
FAMILIES = 100
AT_ONCE = 20


@dataclass
class Played:
    """One line: what was said, and what came of it.

    `became`: answered, alerted (an alert was raised, with or without a reply), recorded (a human owned the chat), failed, silent.
    """

    text: str
    became: str
    level: str
    categories: list[str]
    how: str
    reply: str


def lines(file: Path, limit: int) -> Iterator[str]:
    """The texts of `file`: a JSON object with `text` a line, or the line itself. Raises ValueError for JSON without a text."""
    with file.open(encoding="utf-8") as source:
        for number, line in enumerate(source):
            if number >= limit:
                return
            if not line.strip():
                continue
            if line.lstrip().startswith("{"):
                text = json.loads(line).get("text")
                if not isinstance(text, str):
                    raise ValueError(f"{file}, line {number + 1}: no text")
                yield text
            else:
                yield line.strip()


async def replay(file: Path, *, limit: int, root: Path, out: Path | None = None) -> list[Played]:
    """Play up to `limit` lines of `file`; with `out` write them there as JSON lines."""
    from bot.dialogue.agent import Dialogue
    from bot.dialogue.train import model_path

    texts = list(lines(file, limit))
    async with installation(None) as running:
        talker: Any = await asyncio.to_thread(Dialogue.load, model_path(root), clock=running.core.clock)
        running.turns.talker = talker
        ids = await _say_all(running, texts)
        await _all_handled(running, len(texts))
        played = await _what_became(running, texts, ids)
    if out is not None:
        rows = "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in played)
        await asyncio.to_thread(out.write_text, rows, encoding="utf-8")
    return played


async def _say_all(running: Installation, texts: list[str]) -> list[str]:
    """Send the lines, spread over families who are in turn the demo's; the messages' ids in order."""
    known = demo_people()["carers"]
    users = [each["external_userid"] for each in known]
    strangers = [f"wmReplay{number:04d}" for number in range(FAMILIES - len(known))]
    for user in strangers:
        await running.control("POST", "customers", nickname=f"家长{user[-4:]}", external_userid=user)
    # All but the last of them are known to the hospital, with children of all ages.
    await _register(running, strangers[:-1])
    users += strangers
    ids: list[str] = []
    for start in track(range(0, len(texts), AT_ONCE), description="saying"):
        batch = texts[start : start + AT_ONCE]
        said = await asyncio.gather(
            *(
                running.control(
                    "POST",
                    f"chats/{running.account}/{users[(start + number) % FAMILIES]}/say",
                    msgtype="text",
                    text={"content": text},
                )
                for number, text in enumerate(batch)
            )
        )
        ids += [each["msgid"] for each in said]
        await _all_handled(running, len(ids))
        await _nurses_finish(running)
    return ids


async def _register(running: Installation, users: list[str]) -> None:
    core = running.core
    today = core.clock().astimezone(core.settings.tz).date()
    async with core.db.transaction() as tx:
        team = (await tx.scalars(select(Team.id).order_by(Team.id).limit(1))).one()
        for number, user in enumerate(users):
            carer = Carer(name=user, external_userid=user)
            patient = Patient(
                team_id=team,
                record_number=f"REPLAY{number}",
                name=f"宝宝{number}",
                sex="FM"[number % 2],
                # From newborns to schoolchildren, closer together among the young.
                birth_date=today - timedelta(days=5 + number * number // 3),
            )
            tx.add_all([carer, patient])
            await tx.flush()
            tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))


async def _nurses_finish(running: Installation) -> None:
    """Sessions that were handed to a nurse are ended by her, so that the next line of that family is the bot's again."""
    async with running.core.db.transaction() as tx:
        mine = list(await tx.scalars(select(Chat).where(Chat.state == "human")))
    for chat in mine:
        path = f"chats/{running.account}/{chat.external_userid}"
        servicer = (await running.control("GET", path))["servicer_userid"]
        if servicer:
            await running.control("POST", f"{path}/servicer", userid=servicer, act="end")
    async with asyncio.timeout(30):
        while mine:
            async with running.core.db.transaction() as tx:
                waiting = select(func.count()).where(Chat.id.in_([chat.id for chat in mine]), Chat.state == "human")
                if not await tx.scalar(waiting):
                    return
            await asyncio.sleep(0.02)


async def _all_handled(running: Installation, expected: int, patience: float = 120) -> None:
    async with asyncio.timeout(patience):
        while True:
            async with running.core.db.transaction() as tx:
                done = await tx.scalar(select(func.count()).where(Inbound.origin == 3, Inbound.state != "new")) or 0
                open_rows = await tx.scalar(
                    select(func.count()).where(Outbound.state.in_(("queued", "sending")), Outbound.error.is_distinct_from("window_closed"))
                )
            if done >= expected and not open_rows:
                return
            await asyncio.sleep(0.02)


async def _what_became(running: Installation, texts: list[str], ids: list[str]) -> list[Played]:
    async with running.core.db.transaction() as tx:
        inbound = {row.msgid: row for row in await tx.scalars(select(Inbound).where(Inbound.origin == 3))}
        chats = {row.id: row for row in await tx.scalars(select(Chat))}
        sent = {row.key: row for row in await tx.scalars(select(Outbound).where(Outbound.purpose == "reply"))}
    played = []
    for text, msgid in zip(texts, ids, strict=True):
        row = inbound.get(msgid)
        reply = _reply_to(row, inbound, sent) if row is not None else None
        outcome = row.outcome if row is not None else {}
        level = outcome.get("triage", "routine")
        if row is None or row.state in ("new", "dead"):
            became = "failed"
        elif level != "routine":
            became = "alerted"
        elif reply is not None and reply.state == "sent":
            became = "answered"
        elif row.state == "recorded" and chats[row.chat_id].state == "human":
            became = "recorded"
        else:
            became = "silent"
        words = plain_text(reply.payload) if reply is not None else ""
        played.append(Played(text, became, level, outcome.get("categories", []), outcome.get("answer", ""), words))
    return played


def _reply_to(row: Inbound, inbound: dict[str, Inbound], sent: dict[str, Outbound]) -> Outbound | None:
    """The reply to a message: its own, or that of the burst it was handled with."""
    if (own := sent.get(f"reply:{row.msgid}")) is not None:
        return own
    burst = sorted(
        (other for other in inbound.values() if other.chat_id == row.chat_id and other.handled_at == row.handled_at and other.id > row.id),
        key=lambda other: other.id,
    )
    return next((sent[f"reply:{other.msgid}"] for other in burst if f"reply:{other.msgid}" in sent), None)


def summary(played: list[Played]) -> str:
    """A table of outcomes."""
    became = Counter(each.became for each in played)
    how = Counter(f"{each.level}, {each.how or '-'}" for each in played)
    rows = [f"{len(played)} messages", *(f"  {name:<12}{count:>6}" for name, count in became.most_common()), "by level and answer"]
    return "\n".join([*rows, *(f"  {name:<28}{count:>6}" for name, count in how.most_common())])
