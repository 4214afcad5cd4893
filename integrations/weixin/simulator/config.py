"""What a simulated platform looks like: accounts with their templates and callback addresses, and switches."""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class CallbackTarget(_Model):
    """Where an account's events go. Without a key they go in plain mode."""

    url: str
    token: str = Field(pattern=r"^[0-9a-zA-Z]{3,32}$")
    encoding_aes_key: str = Field(default="", pattern=r"^([0-9a-zA-Z]{43})?$")


class TemplateConfig(_Model):
    """A template of the account: `template` for followers (official accounts only), `one_time` or `long_term` for those who agreed."""

    id: str
    title: str
    kind: Literal["template", "one_time", "long_term"]
    keywords: list[str] = Field(min_length=1, description="thing1, time2 …")


class AppConfig(_Model):
    """An official account or a mini program."""

    kind: Literal["official_account", "mini_program"]
    appid: str
    secret: str
    username: str = Field(description="gh_…, the ToUserName of its events")
    templates: list[TemplateConfig] = []
    pages: list[str] = Field(default=[], description="pages of the published mini program; empty takes any")
    callback: CallbackTarget | None = None
    trusted_domains: list[str] | None = Field(
        default=None, description="host[:port] of 网页授权域名; none given means the simulator's own and the callback's"
    )


class Switches(_Model):
    """How strict and how unkind the simulated platform is. All may be changed while it runs (`POST /sim/config`)."""

    day_quota: int = Field(default=100_000, ge=0, description="template messages and subscription notices a day and account, then 45009")
    long_term_a_day: int = Field(default=5, ge=0, description="messages of a long-term template to one person a day, then 40038")
    token_seconds: int = Field(default=7200, ge=300, description="how long an access token lives")
    ip_allow_list: list[str] = Field(default=[], description="callers' addresses; empty allows all, otherwise others get 40164")
    repeated_client_msg_id: int | None = Field(default=None, description="errcode of a repeat; none: errcode 0 with the first msgid")
    client_msg_id_hides_msgid: bool = Field(default=False, description="MsgID is 0 in the report on a message that had a client_msg_id")
    callback_timeout: float = Field(default=5.0, gt=0, description="real seconds")
    callback_retry_delay: float = Field(default=1.0, ge=0, description="real seconds between the three tries")
    hold_reports: bool = Field(default=False, description="delivery reports wait until this is switched off")


class SimulatorConfig(_Model):
    """One simulated platform."""

    apps: list[AppConfig] = Field(min_length=1)
    switches: Switches = Switches()
    state_file: Path | None = None

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a TOML file with these fields. Raises ValueError, OSError."""
        return cls.model_validate(tomllib.loads(path.read_text("utf-8")))


def demo_config(callback_url: str | None = None) -> SimulatorConfig:
    """An official account and a mini program of a children's hospital (`demo.toml`).

    `callback_url` ends before `/official_account/callback` and `/mini_program/callback`; without it no events go out.
    """
    config = SimulatorConfig.from_toml(Path(__file__).with_name("demo.toml"))
    for app in config.apps:
        if app.callback is not None and callback_url:
            app.callback.url = f"{callback_url.rstrip('/')}/{app.kind}/callback"
        elif not callback_url:
            app.callback = None
    return config
