"""A content as WeChat shows it: the messages in the chat, and the page behind their link."""

from dataclasses import dataclass
from typing import Any

from console.content_page import article_page
from console.static_files import STATIC
from plans.content.composing import compose
from plans.content.model import ArticleContent, MessageContent
from plans.content.reference import reference_of
from plans.content.words import say, table
from plans.wording import say as wording

# Of the five messages that a family may be sent one stays in reserve.
ROOM = 4


@dataclass(frozen=True)
class Bubble:
    """One message of the chat: words with choices below them, or a block of the content."""

    text: str = ""
    choices: tuple[str, ...] = ()
    kind: str = ""
    part: Any = None
    sha256: str = ""


@dataclass(frozen=True)
class Phone:
    """What a family sees. `page` is a whole HTML page; empty where there is none."""

    bubbles: tuple[Bubble, ...]
    page: str = ""


def phone_of(content: ArticleContent | MessageContent, reference: str, *, base: str, hospital: str) -> Phone:
    """The phone, with the pictures below the address `base`."""
    if isinstance(content, MessageContent):
        filled = content.fill(**{name: f"〔{label}〕" for name, label in table("placeholders").items()})
        return Phone((Bubble(filled),))
    parts = compose(content, reference, page=True, ask=True, room=ROOM)
    page = article_page(content, reference, base=base, style=STATIC("content/content.css"), hospital=hospital)
    return Phone(tuple(_bubble(part, content) for part in parts), page)


def _bubble(part: dict[str, Any], content: ArticleContent) -> Bubble:
    if "block" in part:
        block = content.blocks[part["block"]]
        return Bubble(kind=block.kind, part=getattr(block, block.kind), sha256=(block.media and block.media.sha256) or "")
    choices = [say("family.read_all")] if part.get("link") else []
    choices += [wording(f"rating.{name}") for name in ("useful", "useless")] if part.get("ask") else []
    return Bubble(part.get("text") or part.get("menu") or "", tuple(choices))


def unreviewed(source: str) -> str:
    """The line about source and review of a text that nobody has reviewed yet."""
    return say("family.reference", source=reference_of(source), reviewed=say("family.unreviewed"))
