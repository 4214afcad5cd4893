"""The editor's form: its fields as they were typed, from and to a content. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from multidict import MultiDictProxy

from console.form import number, plain, words
from plans.authored import AuthoringError, Problem, open_authored
from plans.content.model import ArticleContent, Block, MessageContent
from plans.content.words import label_of

MOST_PARTS, MOST_CHARACTERS = 60, 20_000
_SHA = re.compile(r"[0-9a-f]{64}")
_SEVERAL = re.compile(r"[、,，;；\n]+")
WITH_FILE = ("picture", "video", "file", "link", "miniprogram")


@dataclass(frozen=True)
class Part:
    """A block below the text. What its kind does not use is empty."""

    kind: str
    text: str = ""
    file: str = ""
    sha256: str = ""
    caption: str = ""
    url: str = ""
    title: str = ""
    about: str = ""
    appid: str = ""
    page: str = ""

    def block(self) -> dict[str, Any]:
        """As a content has it."""
        media: dict[str, Any] = {"file": self.file} | ({"sha256": self.sha256} if _SHA.fullmatch(self.sha256) else {})
        match self.kind:
            case "heading" | "text":
                return {self.kind: self.text}
            case "link":
                card = {"url": self.url, "title": self.title, "picture": media}
                return {"link": card | ({"about": self.about} if self.about else {})}
            case "miniprogram":
                return {"miniprogram": {"appid": self.appid, "page": self.page, "title": self.title, "picture": media}}
        return {self.kind: media | ({"caption": self.caption} if self.caption else {})}


PART_FIELDS = tuple(each.name for each in fields(Part))


@dataclass(frozen=True)
class Form:
    """What stands in the editor. `team` is a number, or empty for the whole hospital; `mark` what the writing began from."""

    kind: str
    code: str
    mark: str = ""
    team: str = ""
    title: str = ""
    body: str = ""
    short: str = ""
    text: str = ""
    tags: str = ""
    source: str = ""
    review_by: str = ""
    expires: str = ""
    when: str = ""
    questions: str = ""
    keywords: str = ""
    parts: tuple[Part, ...] = field(default=())

    def definition(self, base: Mapping[str, Any], tag_codes: Iterable[str]) -> dict[str, Any]:
        """The content as it is kept; what the form does not show comes from `base`."""
        made = {**base, "kind": self.kind, "code": self.code, "tags": list(tag_codes)}
        single = ("title", "source", "review_by", "expires", *(("text",) if self.kind == "message" else ("body", "short")))
        made |= {name: getattr(self, name) for name in single}
        audience = {**base.get("audience", {}), "when": self.when or None}
        made["audience"] = {name: value for name, value in audience.items() if value is not None}
        if self.kind == "article":
            made |= {"questions": several(self.questions, "\n"), "keywords": several(self.keywords)}
            made["blocks"] = [part.block() for part in self.parts]
        needed = ("kind", "code", "title", "source", "review_by", "body" if self.kind == "article" else "text")
        return {name: value for name, value in made.items() if name in needed or value not in ("", [], {}, ())}


def form_of(content: ArticleContent | MessageContent, *, mark: str, team: str, tag_names: Iterable[str]) -> Form:
    """The form filled with a content."""
    form = Form(
        content.kind, content.code, mark, team, content.title, tags="、".join(tag_names), source=content.source,
        review_by=content.review_by.isoformat(), expires=content.expires.isoformat() if content.expires else "",
        when=content.audience.when or "",
    )  # fmt: skip
    if isinstance(content, MessageContent):
        return replace(form, text=content.text)
    return replace(
        form, body=content.body, short=content.short or "", questions="\n".join(content.questions),
        keywords="、".join(content.keywords), parts=tuple(map(_part, content.blocks)),
    )  # fmt: skip


def _part(block: Block) -> Part:
    it, media = getattr(block, block.kind), block.media
    if isinstance(it, str):
        return Part(block.kind, text=it)
    known = {name: str(getattr(it, name)) for name in ("caption", "url", "title", "about", "appid", "page") if hasattr(it, name)}
    return Part(block.kind, file=media.file if media else "", sha256=(media and media.sha256) or "", **known)


def form_in(post: MultiDictProxy[Any]) -> Form:
    """The form that was sent. Each block stands in it with every field once, so that they stay in order."""
    given = {each.name: words(post, each.name, MOST_CHARACTERS) for each in fields(Form) if each.name != "parts"}
    columns = [[plain(value, MOST_CHARACTERS) for value in post.getall(f"part_{name}", [])][:MOST_PARTS] for name in PART_FIELDS]
    parts = tuple(Part(*values) for values in zip(*columns, strict=True)) if len({len(column) for column in columns}) == 1 else ()
    if given["kind"] != "message":
        given["kind"] = "article"
    return Form(**given, parts=tuple(part for part in parts if part.kind in KINDS))


KINDS = ("heading", "text", *WITH_FILE)


def several(text: str, between: str | None = None) -> list[str]:
    """The words of a list that was typed in one field."""
    found = text.split(between) if between is not None else _SEVERAL.split(text)
    return list(dict.fromkeys(each.strip() for each in found if each.strip()))


def changed(parts: tuple[Part, ...], do: str) -> tuple[Part, ...]:
    """The blocks after `add:KIND`, `up:N`, `down:N` or `remove:N`; anything else changes nothing."""
    what, _, which = do.partition(":")
    if what == "add" and which in KINDS and len(parts) < MOST_PARTS:
        return (*parts, Part(which))
    at = number(which)
    if at is None or at >= len(parts):
        return parts
    rest, to = parts[:at] + parts[at + 1 :], {"up": at - 1, "down": at + 1}.get(what)
    if what == "remove":
        return rest
    return parts if to is None or not 0 <= to < len(parts) else (*rest[:to], parts[at], *rest[to:])


def read_content(definition: Mapping[str, Any]) -> ArticleContent | MessageContent:
    """The content, checked. Raises AuthoringError."""
    authored = open_authored(json.dumps(definition, ensure_ascii=False), name=label_of("title"))
    return authored.read(MessageContent) if definition["kind"] == "message" else authored.read(ArticleContent)


def shown_anyway(
    definition: Mapping[str, Any], problems: Iterable[Problem], blank: Mapping[str, str]
) -> ArticleContent | MessageContent | None:
    """What can be shown of a content that is not finished: what is wrong is left out, what must not lack is taken from `blank`."""
    bad = {problem.field for problem in problems}
    gone = {int(found[1]) - 1 for each in bad if (found := re.match(r"blocks\[第(\d+)项\]", each))}
    made = {name: value for name, value in definition.items() if name not in bad}
    if "blocks" in made:
        made["blocks"] = [block for number, block in enumerate(made["blocks"]) if number not in gone]
    for name in ("questions", "keywords", "expires"):
        made.pop(name, None)
    text = "text" if made["kind"] == "message" else "body"
    made |= {name: blank[name] for name in ("title", "source", "review_by", text) if name not in made}
    try:
        return read_content(made)
    except AuthoringError:
        return None
