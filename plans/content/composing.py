"""What a content looks like in the chat: as few messages as say it. Pure; media ids and the link are filled in when it is sent.

One message is `{"text"}`, `{"menu", "read", "ask", "link"}` (words with the page and 有用吗 below them), or `{"block"}`: a number of the
content's blocks.
"""

from typing import Any

from integrations.wecom.outbound import TEXT_BYTES, split_text
from plans.content.model import MENU_BYTES, ArticleContent
from plans.content.words import say

# Room for the dots that say that the page has more.
_HEAD = MENU_BYTES - 16


def compose(content: ArticleContent, reference: str, *, page: bool, ask: bool, room: int) -> list[dict[str, Any]]:
    """The messages for a content, at most `room` of them; none when even its words do not fit.

    With a `page` that can be opened, what the chat has no room for stands there; else the chat gets the text form, cut between sentences,
    and the pictures and files for which there is room. `ask` puts 有用吗 below.
    """
    text = f"【{content.title}】\n{content.chat_text}\n{reference}"
    parts: list[dict[str, Any]]
    if page and content.needs_page:
        whole = len(text.encode()) <= MENU_BYTES
        parts = [{"menu": text if whole else split_text(text, _HEAD)[0] + "……", "link": True, "ask": ask}]
    else:
        texts = split_text(text, TEXT_BYTES)
        parts = [{"text": each} for each in texts]
        if ask and len(texts[-1].encode()) <= MENU_BYTES:
            parts[-1] = {"menu": texts[-1], "link": False, "ask": True}
        elif ask and len(parts) < room:
            parts.append({"menu": say("family.ask"), "link": False, "ask": True})
    if len(parts) > room:
        return []
    return parts + [{"block": number} for number in content.chat_blocks()[: room - len(parts)]]


def words_of(part: dict[str, Any], content: ArticleContent) -> str:
    """What a family reads of a message, for whoever looks at the chat."""
    if "block" in part:
        block = content.blocks[part["block"]]
        inner = getattr(block, block.kind)
        return str(getattr(inner, "caption", "") or getattr(inner, "title", "") or (block.media.file if block.media else ""))
    return str(part.get("text") or part.get("menu"))
