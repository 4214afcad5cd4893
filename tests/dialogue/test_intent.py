"""The intent model of a trained archive, read without Rasa."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from bot.dialogue.agent import Dialogue
from bot.dialogue.intent import IntentReader
from tests.dialogue.conftest import ROOT

pytestmark = pytest.mark.dialogue


def test_it_reads_as_the_dialogue_does(model: Path, dialogue: Dialogue) -> None:
    reader = IntentReader.from_archive(model)
    for text in ("38.9", "你好", "脐带怎么护理", "今天股票涨了吗", "那个啥呀就是那样子", "转人工", "昨天开了肺宁颗粒", ""):
        intent, confidence = reader.of_text(text)
        assert (intent, pytest.approx(confidence, abs=1e-6)) == dialogue.classify(text)


def test_an_archive_without_it_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "old.tar.gz"
    with tarfile.open(archive, "w:gz"):
        pass
    with pytest.raises(ValueError, match=r"old\.tar\.gz"):
        IntentReader.from_archive(archive)


def test_it_imports_neither_rasa_nor_a_database(model: Path) -> None:
    heavy = "{'rasa', 'rasa_sdk', 'tensorflow', 'sklearn', 'sqlalchemy'}"
    code = (
        "import sys; from pathlib import Path; from bot.dialogue.intent import IntentReader; "
        f"IntentReader.from_archive(Path({str(model)!r})).of_text('咳嗽'); sys.exit(bool({heavy} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_understand_fills_the_intent_in(model: Path) -> None:
    import json

    lines = [{"id": "a", "text": "昨晚烧到38度5"}, {"id": "b", "text": "今天股票涨了吗"}]
    done = subprocess.run(
        [sys.executable, "-m", "bot", "understand"],
        cwd=ROOT,
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["intent"], each["in_scope"]) for each in said] == [("report", True), ("out_of_scope", False)]
    assert all(0 < each["confidence"] <= 1 for each in said)
