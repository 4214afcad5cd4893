"""The command line as people and scripts use it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.doctor import diagnose
from bot.settings import Settings, SettingsError, WecomSettings, load_settings
from tests.bot.stage import Stage

ROOT = Path(__file__).parent.parent.parent


def careloop(*arguments: str, given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name == "CARELOOP_KEYRING" or not name.startswith("CARELOOP_")}
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=ROOT,
        env=clean | environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_command_and_teaches() -> None:
    said = careloop("--help").stdout
    for command in ("serve", "gateway", "web", "worker", "train", "understand", "triage", "doctor", "simulator", "bench", "replay"):
        assert command in said
    assert "/sandbox" in said
    # A line of the list is a whole paragraph.
    assert "on any machine." in " ".join(said.split())


def test_help_waits_for_nothing_that_it_does_not_need() -> None:
    done = subprocess.run([sys.executable, "-X", "importtime", "-m", "bot", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "typer" in loaded
    assert not loaded & {"rich", "pygments", "asyncio", "pydantic", "sqlalchemy", "aiohttp", "structlog", "yaml"}


def test_hl7_tells_every_message_and_says_why_one_cannot_be_read(tmp_path: Path) -> None:
    nothing, data = tmp_path / "nothing.hl7", ROOT / "tests" / "data" / "hl7"
    nothing.write_bytes(b"EVN|A01\r")
    done = careloop("hl7", str(data / "cn_merge_a40.hl7"), str(nothing), str(data / "cn_booking_siu.hl7"), str(tmp_path / "absent"))
    assert [json.loads(line)["control_id"] for line in done.stdout.splitlines()] == ["EMPI0042", "YY001", "YY002"]
    assert done.returncode == 1
    assert [line.split(": ", 1)[1].split(",")[0] for line in done.stderr.splitlines()] == [
        str(nothing),
        f"{tmp_path / 'absent'}: No such file or directory",
    ]
    good = careloop("hl7", str(data / "cn_nicu_discharge_a03.hl7"))
    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["name"] == {"family": "张三之女"}


def test_triage_answers_line_by_line_and_names_what_is_wrong() -> None:
    lines = [
        {"id": "a", "patient": {"age_days": 89}, "input": {"vital": "temperature", "value": 38.0, "unit": "℃"}},
        {"id": "b", "patient": {"age_days": 89, "shoe_size": 3}, "input": "没事"},
        {"id": "c", "input": "孩子今天挺好"},
    ]
    done = careloop("triage", given="".join(json.dumps(line) + "\n" for line in lines) + "not json\n")
    answers: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [answer.get("level") for answer in answers] == ["emergency", None, "routine", None]
    assert "shoe_size" in answers[1]["error"]
    assert answers[3]["line"] == 4


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CARELOOP_PORT", "99999", "Setting port"),
        ("CARELOOP_ZONE", "Mars/Base", "unknown time zone"),
        ("CARELOOP_WECOM__CORP_ID", "ww1", "Setting wecom.secret: must be given"),
        ("CARELOOP_DATABASE_URL_FILE", "/nowhere/at/all", "cannot be read"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_one_sentence(name: str, value: str, sentence: str) -> None:
    done = careloop("doctor", **{name: value})
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_secrets_come_from_files_and_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("hidden-value\n")
    for name in [name for name in os.environ if name.startswith("CARELOOP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CARELOOP_WECOM__SECRET_FILE", str(tmp_path / "secret"))
    settings = load_settings()
    monkeypatch.delenv("CARELOOP_WECOM__SECRET")
    assert settings.wecom.secret.get_secret_value() == "hidden-value"
    assert "hidden-value" not in repr(settings)
    with pytest.raises(SettingsError, match="port"):
        load_settings(port=-1)


def test_a_worker_keeps_connections_for_its_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().worker_pool == 12
    assert load_settings(worker_concurrency=64).worker_pool == 48
    assert load_settings(worker_concurrency=1).worker_pool == 4
    monkeypatch.setenv("CARELOOP_WORKER_CONNECTIONS", "20")
    assert load_settings().worker_pool == 20
    monkeypatch.setenv("CARELOOP_WORKER_CONNECTIONS", "0")
    with pytest.raises(SettingsError, match="worker_connections"):
        load_settings()


async def test_the_doctor_finds_a_good_installation_good(stage: Stage, tmp_path: Path) -> None:
    findings = await diagnose(settings_for(stage, tmp_path), ROOT)
    wecom = [finding for finding in findings if "客服账号" in finding.text]
    assert wecom
    assert all(finding.ok for finding in wecom)


async def test_the_doctor_tells_a_model_that_is_old_from_none_at_all(stage: Stage, tmp_path: Path) -> None:
    settings = settings_for(stage, tmp_path)
    assert any(not finding.ok and "还没有训练对话模型" in finding.text for finding in await diagnose(settings, tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "careloop-0123.tar.gz").touch()
    assert any(
        finding.ok and "careloop-0123" in finding.text and "数据改过" in finding.text for finding in await diagnose(settings, tmp_path)
    )


async def test_the_doctor_knows_a_published_model_that_no_worker_can_take(stage: Stage, tmp_path: Path) -> None:
    from tests.retraining.parrot import published

    for made_for, ok, words in ((None, True, "适合"), ("an older program", False, "重新训练")):
        await published(stage.db, b"", made_for=made_for)
        findings = await diagnose(settings_for(stage, tmp_path), ROOT)
        assert any(finding.ok == ok and words in finding.text and "发布的" in finding.text for finding in findings)


async def test_the_doctor_says_in_words_what_wecom_refuses(stage: Stage, tmp_path: Path) -> None:
    for errcode, words in ((60020, "可信 IP"), (48002, "可调用接口的应用"), (40001, "Secret 不对")):
        path = "gettoken" if errcode == 40001 else "kf/account/list"
        await stage.control("POST", "tokens/revoke")
        async with stage.db.transaction() as tx:
            from sqlalchemy import delete

            from records.wecom import AccessToken

            await tx.execute(delete(AccessToken))
        await stage.control("POST", "faults", path=path, times=1, errcode=errcode)
        findings = await diagnose(settings_for(stage, tmp_path), ROOT)
        assert any(not finding.ok and words in finding.text for finding in findings), errcode


def settings_for(stage: Stage, data: Path) -> Settings:
    return Settings(database_url=stage.db.url, data_dir=data, wecom=WecomSettings(base_url=stage.simulator_url))
