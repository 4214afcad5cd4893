"""Bodies of application messages other than cards, with the limits of each field."""

from typing import Any

from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.kf_bodies import check_media
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.validate import WITH_SCHEME, Flag, Int, Items, Obj, Spec, Text, cut

_URL = Text(max_bytes=2048, pattern=WITH_SCHEME, invalid=45034)
_REQUIRED_URL = Text(required=True, max_bytes=2048, pattern=WITH_SCHEME, invalid=45034)
_CONTENT = Obj({"content": Text(required=True, max_bytes=2048, missing=44004, too_long=45002)})
_MEDIA = Obj({"media_id": Text(required=True, missing=41006)})
BODIES: dict[str, Obj] = {
    "text": _CONTENT,
    "markdown": _CONTENT,
    "image": _MEDIA,
    "voice": _MEDIA,
    "file": _MEDIA,
    "video": Obj({"media_id": Text(required=True, missing=41006), "title": Text(max_bytes=128), "description": Text(max_bytes=512)}),
    "textcard": Obj(
        {
            "title": Text(required=True, missing=41016),
            "description": Text(required=True, missing=41033),
            "url": _REQUIRED_URL,
            "btntxt": Text(),
        }
    ),
    "news": Obj(
        {
            "articles": Items(
                Obj(
                    {
                        "title": Text(required=True, missing=41016),
                        "description": Text(),
                        "url": _URL,
                        "picurl": _URL,
                        "appid": Text(),
                        "pagepath": Text(),
                    }
                ),
                required=True,
                lo=1,
                hi=8,
                size=45008,
            )
        }
    ),
    "mpnews": Obj(
        {
            "articles": Items(
                Obj(
                    {
                        "title": Text(required=True, missing=41016),
                        "thumb_media_id": Text(required=True, missing=41006),
                        "author": Text(max_bytes=64),
                        "content_source_url": _URL,
                        "content": Text(required=True, max_bytes=666 << 10, too_long=45002),
                        "digest": Text(),
                    }
                ),
                required=True,
                lo=1,
                hi=8,
                size=45008,
            )
        }
    ),
    "miniprogram_notice": Obj(
        {
            "appid": Text(required=True),
            "page": Text(),
            "title": Text(required=True, max_chars=12, missing=41016),
            "description": Text(max_chars=12),
            "emphasis_first_item": Flag(),
            "content_item": Items(
                Obj({"key": Text(required=True, max_chars=10), "value": Text(required=True, max_chars=30)}), required=True, lo=1, hi=10
            ),
        }
    ),
}
# Longer texts of these are shortened by the platform, not refused. Bytes.
_CUT = {"title": 128, "description": 512}
_BUTTON_CHARS = 4
ENVELOPE: dict[str, Spec] = {
    "touser": Text(),
    "toparty": Text(),
    "totag": Text(),
    "msgtype": Text(required=True, missing=40008),
    "agentid": Int(required=True, missing=41011, invalid=40056),
    "safe": Int(hi=2),
    "enable_id_trans": Int(hi=1),
    "enable_duplicate_check": Int(hi=1),
    "duplicate_check_interval": Int(hi=4 * 3600),
    **BODIES,
}


def check_body(sim: Simulator, msgtype: str, content: Any) -> dict[str, Any]:
    """The message part of a checked envelope as it will be shown; raises ApiError."""
    if msgtype not in BODIES:
        raise ApiError(40008)
    if not isinstance(content, dict) or not content:
        raise ApiError(44004 if msgtype in ("text", "markdown") else 40063, f"missing {msgtype}")
    if "media_id" in content:
        check_media(sim, content["media_id"], msgtype)
    for article in content.get("articles", []):
        if "thumb_media_id" in article:
            check_media(sim, article["thumb_media_id"], "image")
        elif not article.get("url") and not (article.get("appid") and article.get("pagepath")):
            raise ApiError(45034, "an article needs url, or appid and pagepath")
    if msgtype == "textcard":
        return {**_shorten(content), **({"btntxt": content["btntxt"][:_BUTTON_CHARS]} if content.get("btntxt") else {})}
    if msgtype == "news":
        return {"articles": [_shorten(article) for article in content["articles"]]}
    return dict(content)


def _shorten(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: cut(value, _CUT[name]) if name in _CUT and isinstance(value, str) else value for name, value in fields.items()}
