"""Settings of the channels that reach a family outside the chat. A channel without its id is not there."""

from collections.abc import Mapping
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from integrations.push import PushRefused
from integrations.sms.push import Source as SmsSource
from integrations.weixin.template import Source, Template, TemplateKind, Writer

WEIXIN = "https://api.weixin.qq.com"


class TemplateSettings(BaseModel):
    """A template as registered at mp.weixin.qq.com."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, description="the platform's template id")
    kind: TemplateKind = Field(description="template (to followers), one_time or long_term (to whoever agreed)")
    keywords: dict[str, Source] = Field(description="what stands in each keyword: thing1 = 'title', time2 = 'at' …")

    def registered(self) -> Template:
        """As the channel wants it."""
        return Template(self.id, self.kind, self.keywords)


class WeixinSettings(BaseModel):
    """An account at mp.weixin.qq.com."""

    model_config = ConfigDict(extra="forbid")

    appid: str | None = Field(default=None, description="AppID; without it the channel is not used")
    secret: SecretStr = Field(default=SecretStr(""), description="AppSecret")
    callback_token: SecretStr = Field(default=SecretStr(""), description="Token of the callback address")
    callback_aes_key: SecretStr = Field(default=SecretStr(""), description="EncodingAESKey; empty in plain mode (明文模式)")
    base_url: str = Field(default=WEIXIN, description="WeChat's API, or a simulator")
    templates: dict[str, TemplateSettings] = Field(default={}, description="by our name; `task` says that something waits in the chat")


class OfficialAccountSettings(WeixinSettings):
    """The official account (服务号)."""


class MiniProgramSettings(WeixinSettings):
    """The mini program (小程序)."""

    page: str = Field(default="pages/chat/index?kf={link}", description="the page that opens the chat; {link} is the chat's link, quoted")
    state: Literal["formal", "trial", "developer"] = Field(default="formal", description="which version of the mini program is opened")


class SmsTemplateSettings(BaseModel):
    """A text as registered with the provider."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, description="the provider's template id")
    variables: dict[str, SmsSource] = Field(description="what stands in each variable: title, at, link, hospital")


class SmsSettings(BaseModel):
    """Text messages by a provider that takes signed JSON (docs/push.md)."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(default="", description="where texts are posted; without it the channel is not used")
    app_id: str = Field(default="", description="our name at the provider")
    secret: SecretStr = Field(default=SecretStr(""), description="signs our requests and the provider's reports")
    sign: str = Field(default="", description="registered signature (短信签名)")
    longest_link: int = Field(default=200, ge=20, le=1024, description="longest link that the provider takes in a variable, characters")
    templates: dict[str, SmsTemplateSettings] = Field(default={}, description="by our name")


def mistake(
    official_account: OfficialAccountSettings, mini_program: MiniProgramSettings, sms: SmsSettings, *, hospital: str, zone: ZoneInfo
) -> str | None:
    """What is wrong with these settings, as a sentence that names the setting; None if nothing is."""
    writer = Writer(hospital, zone)
    accounts: Mapping[str, WeixinSettings] = {"official_account": official_account, "mini_program": mini_program}
    for name, account in accounts.items():
        if account.appid is None:
            continue
        for secret in ("secret", "callback_token"):
            if not getattr(account, secret).get_secret_value():
                return f"Setting {name}.{secret}: must be given together with {name}.appid."
        if not account.templates:
            return f"Setting {name}.templates: at least one template must be given, best one named task."
        for label, template in account.templates.items():
            if name == "mini_program" and template.kind == "template":
                return f"Setting {name}.templates.{label}.kind: a mini program's templates are one_time or long_term."
            try:
                writer.check(template.registered())
            except PushRefused as refused:
                return f"Setting {name}.templates.{label}: {refused.detail}."
    if sms.url:
        if not sms.url.startswith(("https://", "http://")):
            return "Setting sms.url: must be an https address."
        for field in ("app_id", "sign"):
            if not getattr(sms, field):
                return f"Setting sms.{field}: must be given together with sms.url."
        if not sms.secret.get_secret_value():
            return "Setting sms.secret: must be given together with sms.url."
        if not sms.templates:
            return "Setting sms.templates: at least one template must be given, best one named task."
    return None
