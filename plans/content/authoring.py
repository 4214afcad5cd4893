"""Contents as files: one content, or several as `contents` beside what they have in `common`; media lie in the same folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from plans.authored import Authored, AuthoringError, Problem, open_authored
from plans.authored_yaml import Node
from plans.content.media import CheckedMedia, MediaRefused, check_media, misplaced
from plans.content.model import ArticleContent, Media, MessageContent
from plans.content.words import say
from tagging.cohort.scope import Scope
from tagging.cohort.words import CohortError


@dataclass(frozen=True)
class Imported:
    """What a file holds; `media` are the files that lie beside it, by their digest."""

    contents: tuple[ArticleContent | MessageContent, ...]
    media: Mapping[str, CheckedMedia]


def read_contents(path: Path, scope: Scope | None = None, kept: Mapping[str, str] | None = None) -> Imported:
    """The contents of a file, all of them or none. `scope` knows the tags and the cohort language (None: they are not looked at), `kept`
    are the digests of media that are kept already, with their kind.

    Raises AuthoringError, with all mistakes that were found.
    """
    authored = _spread(open_authored(path))
    contents, media, problems = list[ArticleContent | MessageContent](), dict[str, CheckedMedia](), list[Problem]()
    for number, entry in enumerate(authored.value):
        is_message = isinstance(entry, dict) and entry.get("kind") == "message"
        content: ArticleContent | MessageContent
        try:
            content = authored.read(MessageContent, at=(number,)) if is_message else authored.read(ArticleContent, at=(number,))
        except AuthoringError as err:
            problems += err.problems
            continue
        if any(content.code == other.code for other in contents):
            problems.append(authored.problem((number, "code"), say("wrong.two", code=content.code)))
        if scope is not None:
            problems += _about_patients(authored, number, content, scope)
        if isinstance(content, ArticleContent):
            content, found, wrong = _with_media(authored, number, content, path.parent, kept or {})
            media |= found
            problems += wrong
        contents.append(content)
    if problems:
        raise AuthoringError(*problems)
    return Imported(tuple(contents), media)


def write_contents(path: Path, contents: list[dict[str, Any]]) -> None:
    """Write definitions (of versions) as a file that can be imported. Raises FileExistsError rather than write over one."""
    with path.open("x", encoding="utf-8") as file:
        yaml.dump({"contents": contents}, file, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=140)


class _Dumper(yaml.SafeDumper):
    """Longer texts as blocks, as an editor would write them."""


def _as_block(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _as_block)


def _spread(authored: Authored) -> Authored:
    """The file as a list of contents, each with what is common to all."""
    root = authored.root
    if not isinstance(root.value, dict) or "contents" not in root.value:
        return authored if isinstance(root.value, list) else Authored(authored.file, Node(root.mark, [root.value], inner={0: root}))
    if strange := [key for key in root.value if key not in ("contents", "common")]:
        known = Authored(authored.file, root).problem((strange[0],), say("wrong.beside"))
        raise AuthoringError(known)
    items, common = root.inner["contents"], root.inner.get("common")
    if not isinstance(items.value, list) or (common is not None and not isinstance(common.value, dict)):
        raise AuthoringError(authored.problem(("contents",), say("wrong.beside")))
    merged = Node(items.mark, [], keys={}, inner={})
    for number, item in items.inner.items():
        if isinstance(item.value, dict) and common is not None:
            item = Node(item.mark, {**common.value, **item.value}, common.keys | item.keys, common.inner | item.inner)
        merged.value.append(item.value)
        merged.inner[number] = item
    return Authored(authored.file, merged)


def _about_patients(authored: Authored, number: int, content: ArticleContent | MessageContent, scope: Scope) -> list[Problem]:
    codes = {entry.code for entry in scope.tags.values()}
    problems = [
        authored.problem((number, "tags", place), say("wrong.tag", tag=tag)) for place, tag in enumerate(content.tags) if tag not in codes
    ]
    if content.audience.when is not None:
        try:
            scope.read(content.audience.when)
        except CohortError as err:
            problems.append(authored.problem((number, "audience", "when"), say("wrong.when", error=err)))
    return problems


def _with_media(
    authored: Authored, number: int, content: ArticleContent, folder: Path, kept: Mapping[str, str]
) -> tuple[ArticleContent, dict[str, CheckedMedia], list[Problem]]:
    """The content with the digests of its media set."""
    found, problems = dict[str, CheckedMedia](), list[Problem]()
    blocks = []
    for place, block in enumerate(content.blocks):
        media = block.media
        if media is not None:
            at = (number, "blocks", place, block.kind)
            try:
                checked, digest, kind = _look(media, folder, kept)
            except (MediaRefused, FileNotFoundError) as err:
                told = str(err) if isinstance(err, MediaRefused) else say("wrong.media_missing", file=media.file)
                problems.append(authored.problem(at, told))
                continue
            if wrong := misplaced(block.kind, media.file, kind):
                problems.append(authored.problem(at, wrong))
                continue
            if checked is not None:
                found[digest] = checked
            known = media.model_copy(update={"sha256": digest})
            part = (
                known if isinstance(getattr(block, block.kind), Media) else getattr(block, block.kind).model_copy(update={"picture": known})
            )
            block = block.model_copy(update={block.kind: part})
        blocks.append(block)
    return content.model_copy(update={"blocks": tuple(blocks)}) if blocks else content, found, problems


def _look(media: Media, folder: Path, kept: Mapping[str, str]) -> tuple[CheckedMedia | None, str, str]:
    """The file beside the text; or, where it is not there, the one that is kept under the digest that an export wrote."""
    path = folder / media.file
    # The name is the editor's own, but a file that he was sent may name something else on his machine.
    if path.name == media.file and path.is_file() and not path.is_symlink():
        checked = check_media(media.file, path.read_bytes())
        return checked, checked.sha256, checked.kind
    if media.sha256 is not None and media.sha256 in kept:
        return None, media.sha256, kept[media.sha256]
    raise FileNotFoundError(media.file)
