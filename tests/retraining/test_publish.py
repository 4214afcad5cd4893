"""What is worse is not published, what is published can be taken back, and every step is written down."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.dialogue.intent import IntentReader
from bot.dialogue.linear import LinearModel
from bot.dialogue.train import program
from bot.retraining import compare as comparing
from bot.retraining import versions
from bot.retraining.compare import Said, judge, side_by_side, traffic
from bot.retraining.examine import probes
from bot.retraining.figures import f1, macro_f1, share
from bot.retraining.report import comparison, watched
from bot.retraining.report import versions as told
from bot.retraining.texts import RetrainingError
from bot.retraining.watch import watch
from records.database import Database
from records.model_version import ModelComparison, ModelVersion, TrainingSet
from records.state import StateChange
from tests.bot.test_cli import ROOT
from tests.retraining.conftest import CLEAR, NOW, UNCLEAR, Talk


class Reader:
    """Reads every text as `intents` say, everything else as `other`."""

    def __init__(self, intents: dict[str, str], other: str = "report") -> None:
        self._intents, self._other = intents, other

    def classify(self, text: str, understood: Any) -> tuple[str, float]:
        return self._intents.get(text, self._other), 0.9

    def rank(self, text: str, understood: Any) -> list[tuple[str, float]]:
        return [self.classify(text, understood)]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A frozen set of 60 messages, and a handful of dangerous ones."""
    truth = (
        {f"找人{n}": "human" for n in range(20)} | {f"问{n}": "ask_question" for n in range(20)} | {f"聊{n}": "greet" for n in range(20)}
    )
    monkeypatch.setattr(comparing, "frozen", lambda root: list(truth.items()))
    monkeypatch.setattr(comparing, "dangerous", lambda root: [f"抽搐{n}" for n in range(20)])
    return truth | dict(probes(ROOT))


def judged(old: Reader, new: Reader) -> list[str]:
    return judge(side_by_side(old, new, ROOT, []))  # type: ignore[arg-type]


def test_the_same_model_is_no_worse_than_itself(small: dict[str, str]) -> None:
    assert judged(Reader(small), Reader(small)) == []


def test_one_slip_is_chance_and_many_are_worse(small: dict[str, str]) -> None:
    slip = {**small, "找人3": "greet"}
    assert judged(Reader(small), Reader(slip)) == []
    worse = {**small, **{f"找人{n}": "greet" for n in range(8)}}
    reasons = judged(Reader(small), Reader(worse))
    assert any("重要意图 human 变差了：F1 从 1.00 降到 0.75" in reason for reason in reasons)
    # An ordinary intent may lose as much, as long as the whole stays.
    ordinary = {**small, **{f"聊{n}": "thanks" for n in range(3)}}
    assert judged(Reader(small), Reader(ordinary)) == []


def test_a_probe_that_is_missed_is_told(small: dict[str, str]) -> None:
    assert judged(Reader(small), Reader({**small, "转人工": "greet"})) == ["「转人工」应当理解成 human，这一版理解成了 greet。"]


def test_danger_must_not_be_taken_for_small_talk(small: dict[str, str]) -> None:
    deaf = {**small, **{f"抽搐{n}": "thanks" for n in range(10)}}
    [reason] = judged(Reader(small), Reader(deaf))
    assert reason.startswith("危险消息变得容易被放过：被当回事的比例从 100.0% 降到 50.0%")


def test_a_model_that_is_worse_on_the_whole_is_refused(small: dict[str, str]) -> None:
    worse = {**small, **{f"聊{n}": "thanks" for n in range(15)}}
    [reason] = judged(Reader(small), Reader(worse))
    assert reason.startswith("整体变差了")


def test_figures_have_honest_intervals() -> None:
    assert share(0, 0) == [1.0, 0.0, 1.0]
    assert f1(["a"] * 10, ["a"] * 10, "a")[0] == 1.0
    assert 0.6 < f1(["a"] * 10, ["a"] * 10, "a")[1] < 0.8
    truth, read = ["a", "a", "b", "b"], ["a", "b", "b", "b"]
    assert f1(truth, read, "a")[0] == pytest.approx(2 / 3, abs=1e-4)
    assert macro_f1(truth, read)[0] == pytest.approx((2 / 3 + 0.8) / 2, abs=1e-4)
    assert macro_f1(truth, read) == macro_f1(truth, read)


