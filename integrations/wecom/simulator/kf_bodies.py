"""Bodies of kf messages: what the API may send, with the limits of each field."""

import re
from typing import Any

from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.media import living
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.validate import WITH_SCHEME, Int, Items, Number, Obj, Spec, Text, cut

MSGID = Text(max_bytes=32, pattern=re.compile(r"[0-9a-zA-Z_-]*"))
MAX_MENU_ITEMS = 10
_URL = Text(required=True, max_bytes=2048, pattern=WITH_SCHEME, invalid=45034)
_MEDIA = Obj({"media_id": Text(required=True, missing=41006)})
_MENU_ITEMS: dict[str, Obj] = {
    "click": Obj({"id": Text(max_bytes=128), "content": Text(required=True, max_bytes=128)}, required=True),
    "view": Obj({"url": _URL, "content": Text(required=True, max_bytes=1024)}, required=True),
    "miniprogram": Obj(
        {
            "appid": Text(required=True),
            "pagepath": Text(required=True, max_bytes=1024),
            "content": Text(required=True, max_bytes=1024),
        },
        required=True,
    ),
    "text": Obj({"content": Text(required=True, max_bytes=256), "no_newline": Int(hi=1)}, required=True),
}
BODIES: dict[str, Obj] = {
    "text": Obj({"content": Text(required=True, max_bytes=2048, missing=44004, too_long=45002), "menu_id": Text()}),
    "image": _MEDIA,
    "voice": _MEDIA,
    "video": _MEDIA,
    "file": _MEDIA,
    "link": Obj(
        {
            "title": Text(required=True, max_bytes=128, missing=41016),
            "desc": Text(),
            "url": _URL,
            "thumb_media_id": Text(required=True, missing=41006),
        }
    ),
    "miniprogram": Obj(
        {
            "appid": Text(required=True),
            "title": Text(max_bytes=64),
            "thumb_media_id": Text(required=True, missing=41006),
            "pagepath": Text(required=True, pattern=re.compile(r"[^?]+\.html(\?.*)?")),
        }
    ),
    "msgmenu": Obj(
        {
            "head_content": Text(max_bytes=1024),
            "list": Items(Obj({"type": Text(), **{name: Obj(item.fields) for name, item in _MENU_ITEMS.items()}})),
            "tail_content": Text(max_bytes=1024),
        }
    ),
    "location": Obj(
        {"name": Text(), "address": Text(), "latitude": Number(required=True), "longitude": Number(required=True)},
    ),
    "ca_link": Obj({"link_url": _URL}),
}
ENVELOPE: dict[str, Spec] = {"msgid": MSGID, "msgtype": Text(required=True, missing=40008), **BODIES}


def check_body(sim: Simulator, body: dict[str, Any], allowed: tuple[str, ...]) -> dict[str, Any]:
    """The message part of a checked envelope, shortened where the platform shortens; raises ApiError for what it refuses."""
    msgtype = str(body["msgtype"])
    if msgtype not in allowed:
        raise ApiError(40008)
    content = body.get(msgtype)
    if not isinstance(content, dict) or not content:
        raise ApiError(44004 if msgtype == "text" else 40063, f"missing {msgtype}")
    if msgtype == "msgmenu":
        _check_menu(content)
    for name in ("media_id", "thumb_media_id"):
        if name in content:
            check_media(sim, content[name], "image" if name == "thumb_media_id" else msgtype)
    return {**content, "desc": cut(content["desc"], 512)} if content.get("desc") else content


def check_media(sim: Simulator, media_id: str, media_type: str) -> None:
    """Raise 40007 unless the file lives and is of that type."""
    media = living(sim, media_id)
    if media is None or media.type != media_type:
        raise ApiError(40007)


def _check_menu(menu: dict[str, Any]) -> None:
    items = menu.get("list") or []
    if not any(menu.get(name) for name in ("head_content", "list", "tail_content")):
        raise ApiError(40063, "empty msgmenu")
    if len(items) > MAX_MENU_ITEMS:
        raise ApiError(95008)
    for index, item in enumerate(items):
        spec = _MENU_ITEMS.get(item.get("type", ""))
        if spec is None:
            raise ApiError(95009)
        if not item.get(item["type"]):
            raise ApiError(95009, f"missing list[{index}].{item['type']}")
