"""What a simulated corp looks like: apps and their rights, accounts, members, callback targets, and switches."""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

Right = Literal["kf", "message", "externalcontact"]
# The documented rows of the session table, plus 0→1 and the ends that practice shows; 3→1 and everything out of 4 stay shut.
STRICT_MOVES: dict[int, list[int]] = {0: [1, 2, 3], 1: [2, 3, 4], 2: [3, 4], 3: [3, 4], 4: []}


class ConfigError(Exception):
    """The configuration cannot be used; the text is one sentence for the person who wrote it."""

    code, permanent = "config", True


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CallbackTarget(_Model):
    """Where an app's events go, and the two secrets that protect them."""

    url: str
    token: str = Field(pattern=r"^[0-9a-zA-Z]{1,32}$")
    encoding_aes_key: str = Field(pattern=r"^[0-9a-zA-Z]{43}$")


class AppConfig(_Model):
    """A self-built app: one secret, one agentid, the API families it may call."""

    secret: str
    agentid: int
    name: str
    rights: frozenset[Right] = frozenset({"kf", "message", "externalcontact"})
    open_kfids: list[str] | None = Field(default=None, description="kf accounts granted to the app; none given means all")
    visible: list[str] | None = Field(default=None, description="userids in the app's range; none given means all")
    callback: CallbackTarget | None = None
    contact_changes: bool = Field(default=False, description="its callback hears of changes of the directory")
    trusted_domains: list[str] | None = Field(
        default=None, description="host[:port] where logins may come back to; none given means the simulator's own and the callback's"
    )


class KfAccountConfig(_Model):
    """A 微信客服 account that stands from the start."""

    open_kfid: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=16)
    servicers: list[str] = []
    auto_assign: bool = Field(default=False, description="a new session goes straight to a servicer, so that the bot gets 95018")


class MemberConfig(_Model):
    """A member of the corp."""

    userid: str = Field(min_length=1, max_length=64)
    name: str
    departments: list[int] = [1]
    tags: list[int] = []
    active: bool = True


class DepartmentConfig(_Model):
    """A department; 1 is the root."""

    id: int
    name: str
    parentid: int = 0


class Switches(_Model):
    """How strict and how unkind the simulated platform is. All may be changed while it runs (`POST /sim/config`)."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    strict_fields: bool = Field(default=True, description="refuse unknown fields in request bodies")
    ip_allow_list: list[str] = Field(default=[], description="callers' addresses; empty allows all, otherwise others get 60020")
    window_failure: Literal["sync", "later"] = Field(default="sync", description="95001/95002 at once, or errcode 0 and msg_send_fail")
    transitions: dict[int, list[int]] = Field(default=STRICT_MOVES, description="allowed service_state/trans moves")
    retry_mode: Literal["3", "1+3"] = Field(default="1+3", description="tries of a callback: three in all, or one and three more")
    callback_timeout: float = Field(default=5.0, gt=0, description="real seconds")
    callback_retry_delay: float = Field(default=1.0, ge=0, description="real seconds between tries")
    sync_page_max: int = Field(default=1000, ge=1, le=1000, description="most items of a sync_msg page, whatever the limit asked")
    sync_empty_every: int = Field(default=0, ge=0, description="every n-th sync_msg page with news comes empty with has_more=1; 0 never")
    tokenless_sync_per_minute: int | None = Field(default=None, description="limit of sync_msg calls without token")
    api_per_minute: int = 10_000
    api_per_hour: int = 150_000
    servicer_status_values: Literal["1/2", "0/1"] = Field(default="1/2", description="receiving/stopped in servicer_status_change")
    native_welcome: bool = Field(default=False, description="a welcome is configured in the console, so no welcome_code")
    duplicate_msgid_errcode: int = Field(default=40058, description="the platform's own code is not published", lt=100_000_000)
    check_media: bool = Field(default=True, description="uploads must be what their type says (JPG/PNG, AMR, MP4)")
    reject_encoded_filenames: bool = Field(default=True, description="44001 for RFC 2231 names in uploads")
    reject_unicode_escapes: bool = Field(default=False, description=r"40033 for \uXXXX in a request body")
    mass_dispatch_seconds: float = Field(default=0.0, ge=0, description="until the members have their mass messages; 41063 meanwhile")
    mass_cap: Literal["month", "week", "day"] = Field(default="month", description="cap of mass messages per customer")

    @field_validator("transitions")
    @classmethod
    def _states_only(cls, table: dict[int, list[int]]) -> dict[int, list[int]]:
        states = set(range(5))
        if not (table.keys() <= states and all(set(row) <= states for row in table.values())):
            raise ValueError("session states are 0..4")
        return table


class SimulatorConfig(_Model):
    """One simulated corp."""

    corp_id: str
    apps: list[AppConfig] = Field(min_length=1)
    kf_accounts: list[KfAccountConfig] = []
    members: list[MemberConfig] = []
    departments: list[DepartmentConfig] = []
    member_tags: dict[int, str] = {}
    switches: Switches = Switches()
    state_file: Path | None = None

    @classmethod
    def from_toml(cls, path: Path) -> Self:
        """Read a TOML file with these fields; raises ConfigError with one sentence if it cannot be used."""
        try:
            return cls.model_validate(tomllib.loads(path.read_text("utf-8")))
        except ValidationError as err:
            first = err.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"{path}: {place}: {first['msg']}.") from err
        except (OSError, ValueError) as err:
            raise ConfigError(f"{path} cannot be read as TOML: {err}.") from err


def demo_config(callback_url: str | None = None) -> SimulatorConfig:
    """A small children's hospital: one kf account, one app with every right, a dozen members.

    With `callback_url` the app's events go there; the token and key are those of `demo.toml`.
    """
    config = SimulatorConfig.from_toml(Path(__file__).with_name("demo.toml"))
    for app in config.apps:
        if app.callback and callback_url:
            app.callback.url = callback_url
        elif not callback_url:
            app.callback = None
    return config