async def test_changed_readings_of_real_messages_come_without_names(db: Database, talk: Talk, small: dict[str, str]) -> None:
    await talk.said("小满今天吐了", {"intent": "report", "confidence": 0.9})
    await talk.said("小满今天吐了", {"intent": "report", "confidence": 0.9})
    await talk.said("点了按钮", CLEAR, menu_id="today")
    await talk.said("上个月的话", CLEAR, wait=-40 * 86400)
    async with db.transaction() as tx:
        said = await traffic(tx, since=NOW - timedelta(days=30))
    assert said == [Said("小满今天吐了", "〔孩子〕今天吐了", 2)]
    result = side_by_side(Reader(small), Reader({**small, "小满今天吐了": "nlu_fallback"}), ROOT, said)  # type: ignore[arg-type]
    assert result["traffic"]["examples"] == [{"text": "〔孩子〕今天吐了", "times": 2, "old": "report", "new": "nlu_fallback"}]
    assert result["traffic"]["not_understood"] == {"old": 0, "new": 2}
    assert "小满" not in str(result)


async def candidate(db: Database, *, made_for: str | None = None) -> int:
    async with db.transaction() as tx:
        count = len(await versions.versions(tx))
        data = TrainingSet(fingerprint=f"data {count}", content={}, examples=3, labelled=1, at=NOW, by="lin")
        tx.add(data)
        await tx.flush()
        row = ModelVersion(training_set_id=data.id, program=made_for or program(ROOT), sha256="0", metrics={}, by="lin", at=NOW)
        tx.add(row)
        await tx.flush()
        return row.id


async def compared(db: Database, version_id: int, against_id: int | None, *refusals: str) -> None:
    async with db.transaction() as tx:
        tx.add(ModelComparison(version_id=version_id, against_id=against_id, result={}, refusals=list(refusals), by="lin", at=NOW))


async def publish(db: Database, version_id: int) -> None:
    async with db.transaction() as tx:
        await versions.publish(tx, ROOT, version_id, by="lin", now=NOW)


async def states(db: Database) -> tuple[int | None, list[str]]:
    """The live version, and the states of all, oldest first."""
    async with db.transaction() as tx:
        current = await versions.live(tx)
        return current.version_id if current else None, [row.state for row in reversed(await versions.versions(tx))]


async def test_only_what_was_compared_with_the_live_model_goes_live(db: Database) -> None:
    one, two = await candidate(db), await candidate(db)
    with pytest.raises(RetrainingError, match="还没有和现在用的模型比较过"):
        await publish(db, one)
    await compared(db, one, None)
    await compared(db, two, None)
    await publish(db, one)
    # What was compared with the model before says nothing about the one that is live now.
    with pytest.raises(RetrainingError, match="还没有和现在用的模型比较过"):
        await publish(db, two)
    await compared(db, two, one, "整体变差了。")
    with pytest.raises(RetrainingError, match="整体变差了"):
        await publish(db, two)
    await compared(db, two, one)
    await publish(db, two)
    assert await states(db) == (two, ["retired", "published"])
    with pytest.raises(RetrainingError, match="retired"):
        await publish(db, one)


async def test_roll_back_goes_step_by_step_to_the_program_s_own(db: Database) -> None:
    ids = [await candidate(db) for _ in range(3)]
    for before, each in zip([None, *ids], ids, strict=False):
        await compared(db, each, before)
        await publish(db, each)
    seen = []
    for _ in ids:
        async with db.transaction() as tx:
            seen.append((await versions.roll_back(tx, by="qin", now=NOW, reason="听不懂的多了")).version_id)
    assert seen == [ids[1], ids[0], None]
    assert await states(db) == (None, ["retired"] * 3)
    async with db.transaction() as tx:
        with pytest.raises(RetrainingError, match="程序自带"):
            await versions.roll_back(tx, by="qin", now=NOW)
        changes = await tx.scalars(select(StateChange).where(StateChange.entity == "model_version", StateChange.entity_id == ids[1]))
        assert [(each.new, each.by) for each in changes] == [
            ("published", "lin"),
            ("retired", "lin"),
            ("published", "qin"),
            ("retired", "qin"),
        ]


