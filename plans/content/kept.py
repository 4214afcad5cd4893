"""A content as a version keeps it, and back."""

from functools import cache
from typing import Any

from pydantic import TypeAdapter

from plans.content.model import ArticleContent, Content, MessageContent
from records.content import ContentVersion


@cache
def _reader() -> TypeAdapter[ArticleContent | MessageContent]:
    return TypeAdapter(Content)


def definition_of(content: ArticleContent | MessageContent) -> dict[str, Any]:
    """The content as it is kept."""
    return {"kind": content.kind, **content.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)}


def content_of(version: ContentVersion) -> ArticleContent | MessageContent:
    """The content of a version."""
    return _reader().validate_python(version.definition)
