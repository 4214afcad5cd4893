"""A template as registered with the platform, and a push written into it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from integrations.push import PushFields, PushRefused, fixed_words, title_text, titles
from integrations.weixin.field import check_field, kind_of

# What may stand in a keyword. There is no other source of words, so nothing clinical can get into one.
Source = Literal["title", "at", "hospital", "state", "note"]
# A follower gets `template` messages; the others need his agreement, for one message or for all.
TemplateKind = Literal["template", "one_time", "long_term"]
OPENID = re.compile(r"[0-9A-Za-z_-]{6,64}")


@dataclass(frozen=True)
class Template:
    """One registered template: the platform's id, how it is agreed to, and what stands in each keyword."""

    id: str
    kind: TemplateKind
    keywords: Mapping[str, Source]


@dataclass(frozen=True)
class Writer:
    """Writes pushes into templates. ``hospital`` is the short name that families know, at most 20 characters; ``zone`` its clock's."""

    hospital: str
    zone: ZoneInfo

    def data(self, template: Template, fields: PushFields) -> dict[str, dict[str, str]]:
        """The ``data`` of a send call. Raises PushRefused ``bad_title``, ``bad_field`` (naming the keyword and its rule)."""
        return {
            keyword: {"value": check_field(keyword, self._value(kind_of(keyword), source, fields))}
            for keyword, source in template.keywords.items()
        }

    def check(self, template: Template) -> None:
        """Try every title, so that a template that cannot work is found when the service starts. Raises PushRefused."""
        if not template.keywords:
            raise PushRefused("bad_field", permanent=True, detail="the template has no keywords")
        for title in titles():
            self.data(template, PushFields(title, datetime(2026, 12, 31, 12, tzinfo=UTC)))

    def _value(self, kind: str, source: Source, fields: PushFields) -> str:
        match source:
            case "title":
                return title_text(fields.title)
            case "at":
                return self._moment(kind, fields.at)
            case "hospital":
                return self.hospital
            case _:
                return fixed_words(source)

    def _moment(self, kind: str, at: datetime) -> str:
        local = at.astimezone(self.zone)
        match kind:
            case "date":
                return f"{local.year}年{local.month}月{local.day}日"
            case "character_string":
                return f"{local:%Y-%m-%d %H:%M}"
            case _:
                return f"{local.year}年{local.month}月{local.day}日 {local:%H:%M}"


def known(templates: Mapping[str, Template], name: str) -> Template:
    """The template of that name. Raises PushRefused ``bad_template``."""
    try:
        return templates[name]
    except KeyError:
        raise PushRefused("bad_template", permanent=True, detail=f"no template {name[:40]!r} is configured") from None


def check_openid(address: str) -> str:
    """``address``, if it can be an openid. Raises PushRefused ``bad_address``."""
    if not OPENID.fullmatch(address):
        raise PushRefused("bad_address", permanent=True, detail="not an openid")
    return address
