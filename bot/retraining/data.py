"""What the model learns from: the repository's nlu_data/training, and on top of it the examples that administrators have labelled."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot.retraining.likeness import normal
from bot.retraining.rasa_yaml import read_examples
from records.labelled_example import LabelledExample
from records.model_version import TrainingSet

TRAINING, FROZEN, EVALUATION, DOMAIN = "nlu_data/training", "nlu_data/frozen", "nlu_data/evaluation", "bot/domain"


@dataclass(frozen=True)
class Example:
    """A text and its intent; `ours` if it came with the program, not from an administrator."""

    text: str
    intent: str
    ours: bool = False


def normal_text(text: str) -> str:
    """`text` as an example: one line, no control characters, and no brackets that Rasa would take for an entity's markup."""
    kept = "".join(" " if character.isspace() else character for character in text if not _is_odd(character))
    return " ".join(kept.replace("[", "［").replace("]", "］").split())


def _is_odd(character: str) -> bool:
    # YAML refuses control characters, halves of surrogate pairs and the byte order mark. A line break is one too, but becomes a space.
    return character == "\ufeff" or (not character.isspace() and unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co"))


def base(root: Path) -> list[Example]:
    """The examples of the repository, in the order of its files."""
    return list(_base(root, tuple(_versions(root / TRAINING, "*.yml"))))


@lru_cache(maxsize=2)
def _base(root: Path, versions: tuple[tuple[str, int], ...]) -> tuple[Example, ...]:
    return tuple(
        Example(text, intent, ours=True)
        for name, _ in versions
        for text, intent in read_examples((root / TRAINING / name).read_text("utf-8"), where=name)
    )


def _versions(folder: Path, pattern: str) -> Iterable[tuple[str, int]]:
    return ((path.relative_to(folder).as_posix(), path.stat().st_mtime_ns) for path in sorted(folder.rglob(pattern)))


async def accepted(tx: AsyncSession) -> list[Example]:
    """The administrators' examples, in the order in which they came."""
    rows = select(LabelledExample.text, LabelledExample.intent).where(LabelledExample.state == "accepted").order_by(LabelledExample.id)
    return [Example(text, intent) for text, intent in await tx.execute(rows)]


def domain_intents(root: Path) -> list[str]:
    """All intents that the dialogue knows what to do with, and that there are examples of."""
    known = {example.intent for example in base(root)} | _domain_intents(root, tuple(_versions(root / DOMAIN, "*.yml")))
    return sorted(known)


@lru_cache(maxsize=2)
def _domain_intents(root: Path, versions: tuple[tuple[str, int], ...]) -> frozenset[str]:
    known = set()
    for name, _ in versions:
        for intent in (yaml.safe_load((root / DOMAIN / name).read_text("utf-8")) or {}).get("intents") or ():
            known.add(next(iter(intent)) if isinstance(intent, dict) else str(intent))
    return frozenset(known)


def held_out(root: Path) -> frozenset[str]:
    """The normal form of every text of the frozen sets: whoever learns them by heart can no longer be examined with them."""
    return _held_out(root, (*_versions(root / FROZEN, "*.tsv"), *_versions(root / EVALUATION, "*.jsonl")))


@lru_cache(maxsize=2)
def _held_out(root: Path, versions: tuple[tuple[str, int], ...]) -> frozenset[str]:
    return frozenset(filter(None, map(normal, [text for text, _ in frozen(root)] + evaluation(root))))


def frozen(root: Path) -> list[tuple[str, str]]:
    """The messages that a model is examined with, as (text, intent)."""
    found = []
    for path in sorted((root / FROZEN).rglob("*.tsv")):
        for line in path.read_text("utf-8").splitlines():
            fields = line.split("\t")
            if len(fields) > 1 and not line.startswith("#"):
                found.append((fields[0], fields[1]))
    return found


def evaluation(root: Path) -> list[str]:
    """The texts that the language rules are examined with."""
    return [text for line in evaluation_lines(root) if isinstance(text := line.get("text") or (line.get("input") or {}).get("text"), str)]


def evaluation_lines(root: Path, name: str = "*") -> list[dict[str, Any]]:
    """The labelled lines of nlu_data/evaluation, of one file or of all."""
    files = sorted((root / EVALUATION).glob(f"{name}.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text("utf-8").splitlines() if line.strip()]


def content_of(examples: Sequence[Example]) -> dict[str, list[str]]:
    """Intent → texts, each once, in a fixed order."""
    found: dict[str, set[str]] = {}
    for example in examples:
        found.setdefault(example.intent, set()).add(example.text)
    return {intent: sorted(found[intent]) for intent in sorted(found)}


def fingerprint_of(content: dict[str, list[str]]) -> str:
    """A digest of the data alone."""
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


async def cut(tx: AsyncSession, root: Path, *, by: str, now: datetime) -> TrainingSet:
    """The data as they are now, kept for good; the same row for the same data."""
    labelled = await accepted(tx)
    content = content_of(base(root) + labelled)
    values = {
        "fingerprint": fingerprint_of(content),
        "content": content,
        "examples": sum(map(len, content.values())),
        "labelled": len(labelled),
        "at": now,
        "by": by,
    }
    await tx.execute(insert(TrainingSet).values(**values).on_conflict_do_nothing(index_elements=["fingerprint"]))
    return (await tx.scalars(select(TrainingSet).where(TrainingSet.fingerprint == values["fingerprint"]))).one()
