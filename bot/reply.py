"""From what a turn wants to say to as few WeCom messages as possible (5 in 48 hours, 2048 bytes each)."""

from dataclasses import dataclass
from typing import Any

from integrations.wecom.outbound import menu_click, menu_view, msgmenu, split_text, text

# wecom-api §3.5, in UTF-8 bytes.
TEXT_BYTES, MENU_HEAD_BYTES, MENU_ITEM_BYTES, MENU_ITEMS = 2048, 1024, 128, 10


@dataclass(frozen=True)
class Reply:
    """Something to say: words, and choices as (id, label), or a page to open as (address, label)."""

    text: str
    buttons: tuple[tuple[str, str], ...] = ()
    link: tuple[str, str] | None = None


def merge(replies: list[Reply]) -> list[dict[str, Any]]:
    """The message bodies for `replies`: normally one. The same words are said once; the choices of the last reply that has any stay."""
    texts = _once([paragraph.strip() for reply in replies for paragraph in reply.text.split("\n\n")])
    buttons = next((reply.buttons for reply in reversed(replies) if reply.buttons), ())
    links = [reply.link for reply in replies if reply.link is not None]
    if not texts:
        return []
    whole = "\n\n".join(texts)
    if not buttons and not links:
        return [text(part) for part in split_text(whole, TEXT_BYTES)]
    if len(whole.encode()) <= MENU_HEAD_BYTES:
        parts = [whole]
    else:
        # The choices belong to what was said last; what comes before goes ahead of them.
        before, last = "\n\n".join(texts[:-1]), texts[-1]
        parts = [*(split_text(before, TEXT_BYTES) if before else []), *split_text(last, TEXT_BYTES)]
    head = parts.pop() if len(parts[-1].encode()) <= MENU_HEAD_BYTES else ""
    items = [*(menu_view(*link) for link in links), *(menu_click(key, split_text(label, MENU_ITEM_BYTES)[0]) for key, label in buttons)]
    return [*(text(part) for part in parts), msgmenu(items[:MENU_ITEMS], head=head or "请选择：")]


def _once(paragraphs: list[str]) -> list[str]:
    """Each paragraph once, and not at all when another one says it too."""
    said = list(dict.fromkeys(paragraph for paragraph in paragraphs if paragraph))
    return [paragraph for paragraph in said if not any(paragraph != other and paragraph in other for other in said)]


def plain_text(body: dict[str, Any]) -> str:
    """The words of a message body, as the family reads them."""
    if body.get("msgtype") == "text":
        return str(body["text"]["content"])
    if body.get("msgtype") == "content":
        return str(body["content"].get("words", ""))
    menu = body.get("msgmenu") or {}
    return "\n".join([menu.get("head_content", ""), *(item[item["type"]].get("content", "") for item in menu.get("list", []))]).strip()
