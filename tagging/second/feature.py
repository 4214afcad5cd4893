"""What the learned reader sees of a message: pieces of its characters, and what the rules found in it, each as a number of a bucket.

A bucket is a hash, so that there is no vocabulary to keep; computed on whole arrays, a message costs a tenth of a millisecond.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from tagging.patient import PatientFacts
from tagging.text import fold

if TYPE_CHECKING:
    from tagging.measurement import Measurement
    from tagging.symptom import SymptomMention
    from tagging.triage import Triage

BUCKETS = 1 << 17
# Characters on end, and pairs with up to this distance inside a clause: 叫…没…应 is told with anything between.
LONGEST, FARTHEST = 3, 5
# A longer message is read in windows of this many characters, each beginning so many behind the one before; the worst counts.
WINDOW, STEP, WINDOWS = 400, 300, 8
_MARKS = r"\s，。！？,.!?；;、~～…：:"
_MARK, CLAUSE = re.compile(f"[{_MARKS}]"), re.compile(f"[^{_MARKS}]+")
_DIGIT = re.compile(r"[0-9]")
_BREAK, VALUE = ord("|"), "#"
_AGES = ((28, "newborn"), (91, "3mo"), (365, "1y"), (1095, "3y"), (2555, "7y"), (6570, "18y"))


@dataclass(frozen=True)
class Seen:
    """One window: `buckets` of pieces with where they begin and end in the message, and `known`, the buckets of what the rules found."""

    buckets: Any
    starts: Any
    ends: Any
    known: Any


def windows(
    text: str, *, patient: PatientFacts, signs: Sequence["SymptomMention"], values: Sequence["Measurement"], triage: "Triage"
) -> Iterator[Seen]:
    """The windows of a message, at least one, at most WINDOWS. How high a measured value is, is for the rules: it is blanked here."""
    plain = list(_MARK.sub("|", _DIGIT.sub("0", fold(text[: STEP * (WINDOWS - 1) + WINDOW]))))
    for value in values:
        length = min(value.end, len(plain)) - min(value.start, len(plain))
        plain[value.start : value.end] = (VALUE + "|" * length)[:length]
    known = np.array(sorted({crc32(name.encode()) % BUCKETS for name in _known(patient, signs, values, triage)}), np.int64)
    for start in range(0, max(1, len(plain) - WINDOW + STEP), STEP):
        buckets, starts, ends = _pieces("".join(plain[start : start + WINDOW]))
        yield Seen(buckets, starts + start, ends + start, known)


def _known(patient: PatientFacts, signs: Sequence["SymptomMention"], values: Sequence["Measurement"], triage: "Triage") -> Iterator[str]:
    age = patient.age_days
    yield "age:" + ("unknown" if age is None else next((name for days, name in _AGES if age < days), "adult"))
    for tag in patient.tags:
        yield f"tag:{tag}"
    for sign in signs:
        yield f"sign:{sign.concept}:{sign.status}:{sign.whose}:{sign.when}"
        yield f"how:{sign.status}:{sign.whose}:{sign.when}"
    for value in values:
        # 呼吸20次 that the tables let pass is good news.
        yield f"value:{value.vital}:{triage.level}"
    for category in triage.categories:
        yield f"category:{category}"
    yield f"level:{triage.level}"


def _pieces(plain: str) -> tuple[Any, Any, Any]:
    """The buckets of all pieces, and where they begin and end; a piece that comes twice stands there twice."""
    codes = np.frombuffer(f"|{plain}|".encode("utf-32-le", errors="surrogatepass"), np.uint32)
    place = np.arange(-1, len(plain) + 1)
    clause = np.cumsum(codes == _BREAK)
    inside = codes != _BREAK
    mixed, starts, ends = [], [], []
    for size in range(1, min(LONGEST, len(codes)) + 1):
        rows = [codes[offset : len(codes) - size + 1 + offset] for offset in range(size)]
        mixed.append(_mixed(size, rows))
        starts.append(place[: len(codes) - size + 1])
        ends.append(starts[-1] + size)
    firsts, lasts = [], []
    for distance in range(2, min(FARTHEST, len(codes) - 1) + 1):
        first = np.flatnonzero(inside[:-distance] & inside[distance:] & (clause[:-distance] == clause[distance:]))
        firsts.append(first)
        lasts.append(first + distance)
    if firsts:
        first, last = np.concatenate(firsts), np.concatenate(lasts)
        mixed.append(_mixed(LONGEST + 1, [codes[first], codes[last]]))
        starts.append(place[first])
        ends.append(place[last] + 1)
    return _buckets(np.concatenate(mixed)), np.concatenate(starts), np.concatenate(ends)


def _mixed(kind: int, rows: list[Any]) -> Any:
    """A hash of each column, for `_buckets`; `kind` keeps a pair with a gap apart from the same pair without one."""
    mixed = np.full(len(rows[0]), kind * 0x9E3779B1 & 0xFFFFFFFF, np.uint32)
    for row in rows:
        mixed = (mixed ^ row) * np.uint32(0x85EBCA6B)
        mixed ^= mixed >> np.uint32(13)
    return mixed


def _buckets(mixed: Any) -> Any:
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return (mixed % np.uint32(BUCKETS)).astype(np.int64)
