"""Something to read as a step of a plan: the article as it is published now, and whether it helped."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from plans.bundle import Piece, Words
from plans.content.kept import content_of
from plans.content.model import ArticleContent
from plans.wording import say
from records.chat import Chat
from records.content import ContentItem, ContentVersion, is_live
from records.content_read import article_read


async def tell_lesson(tx: AsyncSession, piece: Piece, chat: Chat, now: datetime) -> Words:
    """The words of the step's articles, written down as read by this chat, with the buttons that rate the last one.

    Empty when none of them is published.
    """
    texts: list[str] = []
    buttons: tuple[tuple[str, str], ...] = ()
    for code in piece.step.articles:
        live = select(ContentVersion).join(ContentItem, ContentItem.id == ContentVersion.content_id)
        version = await tx.scalar(live.where(ContentItem.code == code, is_live(now)).order_by(ContentVersion.version.desc()).limit(1))
        content = content_of(version) if version is not None else None
        if version is None or not isinstance(content, ArticleContent):
            continue
        because = say("lesson.because", title=piece.template.title, step=piece.step.title)
        read = await article_read(
            tx, chat, piece.patient.id, code, version.version, now, ask=True, version_id=version.id, how="push", because=because
        )
        if read is not None:
            texts.append(say("lesson.text", name=piece.patient.name, title=content.title, body=content.chat_text.strip()))
            buttons = tuple((f"{name}_{read[0]}", say(f"rating.{name}")) for name in ("useful", "useless"))
    return Words("\n\n".join(texts), buttons)
