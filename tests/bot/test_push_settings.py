"""Settings of the push channels: a mistake stops the start with one sentence, secrets come from files."""

import json
from pathlib import Path
from typing import Any

import pytest

from bot.push_access import push_access
from bot.push_settings import MiniProgramSettings
from bot.settings import CONFIG_FILE, SettingsError, load_settings

GOOD = """
[official_account]
appid = "wx1"
secret = "s"
callback_token = "t"

[official_account.templates.task]
id = "tpl"
kind = "template"
keywords = { thing1 = "title", time2 = "at", thing3 = "hospital" }

[mini_program]
appid = "wx2"
secret = "s"
callback_token = "t"

[mini_program.templates.task]
id = "tpl"
kind = "long_term"
keywords = { thing1 = "title", date2 = "at", phrase3 = "state" }

[sms]
url = "https://sms.example.cn/v1/messages"
app_id = "a"
secret = "s"
sign = "示范儿童医院"

[sms.templates.task]
id = "SMS_1"
variables = { title = "title", time = "at", link = "link" }
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str) -> Any:
    Path(CONFIG_FILE).write_text(text)
    return load_settings()


def test_all_channels_as_the_file_says() -> None:
    access = push_access(load(GOOD))
    assert access.official_account is not None and access.mini_program is not None and access.sms is not None
    assert (access.official_account.appid, access.mini_program.templates["task"].kind) == ("wx1", "long_term")
    assert access.sms.templates["task"].variables["link"] == "link"


def test_without_settings_the_simulators_stand_in_only_in_the_sandbox() -> None:
    sandbox = push_access(load("port = 8081"))
    assert sandbox.official_account is not None and sandbox.official_account.base_url == "http://127.0.0.1:8081/sandbox/weixin"
    assert sandbox.mini_program is not None and sandbox.sms is not None
    real = push_access(load('[wecom]\ncorp_id = "ww1"\nsecret = "s"\ncallback_token = "t"\ncallback_aes_key = "k"\nagent_id = 1'))
    assert (real.official_account, real.mini_program, real.sms) == (None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('appid = "wx1"\nsecret = "s"', 'appid = "wx1"', "official_account.secret: must be given"),
        ('kind = "long_term"', 'kind = "template"', "mini_program.templates.task.kind"),
        ('kind = "template"', 'kind = "always"', "official_account.templates.task.kind"),
        ('thing1 = "title", time2', 'number1 = "title", time2', "official_account.templates.task: number1 takes a number"),
        ('thing3 = "hospital"', 'first = "hospital"', "official_account.templates.task: 'first' is no keyword"),
        ('thing3 = "hospital"', 'thing3 = "diagnosis"', "official_account.templates.task.keywords.thing3"),
        ('sign = "示范儿童医院"', "", "sms.sign: must be given"),
        ("https://sms", "ftp://sms", "sms.url: must be"),
        ('link = "link"', 'link = "text"', "sms.templates.task.variables.link"),
        ("[sms]", "[sms]\nlongest_link = 5", "sms.longest_link"),
        ("[mini_program]", "[mini_program]\nstate = 'live'", "mini_program.state"),
    ],
)
def test_a_mistake_is_named(old: str, new: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(SettingsError, match=words):
        load(GOOD.replace(old, new, 1))


def test_an_account_without_templates_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match=r"official_account\.templates"):
        load('[official_account]\nappid = "wx1"\nsecret = "s"\ncallback_token = "t"')


def test_a_hospital_with_a_long_name_is_told_where_it_does_not_fit() -> None:
    with pytest.raises(SettingsError, match="thing3 takes 1 to 20 characters"):
        load(f'hospital = "{"很长的名字" * 5}"\n{GOOD}')


def test_secrets_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    monkeypatch.setenv("CARELOOP_SMS__SECRET_FILE", str(tmp_path / "secret"))
    settings = load(GOOD.replace('app_id = "a"\nsecret = "s"', 'app_id = "a"'))
    assert settings.sms.secret.get_secret_value() == "from-a-file"
    assert "from-a-file" not in repr(settings)
    monkeypatch.delenv("CARELOOP_SMS__SECRET", raising=False)


def test_the_page_that_a_reminder_opens_is_one_of_the_mini_program() -> None:
    app = json.loads((Path(__file__).parents[2] / "miniprogram/app/app.json").read_text("utf-8"))
    assert MiniProgramSettings().page.split("?")[0] in app["pages"]
