"""A content as a version keeps it, and back."""

from typing import Any

from pydantic import TypeAdapter

from plans.content.model import ArticleContent, Content, MessageContent
from records.content import ContentVersion

_CONTENT: TypeAdapter[ArticleContent | MessageContent] = TypeAdapter(Content)


def definition_of(content: ArticleContent | MessageContent) -> dict[str, Any]:
    """The content as it is kept."""
    return {"kind": content.kind, **content.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)}


def content_of(version: ContentVersion) -> ArticleContent | MessageContent:
    """The content of a version."""
    return _CONTENT.validate_python(version.definition)
