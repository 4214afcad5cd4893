"""A candidate beside the live model: on the frozen sets, on last month's real messages, and in speed; and whether it may be published."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
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
from bot.retraining.texts import RetrainingError, say
from bot.retraining.versions import file_of, live, version
from records.chat import Chat
from records.database import Database
from records.message import CUSTOMER, Inbound
from records.model_version import COMPARISON_MOVES, ModelComparison
from records.patient import patients_by_carer
from records.state import created, move

# How the work is done beside the loop: in a thread, or where families wait for answers in a process of its own.
Apart = Callable[..., Awaitable[Any]]
# It takes half a minute; what waits longer than this has lost its process.
LOST_AFTER = timedelta(minutes=10)
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


async def compare(
    db: Database, version_id: int, root: Path, folder: Path, *, by: str, clock: Callable[[], datetime], apart: Apart = asyncio.to_thread
) -> ModelComparison:
    """Compare a version with what is live, and keep the result. Model files are fetched into `folder`. Raises RetrainingError."""
    async with db.transaction() as tx:
        row = await ask(tx, version_id, by=by, now=clock())
    return await do(db, row.id, root, folder, clock, apart=apart)


async def ask(tx: AsyncSession, version_id: int, *, by: str, now: datetime) -> ModelComparison:
    """A comparison that waits. Raises RetrainingError when there is no such version, or when it is being compared already."""
    wanted = await version(tx, version_id, lock=True)
    current = await live(tx)
    for other in await tx.scalars(
        select(ModelComparison).where(ModelComparison.version_id == wanted.id, ModelComparison.state == "waiting")
    ):
        if other.at > now - LOST_AFTER:
            raise RetrainingError("comparing", version=version_id)
        await move(tx, other, "failed", moves=COMPARISON_MOVES, at=now, by="system", error=say("errors.compare_died"))
    against_id = current.version_id if current is not None else None
    row = ModelComparison(version_id=version_id, against_id=against_id, state="waiting", result={}, refusals=[], by=by, at=now)
    tx.add(row)
    await tx.flush()
    created(tx, row, at=now, by=by)
    return row


async def do(
    db: Database, comparison_id: int, root: Path, folder: Path, clock: Callable[[], datetime], *, apart: Apart = asyncio.to_thread
) -> ModelComparison:
    """Do a comparison that waits, against what is live by now; one that is over is left as it is. Raises RetrainingError."""
    async with db.transaction() as tx:
        row = await tx.get_one(ModelComparison, comparison_id)
        if row.state != "waiting":
            return row
    try:
        async with db.transaction() as tx:
            current = await live(tx)
            against_id = current.version_id if current is not None else None
            candidate = await version(tx, row.version_id)
            files = await file_of(tx, against_id, folder, root), await file_of(tx, row.version_id, folder, root)
            said = await traffic(tx, since=clock() - timedelta(days=limits().traffic_days))
        result = await apart(both, *files, root, said)
    except Exception as err:
        why = str(err) if isinstance(err, RetrainingError) else say("errors.compare_died")
        async with db.transaction() as tx:
            row = await tx.get_one(ModelComparison, comparison_id)
            await move(tx, row, "failed", moves=COMPARISON_MOVES, at=clock(), by=row.by, error=why)
        raise
    refusals = judge(result)
    if candidate.program != program(root):
        refusals.append(say("errors.other_program", version=row.version_id))
    async with db.transaction() as tx:
        row = await tx.get_one(ModelComparison, comparison_id)
        values = {"against_id": against_id, "result": result, "refusals": refusals}
        await move(tx, row, "done", moves=COMPARISON_MOVES, at=clock(), by=row.by, **values)
        return row


def both(old: Path, new: Path, root: Path, said: Sequence[Said]) -> dict[str, Any]:
    """`side_by_side` with the models in these files."""
    return side_by_side(IntentReader.from_archive(old), IntentReader.from_archive(new), root, said)


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
    frozen_read: dict[str, list[str]] = {}
    danger_read: dict[str, list[str]] = {}
    for name, reader in (("old", old), ("new", new)):
        frozen_read[name] = [intent for intent, _ in read(reader, texts)]
        danger_read[name] = [intent for intent, _ in read(reader, danger)]
        found[name] = figures(truth, frozen_read[name])
        found[name]["heard"] = heard(danger_read[name])
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
        "frozen": turned([each.text for each in texts], truth, frozen_read["old"], frozen_read["new"]),
        "confusions": confusions(truth, frozen_read["old"], frozen_read["new"]),
        "unheard": [
            {"text": each.text, "old": before, "new": after}
            for each, before, after in zip(danger, danger_read["old"], danger_read["new"], strict=True)
            if before in limits().heard and after not in limits().heard
        ],
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


def turned(texts: Sequence[str], truth: Sequence[str], old: Sequence[str], new: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """The frozen messages that only the new model reads right (`mended`), and those that only the old one did (`broken`)."""
    found: dict[str, list[dict[str, str]]] = {"mended": [], "broken": []}
    for text, intent, before, after in zip(texts, truth, old, new, strict=True):
        if (before == intent) != (after == intent):
            found["mended" if after == intent else "broken"].append({"text": text, "intent": intent, "old": before, "new": after})
    return found


def confusions(truth: Sequence[str], old: Sequence[str], new: Sequence[str]) -> list[list[Any]]:
    """[intent, taken for, times by the old model, times by the new one] where that differs, what became worst first."""
    wrong = [Counter((t, r) for t, r in zip(truth, read, strict=True) if t != r) for read in (old, new)]
    rows: list[list[Any]] = [[*pair, wrong[0][pair], wrong[1][pair]] for pair in {*wrong[0], *wrong[1]} if wrong[0][pair] != wrong[1][pair]]
    return sorted(rows, key=lambda row: (row[2] - row[3], row[0], row[1]))


def gates(result: dict[str, Any]) -> dict[str, list[str]]:
    """What a new model must pass to be published, by name, each with why it does not: nothing where it passes."""
    old, new = result["old"], result["new"]
    found: dict[str, list[str]] = {"probe": [say("refusals.probe", **each) for each in result["missed_probes"]]}
    for name in ("heard", "accuracy"):
        value, low, high = old[name]
        worse = new[name][0] < low
        found[name] = [say(f"refusals.{name}", old=value, low=low, high=high, new=new[name][0])] if worse else []
    found["protected"] = []
    for intent in limits().protected:
        if intent in old["intents"] and intent in new["intents"]:
            value, low, high = old["intents"][intent]["f1"]
            if (now := new["intents"][intent]["f1"][0]) < low:
                found["protected"].append(say("refusals.protected", intent=intent, old=value, low=low, high=high, new=now))
    return found


def judge(result: dict[str, Any]) -> list[str]:
    """Why the new model may not be published, a sentence each; empty when nothing speaks against it."""
    return [reason for reasons in gates(result).values() for reason in reasons]


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
