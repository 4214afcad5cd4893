"""How fast clinical language is read, in a process of its own: import, memory, messages a second, and texts that nobody writes."""

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from random import Random

from bot.bench.processes import ROOT
from bot.bench.report import Result, percentiles, result

NOW = datetime.fromisoformat("2026-03-01T08:00:00+08:00")
MESSAGES = 4_000
HOSTILE_BYTES = 100_000
# The goals of reading: seconds, megabytes, messages a second.
P95, RATE, IMPORT, MEMORY, HOSTILE = 0.003, 600.0, 1.5, 150.0, 1.0
# What stands in a text that nobody writes, again and again until it is full.
REPEATED = ("吐", "抽", "没有", "大便3次，", "烧到三十八度五，", "5ml", "美林", "如果", "宝宝发烧38.5，", "（「", "\x01\x02", "a宝1😀")


def run(file: Path | None = None) -> Result:
    """Read 4,000 messages (`file`: JSON lines with `text`; else our own frozen ones) and texts of 100 kB. Times are processor time."""
    texts = list(_texts(file))
    Random(1).shuffle(texts)  # noqa: S311
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        figures, worst = pool.apply(_measure, ((texts * (MESSAGES // len(texts) + 1))[:MESSAGES],))
    meets = {
        "p95_below_3_ms": figures["read_p95_ms"] < 1000 * P95,
        "at_least_600_a_second": figures["messages_per_s"] >= RATE,
        "import_below_1.5_s": figures["import_s"] < IMPORT,
        "memory_below_150_mb": figures["memory_mb"] < MEMORY,
        "hostile_100_kb_within_1_s": figures["hostile_worst_s"] <= HOSTILE,
    }
    return result("language", {**figures, "hostile_worst": worst}, meets)


def _texts(file: Path | None) -> Iterator[str]:
    folder = ROOT / "nlu_data" / "evaluation"
    for path in [file] if file else [folder / "redflags.jsonl", folder / "symptoms.jsonl"]:
        for line in path.read_text("utf-8").splitlines():
            each = json.loads(line)
            text = each.get("text") or (each.get("input") or {}).get("text")
            if text:
                yield text


def _measure(texts: list[str]) -> tuple[dict[str, float], str]:
    """Figures, and the dearest text; in the child: nothing of `tagging` is imported before the clock runs."""
    begin = time.process_time()
    from tagging.content import default_content
    from tagging.patient import PatientFacts
    from tagging.triage import triage_text
    from tagging.understanding import understand

    imported = time.process_time()
    default_content(None)
    loaded = time.process_time()

    import psutil

    patient = PatientFacts(400)

    def read(text: str) -> None:
        understand(text, context=None, patient=patient, now=NOW)
        triage_text(text, context=None, patient=patient, now=NOW)

    taken = [_seconds(lambda text=text: read(text)) for text in texts]  # type: ignore[misc]
    memory = psutil.Process().memory_info().rss / 2**20
    hostile = {piece: _seconds(lambda text=text: read(text)) for piece, text in _hostile(texts)}  # type: ignore[misc]
    worst = max(hostile, key=lambda piece: hostile[piece])
    figures = {
        **percentiles(taken, "read", 0.5, 0.95, 0.99),
        "messages_per_s": round(len(taken) / sum(taken)),
        "characters_mean": round(sum(map(len, texts)) / len(texts), 1),
        "import_s": round(imported - begin, 2),
        "tables_s": round(loaded - imported, 2),
        "memory_mb": round(memory, 1),
        # One call of the two: each reads the whole text anew at this length.
        "hostile_worst_s": round(hostile[worst] / 2, 2),
    }
    return figures, repr(worst)


def _hostile(texts: list[str]) -> Iterator[tuple[str, str]]:
    random = Random(2)  # noqa: S311
    for piece in REPEATED:
        yield piece, _filled(lambda piece=piece: piece)  # type: ignore[misc]
    yield "messages without punctuation", _filled(lambda: random.choice(texts).translate(dict.fromkeys(map(ord, "，。！？ ,"))))
    yield "torn messages", _filled(lambda: _torn(random.choice(texts), random))


def _torn(text: str, random: Random) -> str:
    start = random.randrange(len(text))
    return text[start : start + random.randint(1, 6)]


def _filled(piece: Callable[[], str]) -> str:
    parts, size = [], 0
    while size < HOSTILE_BYTES:
        parts.append(piece())
        size += len(parts[-1].encode(errors="surrogatepass"))
    return "".join(parts).encode(errors="surrogatepass")[:HOSTILE_BYTES].decode(errors="ignore")


def _seconds(call: Callable[[], object]) -> float:
    begin = time.process_time()
    call()
    return time.process_time() - begin
