"""What is new in a version: sentence by sentence, field by field. Pure."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from plans.content.model import ArticleContent, Block, Link, MessageContent, MiniProgram
from plans.content.words import table

Kind = Literal["same", "added", "removed"]
_SENTENCE = re.compile(r"[^。！？；\n]*[。！？；\n]*")


@dataclass(frozen=True)
class Changed:
    """A field that is not as it was; its `pieces`, put together without those removed (added), give what it is now (was)."""

    label: str
    pieces: tuple[tuple[Kind, str], ...]


def difference(old: ArticleContent | MessageContent, new: ArticleContent | MessageContent) -> list[Changed]:
    """The fields in which they differ, in the order in which editors see them."""
    before, after, labels = _parts(old), _parts(new), table("fields")
    return [
        Changed(labels[name], _pieces(before.get(name, ""), after.get(name, ""))) for name in labels if before.get(name) != after.get(name)
    ]


def _pieces(old: str, new: str) -> tuple[tuple[Kind, str], ...]:
    was, now = ([part for part in _SENTENCE.findall(text) if part] for text in (old, new))
    found: list[tuple[Kind, str]] = []
    for tag, i, j, k, m in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(("same", "".join(was[i:j])))
            continue
        found += [("removed", "".join(was[i:j]))] if i < j else []
        found += [("added", "".join(now[k:m]))] if k < m else []
    return tuple(found)


def _parts(content: ArticleContent | MessageContent) -> dict[str, str]:
    """Every field that has something in it, as text."""
    audience = content.audience.model_dump(mode="json", exclude_defaults=True)
    parts = {
        "title": content.title,
        "tags": "、".join(content.tags),
        "source": content.source,
        "review_by": content.review_by.isoformat(),
        "expires": content.expires.isoformat() if content.expires else "",
        "audience": "；".join(f"{name}: {value}" for name, value in audience.items()),
    }
    if isinstance(content, ArticleContent):
        parts |= {"body": content.body, "short": content.short or "", "blocks": "\n".join(map(_line, content.blocks))}
        parts |= {"questions": "\n".join(content.questions), "keywords": "、".join(content.keywords)}
    else:
        parts["text"] = content.text
    return {name: text for name, text in parts.items() if text}


def _line(block: Block) -> str:
    part, kind = getattr(block, block.kind), table("blocks")[block.kind]
    if isinstance(part, str):
        return f"【{kind}】{part}"
    said = [part.title, getattr(part, "url", ""), getattr(part, "about", "")] if isinstance(part, Link | MiniProgram) else [part.caption]
    media = block.media
    return f"【{kind}】" + " ".join(each for each in (*said, f"{media.file}（{(media.sha256 or '')[:8]}）" if media else "") if each)
