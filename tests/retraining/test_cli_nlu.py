"""The commands as an administrator uses them, on a real database, without a trained model."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.cli import app
from bot.retraining.texts import RetrainingError

Nlu = Callable[..., str]


@pytest.fixture
def nlu(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nlu:
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)
    monkeypatch.setenv("CARELOOP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("bot.cli_nlu_run.configure", lambda *_, **__: None)

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, ["nlu", *arguments])
        if isinstance(done.exception, RetrainingError):
            assert code == 1
            return str(done.exception)
        assert (done.exit_code, done.exception) == (code, None if not code else done.exception)
        return done.stdout

    return run


def test_examples_come_in_and_go_out_as_they_were(nlu: Nlu, tmp_path: Path) -> None:
    file = tmp_path / "labels.yml"
    file.write_text('version: "3.1"\nnlu:\n- intent: human\n  examples: |\n    - 有没有活人能回我一下呀\n    - 喊个值班的姐姐过来聊聊\n')
    assert "导入 2 句" in nlu("import", str(file), "--by", "lin")
    assert "导入 0 句，另有 2 句本来就有" in nlu("import", str(file))
    assert nlu("export").splitlines()[2:] == [
        "- intent: human",
        "  examples: |",
        "    - 喊个值班的姐姐过来聊聊",
        "    - 有没有活人能回我一下呀",
    ]
    whole = tmp_path / "all.yml"
    nlu("export", "--all", "--out", str(whole))
    assert "导入 0 句" in nlu("import", str(whole))
    assert "管理员标的 2 句" in nlu("check")
    assert "撤回了" in nlu("withdraw", "有没有活人能回我一下呀", "human")
    assert "没有标过的例句" in nlu("withdraw", "有没有活人能回我一下呀", "human", code=1)


def test_a_file_that_would_spoil_the_data_is_left_whole(nlu: Nlu, tmp_path: Path) -> None:
    file = tmp_path / "labels.yml"
    file.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - 一句新的问候呀\n    - 药吃了三天也不见效\n')
    assert "没有导入：有 1 句" in nlu("import", str(file), code=1)
    assert nlu("export") == 'version: "3.1"\nnlu: []\n'


def test_an_empty_house_says_what_to_do_next(nlu: Nlu) -> None:
    assert "没有新的消息" in nlu("collect")
    assert "careloop nlu collect" in nlu("queue")
    assert "没有第 7 组" in nlu("label", "7", "human", code=1)
    assert "还没有发布过" in nlu("watch")
    assert "程序自带的模型  使用中" in nlu("versions")
    assert "还没有训练过" in nlu("progress")
    assert "没有训练在进行" in nlu("cancel", code=1)
    assert "没有第 1 版" in nlu("publish", "1", code=1)
    assert "没有可以退回的" in nlu("rollback", code=1)
    assert re.search(r"^human  \S", nlu("intents"), re.M)


def test_a_training_for_the_background_waits_for_a_worker(nlu: Nlu) -> None:
    assert "没有工作进程" in nlu("train", "--background", "--by", "lin")
    assert "lin 的训练在排队" in nlu("progress")
    assert "已经有一次训练" in nlu("train", "--background", code=1)
    assert "马上结束" in nlu("cancel", "--by", "qin")
    assert "训练已取消" in nlu("progress")