async def test_a_model_for_another_program_or_a_rejected_one_is_not_published(db: Database) -> None:
    other, unwanted = await candidate(db, made_for="older"), await candidate(db)
    for each in (other, unwanted):
        await compared(db, each, None)
    with pytest.raises(RetrainingError, match="另一个版本的程序"):
        await publish(db, other)
    async with db.transaction() as tx:
        await versions.reject(tx, unwanted, by="lin", now=NOW)
    with pytest.raises(RetrainingError, match="rejected"):
        await publish(db, unwanted)
    with pytest.raises(RetrainingError, match="没有第 99 版"):
        await publish(db, 99)


async def test_watching_tells_whether_less_is_understood(db: Database, talk: Talk) -> None:
    talk.at = NOW - timedelta(hours=5)
    for n in range(20):
        await talk.said(f"早{n}", CLEAR)
    one = await candidate(db)
    await compared(db, one, None)
    await publish(db, one)
    talk.at = NOW
    for n in range(20):
        await talk.said(f"晚{n}", UNCLEAR if n % 2 else CLEAR)
    await talk.said("嗯", {"intent": "nlu_fallback", "confidence": 0.1, "form": "follow_up_form"})
    async with db.transaction() as tx:
        found = await watch(tx, now=NOW + timedelta(hours=2))
    assert found is not None
    assert (found.read_before, found.read_since) == (20, 21)
    assert (found.before[0], found.since[0]) == (0.0, round(10 / 21, 4))
    assert found.worse
    assert any("rollback" in line for line in watched(found))


async def test_a_comparison_with_the_files_is_kept_and_can_be_read(db: Database, talk: Talk, tmp_path: Path, monkeypatch: Any) -> None:
    """With two small models in the place of trained ones."""
    readers = {"own": reader({"你": "greet", "转": "human"}), "new": reader({"你": "greet", "转": "greet"})}

    async def file_of(tx: Any, version_id: int | None, folder: Path, root: Path) -> Path:
        return Path("own" if version_id is None else "new")

    monkeypatch.setattr(comparing, "file_of", file_of)
    monkeypatch.setattr(IntentReader, "from_archive", lambda path: readers[path.name])
    monkeypatch.setattr(comparing, "probes", lambda root: [("转人工", "human"), ("你好", "greet")])
    monkeypatch.setattr(comparing, "frozen", lambda root: [("转接", "human"), ("你早", "greet")])
    monkeypatch.setattr(comparing, "dangerous", lambda root: [])
    await talk.said("转给小满的护士", {"intent": "human", "confidence": 0.9})
    one = await candidate(db)
    row = await comparing.compare(db, one, ROOT, tmp_path, by="lin", clock=lambda: NOW)
    assert row.refusals[0] == "「转人工」应当理解成 human，这一版理解成了 greet。"
    lines = "\n".join(comparison(row))
    assert "human → greet" in lines
    assert "小满" not in lines
    assert "不能发布" in lines
    with pytest.raises(RetrainingError, match="转人工"):
        await publish(db, one)
    async with db.transaction() as tx:
        rows = [(each, await tx.get_one(TrainingSet, each.training_set_id)) for each in await versions.versions(tx)]
        assert "候选" in told(rows, await versions.live(tx))[0]


def reader(weights: dict[str, str]) -> IntentReader:
    """A model that goes by single characters."""
    labels = sorted({"greet", "human"})
    vocabulary = {character: (row, 1.0) for row, character in enumerate(weights)}
    matrix = [[5.0 if label == intent else 0.0 for label in labels] for intent in weights.values()]
    import numpy as np

    return IntentReader(LinearModel(labels, vocabulary, np.array(matrix), np.zeros(2)), 2, ("report", "ask_question"))
