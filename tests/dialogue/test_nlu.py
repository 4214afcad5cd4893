"""The intent model: the same data give the same weights, and the frozen set is read well enough."""

import re
import tarfile
import unicodedata
from pathlib import Path

import pytest

from bot.dialogue.agent import Dialogue
from bot.dialogue.train import fingerprint, model_path, train
from tests.dialogue.conftest import ROOT

pytestmark = pytest.mark.dialogue

NOTHING = ("nlu_fallback", "out_of_scope")
# Floors a little below what was measured (docs/evaluation.md).
RIGHT, MACRO_F1, WRONG, REJECTED, OUT_OF_SCOPE = 0.895, 0.915, 0.04, 0.08, 0.90


def frozen() -> list[tuple[str, str]]:
    lines = (ROOT / "nlu_data/frozen/intents.tsv").read_text(encoding="utf-8").splitlines()
    return [(line.split("\t")[0], line.split("\t")[1]) for line in lines]


def bare(text: str) -> str:
    """`text` without case, width, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).lower()) or text


def test_the_frozen_set_shares_no_line_with_the_training_data() -> None:
    training = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "nlu_data/training").glob("*.yml")).splitlines()
    assert not {bare(text) for text, _ in frozen()} & {bare(line.strip()[2:]) for line in training if line.strip().startswith("- ")}
    assert sum(intent != "out_of_scope" for _, intent in frozen()) >= 950
    assert sum(intent == "out_of_scope" for _, intent in frozen()) >= 250


def test_the_frozen_set_is_read_well_enough(dialogue: Dialogue) -> None:
    read = [(gold, dialogue.classify(text)[0]) for text, gold in frozen()]
    acted = [(gold, "out_of_scope" if got in NOTHING else got) for gold, got in read]
    assert sum(gold == got for gold, got in acted) / len(acted) >= RIGHT
    assert macro_f1(acted) >= MACRO_F1
    ours = [(gold, got) for gold, got in acted if gold != "out_of_scope"]
    others = [got for gold, got in acted if gold == "out_of_scope"]
    assert sum(got not in (gold, "out_of_scope") for gold, got in ours) / len(ours) <= WRONG
    assert sum(got == "out_of_scope" for _, got in ours) / len(ours) <= REJECTED
    assert sum(got == "out_of_scope" for got in others) / len(others) >= OUT_OF_SCOPE


def macro_f1(pairs: list[tuple[str, str]]) -> float:
    """The mean of F1 over the intents of (gold, read)."""
    labels = {gold for gold, _ in pairs}
    return sum(2 * sum(g == r == one for g, r in pairs) / sum((g == one) + (r == one) for g, r in pairs) for one in labels) / len(labels)


@pytest.mark.parametrize("text", ["6斤8两", "38.9", "三十八度五", "拉了三次绿便便", "3.4kg", "嗯啊 37.8 吧 哈", "今早3350g"])
def test_numbers_and_signs_are_reports(dialogue: Dialogue, text: str) -> None:
    assert dialogue.classify(text)[0] == "report"


def test_an_unchanged_tree_is_trained_once(model: Path) -> None:
    said: list[str] = []
    before = model.stat().st_mtime_ns
    assert train(ROOT, model.parent, on_progress=lambda done, what: said.append(what)) == model == model_path(ROOT)
    assert model.stat().st_mtime_ns == before
    assert said == ["ready"]


@pytest.mark.long
def test_the_same_data_give_the_same_weights(model: Path, tmp_path: Path) -> None:
    again = train(ROOT, tmp_path)
    assert again.name == model.name
    assert weights(again) == weights(model)
    assert [path.name for path in tmp_path.iterdir()] == [again.name]


def weights(model: Path) -> dict[str, bytes]:
    """The intent model inside a model archive, by file name."""
    with tarfile.open(model) as archive:
        files = [member for member in archive.getmembers() if "CharLinearClassifier" in member.name and member.isfile()]
        found = {Path(member.name).name: archive.extractfile(member) for member in files}
        return {name: file.read() for name, file in found.items() if file is not None}


def test_any_change_of_the_data_is_another_model(tmp_path: Path) -> None:
    import shutil

    for name in ("config.yml", "bot/domain", "bot/rules", "nlu_data", "tagging", "bot/dialogue"):
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    before = fingerprint(tmp_path)
    rules = tmp_path / "bot/rules/care.yml"
    rules.write_text(rules.read_text(encoding="utf-8") + "\n# another word\n", encoding="utf-8")
    assert fingerprint(tmp_path) != before
