"""Messages to customers through 微信客服 (doc:94677): each builder gives ``{"msgtype": …, <msgtype>: {…}}`` for ``kf.send_msg``.

All raise ``bad_request`` or ``too_large`` before anything is sent.
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from integrations.wecom.checks import check_bytes, check_count, check_unique, check_url
from integrations.wecom.errors import bad_request

Message = dict[str, Any]

TEXT_BYTES = 2048


def text(content: str) -> Message:
    """A text of 1..2048 bytes (about 680 Chinese characters); see ``split_text``."""
    return {"msgtype": "text", "text": {"content": check_bytes("content", content, TEXT_BYTES, 1)}}


def image(media_id: str) -> Message:
    """An uploaded picture."""
    return _media("image", media_id)


def voice(media_id: str) -> Message:
    """An uploaded AMR recording."""
    return _media("voice", media_id)


def video(media_id: str) -> Message:
    """An uploaded MP4."""
    return _media("video", media_id)


def file(media_id: str) -> Message:
    """An uploaded file."""
    return _media("file", media_id)


def link(title: str, url: str, thumb_media_id: str, desc: str = "") -> Message:
    """A link card: title ≤128 bytes, desc ≤512 (WeCom would cut a longer one), url ≤2048 with scheme."""
    body = {
        "title": check_bytes("title", title, 128, 1),
        "desc": check_bytes("desc", desc, 512),
        "url": check_url("url", url),
        "thumb_media_id": check_bytes("thumb_media_id", thumb_media_id, 512, 1),
    }
    return {"msgtype": "link", "link": body}


def miniprogram(appid: str, pagepath: str, title: str, thumb_media_id: str) -> Message:
    """A mini-program card; title ≤64 bytes, the page of ``pagepath`` ends in ``.html``."""
    if not pagepath.partition("?")[0].endswith(".html"):
        raise bad_request("pagepath: the page must end in .html")
    body = {
        "appid": check_bytes("appid", appid, 128, 1),
        "title": check_bytes("title", title, 64),
        "thumb_media_id": check_bytes("thumb_media_id", thumb_media_id, 512, 1),
        "pagepath": check_bytes("pagepath", pagepath, 1024),
    }
    return {"msgtype": "miniprogram", "miniprogram": body}


def location(latitude: float, longitude: float, name: str = "", address: str = "") -> Message:
    """A place, in degrees."""
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise bad_request("location: degrees out of range")
    return {"msgtype": "location", "location": {"name": name, "address": address, "latitude": latitude, "longitude": longitude}}


def ca_link(link_url: str) -> Message:
    """A 获客助手 link."""
    return {"msgtype": "ca_link", "ca_link": {"link_url": check_url("link_url", link_url)}}


def msgmenu(items: Sequence[Message], *, head: str = "", tail: str = "") -> Message:
    """A menu of 1..10 items (newer pages say 50, 95008 says 10); head and tail ≤1024 bytes."""
    entries = check_count("msgmenu.list", items, 10, 1)
    check_unique("msgmenu.list", [item["click"] for item in entries if "click" in item], "id")
    head, tail = check_bytes("head_content", head, 1024), check_bytes("tail_content", tail, 1024)
    menu = {"head_content": head, "list": entries, "tail_content": tail}
    return {"msgtype": "msgmenu", "msgmenu": {name: value for name, value in menu.items() if value}}


def menu_click(menu_id: str, content: str) -> Message:
    """An item that comes back as a text with ``menu_id``; content 1..128 bytes.

    The id has at most 64 of ``a-zA-Z0-9_``. Menus stay tappable for ever: let the id name its task or version.
    """
    if not re.fullmatch(r"[a-zA-Z0-9_]{1,64}", menu_id):
        raise bad_request("click.id: 1..64 of a-zA-Z0-9_")
    return {"type": "click", "click": {"id": menu_id, "content": check_bytes("click.content", content, 128, 1)}}


def menu_view(url: str, content: str) -> Message:
    """An item that opens a page; nothing comes back. content 1..1024 bytes."""
    return {"type": "view", "view": {"url": check_url("view.url", url), "content": check_bytes("view.content", content, 1024, 1)}}


def menu_miniprogram(appid: str, pagepath: str, content: str) -> Message:
    """An item that opens a mini-program page; pagepath and content ≤1024 bytes."""
    body = {
        "appid": check_bytes("miniprogram.appid", appid, 128, 1),
        "pagepath": check_bytes("miniprogram.pagepath", pagepath, 1024, 1),
        "content": check_bytes("miniprogram.content", content, 1024, 1),
    }
    return {"type": "miniprogram", "miniprogram": body}


def menu_text(content: str, *, no_newline: bool = False) -> Message:
    """A line of words between items; content 1..256 bytes."""
    return {"type": "text", "text": {"content": check_bytes("text.content", content, 256, 1), "no_newline": int(no_newline)}}


def message_id(key: str) -> str:
    """A ``msgid`` for the outbox key ``key``: always the same 32 of ``0-9a-zA-Z_-``, so a repeat cannot send twice."""
    return base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()[:24]).decode()


# Where a long text is cut, best first: after a sentence, after a clause, after a space.
_BORDERS = (re.compile(r"(?:[。！？!?；;…]+[”’」』）)]*|\n)"), re.compile(r"[，、,：:）)”]"), re.compile(r"\s"))


def split_text(content: str, limit: int = TEXT_BYTES) -> list[str]:
    """``content`` in parts of at most ``limit`` bytes (≥ 4), cut between sentences where one ends in the part's second half, else
    between clauses, else between words, never inside a character. White space at the cuts is dropped; only white space gives []."""
    if limit < 4:
        raise ValueError("limit must hold one character")
    parts, rest = [], content.strip()
    while rest:
        head = rest if len(rest.encode()) <= limit else rest[: _cut(rest, limit)]
        parts.append(head.rstrip())
        rest = rest[len(head) :].lstrip()
    return parts


def _cut(rest: str, limit: int) -> int:
    """How many characters of ``rest`` go into the first part, at least one."""
    most = len(rest.encode()[:limit].decode(errors="ignore"))
    for border in _BORDERS:
        found = (each.end() for each in border.finditer(rest, 0, most))
        ends = [end for end in found if end * 2 > most and not _joins(rest[end - 1], rest[end])]
        if ends:
            return ends[-1]
    cut = most
    while cut > 1 and _joins(rest[cut - 1], rest[cut]):
        cut -= 1
    # A pile of marks longer than a whole part is cut where it must be.
    return cut if cut > 1 or not _joins(rest[0], rest[1]) else most


def _joins(left: str, right: str) -> bool:
    """True if the two belong together: marks, skin tones, joined emoji, flags, a closing sign, a run of digits and letters."""
    if unicodedata.combining(right) or unicodedata.category(right) in ("Mn", "Me", "Mc") or "\U0001f3fb" <= right <= "\U0001f3ff":
        return True
    if right in "，。！？；：、）」』”’…":
        return True
    if "\u200d" in (left, right) or ("\U0001f1e6" <= left <= "\U0001f1ff" and "\U0001f1e6" <= right <= "\U0001f1ff"):
        return True
    # Half a temperature or half a link is worse than a short part.
    return left.isascii() and right.isascii() and not left.isspace() and not right.isspace()


def _media(msgtype: str, media_id: str) -> Message:
    return {"msgtype": msgtype, msgtype: {"media_id": check_bytes("media_id", media_id, 512, 1)}}
