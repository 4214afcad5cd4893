"""What a content is, as an editor writes it: an article (words, pictures, video, files, links, mini-program cards) or a message template.

Sizes are WeCom's, in UTF-8 bytes (wecom-api §3.5), so that what can be written can be sent.
"""

import re
from collections.abc import Iterator
from datetime import date
from string import Formatter
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from integrations.wecom.outbound import split_text
from plans.content.words import say, table

# A text of two messages at most; a longer article has a `short` form for those who cannot open its page.
CHAT_BYTES = 2 * 2048
# The words of a message with choices below it.
MENU_BYTES = 1024
# So many messages of pictures, video and cards go with an article into the chat, of the five that a family may be sent.
MOST_MEDIA = 2
_CODE = r"^[a-z0-9][a-z0-9_-]{1,59}$"
_SHA = r"^[0-9a-f]{64}$"


class Strict(BaseModel):
    """Immutable, and a misspelt field is an error. Its reader, of several MB, is built when something is first read."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Media(Strict):
    """A file of the content. `file` is its name beside the YAML file that is imported; `sha256` what is kept, set at the import."""

    file: str = Field(min_length=1, max_length=120)
    caption: str = Field(default="", max_length=60)
    sha256: str | None = Field(default=None, pattern=_SHA)


class Link(Strict):
    """A card that opens a page. WeCom wants a picture with it."""

    url: str = Field(pattern=r"^https://[^\s<>\"']{4,2000}$")
    title: str = Field(min_length=1)
    about: str = ""
    picture: Media

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _fit("title", self.title, 128)
        _fit("about", self.about, 512)
        return self


class MiniProgram(Strict):
    """A card that opens a page of a mini program that is linked to the hospital's corp."""

    appid: str = Field(pattern=r"^wx[0-9a-zA-Z]{10,30}$")
    page: str = Field(pattern=r"^[^?\s]+\.html(\?\S*)?$", max_length=1024)
    title: str = Field(min_length=1)
    picture: Media

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _fit("title", self.title, 64)
        return self


class Block(Strict):
    """One part of an article below its `body`: exactly one of these."""

    heading: str | None = Field(default=None, min_length=1, max_length=40)
    text: str | None = Field(default=None, min_length=1, max_length=4000)
    picture: Media | None = None
    video: Media | None = None
    file: Media | None = None
    link: Link | None = None
    miniprogram: MiniProgram | None = None

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if len(self.model_fields_set) != 1 or getattr(self, next(iter(self.model_fields_set))) is None:
            raise ValueError(say("wrong.block"))
        return self

    @property
    def kind(self) -> str:
        """Which it is."""
        return next(iter(self.model_fields_set))

    @property
    def media(self) -> Media | None:
        """The file in it, or on its card."""
        part = getattr(self, self.kind)
        return part if isinstance(part, Media) else part.picture if isinstance(part, Link | MiniProgram) else None


class Months(Strict):
    """Ages in completed months, both ends included."""

    min: int = Field(default=0, ge=0, le=1200)
    max: int = Field(default=1200, ge=0, le=1200)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(say("wrong.order"))
        return self


class Stage(Strict):
    """Days since the patient's latest `anchor`, both ends included."""

    anchor: Literal["birth", "discharge", "visit", "enrolment", "surgery", "chemo_day"]
    first: int = Field(ge=0, le=36500)
    last: int = Field(ge=0, le=36500)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first > self.last:
            raise ValueError(say("wrong.order"))
        return self


class Audience(Strict):
    """For whom it is. `when` is a sentence of the cohort language; what is left out matters not."""

    months: Months | None = None
    stage: Stage | None = None
    when: str | None = Field(default=None, max_length=2000)
    diagnosed_only: bool = Field(default=False, description="only for those who carry one of the tags")


class Common(Strict):
    """What every content has."""

    code: str = Field(pattern=_CODE)
    title: str = Field(min_length=2, max_length=30)
    tags: tuple[str, ...] = ()
    audience: Audience = Audience()
    source: str = Field(min_length=2, max_length=300)
    review_by: date
    expires: date | None = None


class ArticleContent(Common):
    """An article. `questions`, `keywords`, `also`, `within` and `medicines` let the bot find it (see plans/article.py); without questions
    it is never an answer, only pushed. `short` is what is read in the chat where the page cannot be opened."""

    kind: Literal["article"] = "article"
    short: str | None = Field(default=None, min_length=20, max_length=600)
    body: str = Field(min_length=30, max_length=12000)
    blocks: tuple[Block, ...] = Field(default=(), max_length=60)
    questions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    medicines: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.short is None and len(self.body.encode()) > CHAT_BYTES:
            raise ValueError(say("wrong.short", bytes=CHAT_BYTES))
        if bool(self.questions) != bool(self.keywords) or 0 < len(self.questions) < 3:
            raise ValueError(say("wrong.questions"))
        return self

    @property
    def chat_text(self) -> str:
        """What is read in the chat."""
        return (self.short or self.body).strip()

    @property
    def needs_page(self) -> bool:
        """Whether its page holds more than the chat can."""
        media = [block for block in self.blocks if block.kind not in ("heading", "text")]
        return self.short is not None or len(media) != len(self.blocks) or len(media) > MOST_MEDIA

    def chat_blocks(self) -> list[int]:
        """The numbers of the blocks that go into the chat as messages of their own."""
        return [number for number, block in enumerate(self.blocks) if block.kind not in ("heading", "text")][:MOST_MEDIA]

    def parts(self) -> list[str]:
        """The chat's text in messages of at most 2048 bytes, cut between sentences."""
        return split_text(self.chat_text)

    def words(self) -> Iterator[tuple[str, str]]:
        """Every text that a family reads, with the field that it stands in."""
        yield from (("title", self.title), ("body", self.body), *([("short", self.short)] if self.short else []))
        for number, block in enumerate(self.blocks, 1):
            part: Any = getattr(block, block.kind)
            said = [part] if isinstance(part, str) else [getattr(part, name, "") for name in ("caption", "title", "about")]
            yield from ((f"blocks[{number}].{block.kind}", text) for text in said if text)


class MessageContent(Common):
    """A message template: a named text whose placeholders, such as {name}, are filled when it is sent."""

    kind: Literal["message"]
    text: str = Field(min_length=2, max_length=600)

    @model_validator(mode="after")
    def _known_placeholders(self) -> Self:
        try:
            found = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(self.text) if name is not None]
        except ValueError as err:
            raise ValueError(say("wrong.braces")) from err
        strange = [name for name, spec, conversion in found if name not in table("placeholders") or spec or conversion]
        if strange:
            known = "、".join(f"{{{name}}}" for name in table("placeholders"))
            raise ValueError(say("wrong.placeholder", name=strange[0], known=known))
        return self

    @property
    def placeholders(self) -> set[str]:
        """What has to be given to fill it."""
        return {name for _, name, _, _ in Formatter().parse(self.text) if name}

    def fill(self, **values: str) -> str:
        """The text with its placeholders filled. Raises KeyError for one that is not given."""
        # What is filled in comes from records: it is words, and never a placeholder itself.
        return re.sub(r"\{(\w+)\}", lambda found: values[found.group(1)], self.text)

    def words(self) -> Iterator[tuple[str, str]]:
        """Every text that a family reads, with the field that it stands in."""
        yield from (("title", self.title), ("text", self.text))


Content = Annotated[ArticleContent | MessageContent, Field(discriminator="kind")]


def _fit(name: str, value: str, most: int) -> None:
    if len(value.encode()) > most:
        raise ValueError(say("wrong.bytes", field=name, most=most, found=len(value.encode())))
