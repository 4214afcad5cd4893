"""Which templates an account has at mp.weixin.qq.com, to compare with the settings."""

import re
from dataclasses import dataclass
from typing import Any

from integrations.weixin.client import WeixinClient
from integrations.weixin.errors import WeixinError
from integrations.weixin.template import Template, TemplateKind

_KEYWORD = re.compile(r"\{\{\s*([A-Za-z_0-9]+)\.DATA\s*\}\}")
_KINDS: dict[Any, TemplateKind] = {2: "one_time", 3: "long_term"}


@dataclass(frozen=True)
class Registered:
    """A template of the account: its title, its keywords, and how it is agreed to (None for a kind that is not ours)."""

    id: str
    title: str
    kind: TemplateKind | None
    keywords: frozenset[str]


async def registered(client: WeixinClient, kinds: frozenset[TemplateKind]) -> dict[str, Registered]:
    """The account's templates by id; only those lists are asked for that hold one of ``kinds``. Raises WeixinError."""
    found: dict[str, Registered] = {}
    if "template" in kinds:
        reply = await client.get("cgi-bin/template/get_all_private_template")
        for row in _rows(reply, "template_list"):
            found[str(row.get("template_id"))] = _read(row, "template_id", "template")
    if kinds & {"one_time", "long_term"}:
        reply = await client.get("wxaapi/newtmpl/gettemplate")
        for row in _rows(reply, "data"):
            found[str(row.get("priTmplId"))] = _read(row, "priTmplId", _KINDS.get(row.get("type")))
    return found


def differences(template: Template, there: Registered | None) -> str | None:
    """What does not fit between the settings and the account: ``missing``, ``kind`` or ``keywords``; None if all does."""
    if there is None:
        return "missing"
    if there.kind != template.kind:
        return "kind"
    return None if there.keywords == set(template.keywords) else "keywords"


def _rows(reply: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = reply.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise WeixinError("garbage_reply", permanent=False, detail=name)
    return rows


def _read(row: dict[str, Any], name: str, kind: TemplateKind | None) -> Registered:
    return Registered(str(row.get(name)), str(row.get("title", "")), kind, frozenset(_KEYWORD.findall(str(row.get("content", "")))))
