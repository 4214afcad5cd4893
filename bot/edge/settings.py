"""Settings of the edge, which stands in the DMZ, and of the link, which dials out to it from inside."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from bot.edge.envelope import Key, read_keys


class EdgeSettings(BaseModel):
    """`careloop edge`. The public side listens on `host` and `port` of the installation; a callback's Token lets it tell the platform's
    calls from others', and no setting lets it read them."""

    model_config = ConfigDict(extra="forbid")

    keys: SecretStr = Field(default=SecretStr(""), description="2026a:SECRET; keys that links may use, two while one replaces the other")
    link_host: str = Field(default="127.0.0.1", description="address to listen on for links; the firewall lets only the inner side come")
    link_port: int = Field(default=8443, ge=0, le=65535, description="port to listen on for links, /healthz and /metrics")
    tls_cert: Path | None = Field(default=None, description="certificate chain (PEM) of the link's port; needed off the loopback address")
    tls_key: Path | None = Field(default=None, description="its key, if it is not in the same file")
    paths: list[str] = Field(
        default=["/wecom/callback", "/weixin/", "/sms/callback", "/h5", "/h5/", "/static/"],
        description="what may be asked for from outside; one that ends in / stands for all below it. Set alike at the edge and inside",
    )
    wecom_token: SecretStr = Field(default=SecretStr(""), description="Token of /wecom/callback")
    official_account_token: SecretStr = Field(default=SecretStr(""), description="Token of the official account's callback (安全模式)")
    mini_program_token: SecretStr = Field(default=SecretStr(""), description="Token of the mini program's callback (安全模式)")
    proxies: int = Field(default=0, ge=0, le=4, description="own reverse proxies in front, whose X-Forwarded-For is believed")
    per_second: float = Field(default=20, gt=0, description="requests a second from one address, callbacks aside")
    burst: float = Field(default=300, ge=1, description="and so many at once")
    at_once: int = Field(default=256, ge=1, description="requests that wait for the inner side at a time")
    deadline: float = Field(default=20, gt=0, le=300, description="seconds after which the inner side's answer is no longer waited for")
    max_answer: int = Field(default=16 << 20, ge=1024, description="largest answer of the inner side, bytes")
    keep_bytes: int = Field(default=64 << 20, ge=1024, description="callbacks that are kept while the inner side is away, bytes")

    @field_validator("keys")
    @classmethod
    def _readable(cls, keys: SecretStr) -> SecretStr:
        read_keys(keys.get_secret_value())
        return keys

    @field_validator("paths")
    @classmethod
    def _absolute(cls, paths: list[str]) -> list[str]:
        if any(not path.startswith("/") or path == "/" for path in paths):
            raise ValueError("paths begin with / and name something")
        return paths

    @property
    def tokens(self) -> dict[str, str]:
        """Token by the path of a callback that is kept until the inner side has it."""
        named = {
            "/wecom/callback": self.wecom_token,
            "/weixin/official_account/callback": self.official_account_token,
            "/weixin/mini_program/callback": self.mini_program_token,
        }
        return {path: token.get_secret_value() for path, token in named.items() if token.get_secret_value()}


class EdgeLinkSettings(BaseModel):
    """`careloop edge-link`. Without `urls` nothing is dialled."""

    model_config = ConfigDict(extra="forbid")

    urls: list[str] = Field(default=[], description="the edges: wss://10.9.0.2:8443/link")
    key: SecretStr = Field(default=SecretStr(""), description="2026a:SECRET; one of the edge's keys. The gateway needs it too")
    ca: Path | None = Field(default=None, description="certificate (PEM) that the edge's is, or is signed by; empty: the system's")
    gateway: str = Field(default="", description="where callbacks go, http://127.0.0.1:8080; empty: this machine's port")
    web: str = Field(default="", description="where pages go; empty: this machine's port")
    connections: int = Field(default=2, ge=1, le=16, description="lines kept open to each edge")

    @field_validator("key")
    @classmethod
    def _one(cls, key: SecretStr) -> SecretStr:
        if len(read_keys(key.get_secret_value())) > 1:
            raise ValueError("one key")
        return key

    @field_validator("urls")
    @classmethod
    def _secret(cls, urls: list[str]) -> list[str]:
        if any(not url.startswith(("wss://", "ws://127.0.0.1:", "ws://localhost:")) for url in urls):
            raise ValueError("wss://HOST:PORT/link; ws:// on this machine only")
        return urls

    @property
    def signing_key(self) -> Key | None:
        """The key; None without one."""
        return next(iter(read_keys(self.key.get_secret_value())), None)
