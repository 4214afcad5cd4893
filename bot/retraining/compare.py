"""A candidate beside the live model: on the frozen sets, on last month's real messages, and in speed; and whether it may be published."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.dialogue.intent import FALLBACK, IntentReader
from bot.dialogue.train import program
from bot.retraining.data import frozen
from bot.retraining.deidentify import deidentify
from bot.retraining.examine import Text, dangerous, figures, heard, probes, read
from bot.retraining.limits import limits
from bot.retraining.on_file import on_file
from bot.retraining.texts import say
from bot.retraining.versions import file_of, live, version
from records.chat import Chat
from records.database import Database
from records.message import CUSTOMER, Inbound
from records.model_version import ModelComparison
from records.patient import patients_by_carer

# So many of the changed readings of real messages are kept to be read.
SHOWN = 40
# The speed is taken over so many messages, in turns, so that a busy moment of the machine falls on both.
TIMED = 200


@dataclass(frozen=True)
class Said:
    """A real message, what may be shown of it, and how often it was said."""

    text: str
    shown: str
    times: int


async def compare(db: Database, version_id: int, root: Path, folder: Path, *, by: str, now: datetime) -> ModelComparison:
    """Compare a version with what is live, and keep the result. Model files are fetched into `folder`. Raises RetrainingError."""
    async with db.transaction() as tx:
        current = await live(tx)
        against_id = current.version_id if current is not None else None
        candidate = await version(tx, version_id)
        files = await file_of(tx, against_id, folder, root), await file_of(tx, version_id, folder, root)
        said = await traffic(tx, since=now - timedelta(days=limits().traffic_days))
    old, new = [IntentReader.from_archive(file) for file in files]
    result = await asyncio.to_thread(side_by_side, old, new, root, said)
    refusals = judge(result)
    if candidate.program != program(root):
        refusals.append(say("errors.other_program", version=version_id))
    async with db.transaction() as tx:
        row = ModelComparison(version_id=version_id, against_id=against_id, result=result, refusals=refusals, by=by, at=now)
        tx.add(row)
        await tx.flush()
        return row


async def traffic(tx: AsyncSession, *, since: datetime) -> list[Said]:
    """What families have written since then and the dialogue has read, the newest different messages first."""
    rows = (
        await tx.execute(
            select(Inbound.text, func.count(), func.min(Chat.carer_id))
            .join(Chat, Chat.id == Inbound.chat_id)
            .where(
                Inbound.origin == CUSTOMER,
                Inbound.msgtype == "text",
                Inbound.menu_id.is_(None),
                Inbound.sent_at >= since,
                Inbound.outcome.has_key("read"),
                ~Inbound.outcome.has_key("recalled_at"),
            )
            .group_by(Inbound.text)
            .order_by(func.max(Inbound.id).desc())
            .limit(limits().traffic_messages)
        )
    ).all()
    known = await on_file(tx)
    children = await patients_by_carer(tx, sorted({carer for _, _, carer in rows if carer is not None}))
    found = []
    for text, times, carer in rows:
        mine = children.get(carer, []) if carer is not None else []
        found.append(Said(text or "", deidentify(text or "", known.with_family(mine)), times))
    return found


def side_by_side(old: IntentReader, new: IntentReader, root: Path, said: Sequence[Said]) -> dict[str, Any]:
    """Both models on the same texts, each understood once. Takes seconds of processor: run it in a thread."""
    labelled = frozen(root)
    texts, truth = [Text.of(text) for text, _ in labelled], [intent for _, intent in labelled]
    danger = [Text.of(text) for text in dangerous(root)]
    asked = probes(root)
    asked_texts = [Text.of(text) for text, _ in asked]
    real = [Text.of(each.text) for each in said]
    found: dict[str, Any] = {}
    answers = {}
    for name, reader in (("old", old), ("new", new)):
        found[name] = figures(truth, [intent for intent, _ in read(reader, texts)])
        found[name]["heard"] = heard([intent for intent, _ in read(reader, danger)])
        answers[name] = read(reader, real)
    missed = [
        {"text": text, "intent": intent, "read": got}
        for (text, intent), (got, _) in zip(asked, read(new, asked_texts), strict=True)
        if got != intent
    ]
    changed: list[dict[str, Any]] = [
        {"text": each.shown, "times": each.times, "old": before, "new": after}
        for each, (before, _), (after, _) in zip(said, answers["old"], answers["new"], strict=True)
        if before != after
    ]
    changed.sort(key=lambda each: (-each["times"], each["text"]))
    return {
        **found,
        "missed_probes": missed,
        "traffic": {
            "messages": sum(each.times for each in said),
            "different": len(said),
            "changed": sum(each["times"] for each in changed),
            "by_intent": [
                [f"{before} → {after}", times]
                for (before, after), times in _sums((each["old"], each["new"], each["times"]) for each in changed).most_common(15)
            ],
            "not_understood": {name: _unread(said, answers[name]) for name in ("old", "new")},
            "examples": changed[:SHOWN],
        },
        "milliseconds": dict(zip(("old", "new"), speeds(old, new, texts[:TIMED]), strict=True)),
    }


def judge(result: dict[str, Any]) -> list[str]:
    """Why the new model may not be published, a sentence each; empty when nothing speaks against it."""
    old, new = result["old"], result["new"]
    reasons = [say("refusals.probe", **each) for each in result["missed_probes"]]
    for name in ("heard", "accuracy"):
        value, low, high = old[name]
        if new[name][0] < low:
            reasons.append(say(f"refusals.{name}", old=value, low=low, high=high, new=new[name][0]))
    for intent in limits().protected:
        if intent in old["intents"] and intent in new["intents"]:
            value, low, high = old["intents"][intent]["f1"]
            if (now := new["intents"][intent]["f1"][0]) < low:
                reasons.append(say("refusals.protected", intent=intent, old=value, low=low, high=high, new=now))
    return reasons


def speeds(old: IntentReader, new: IntentReader, texts: Sequence[Text]) -> tuple[float, float]:
    """The median processor time of reading a message, in milliseconds, of both."""
    spent: tuple[list[float], list[float]] = ([], [])
    for text in texts:
        for reader, times in zip((old, new), spent, strict=True):
            start = thread_time()
            reader.rank(text.text, text.understood)
            times.append(thread_time() - start)
    return tuple(round(1000 * median(times), 3) if times else 0.0 for times in spent)  # type: ignore[return-value]


def _unread(said: Sequence[Said], answers: Sequence[tuple[str, float]]) -> int:
    return sum(each.times for each, (intent, _) in zip(said, answers, strict=True) if intent == FALLBACK)


def _sums(changes: Any) -> Counter[tuple[str, str]]:
    total: Counter[tuple[str, str]] = Counter()
    for before, after, times in changes:
        total[before, after] += times
    return total
