"""YAML as people write it, read with the place of everything: the safe part of the language, and nothing that surprises an author.

Words are only what they look like: `no`, `12:30`, `010` and `2026-01-01` stay text (the model that reads them knows what it wants),
where YAML 1.1 makes False, 750, 8 and a date of them. JSON is read too, being YAML.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

# No file that a person writes nests deeper or holds more; a file that does is broken or hostile.
MAX_DEPTH, MAX_NODES = 24, 60_000
# A number with more digits is a code or a mistake, and stays text.
MAX_DIGITS = 30

# How JSON writes one character beyond the first 65,536, which YAML does not know.
_PAIR = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Mark:
    """A place in the text, line and column counted from 1."""

    line: int
    column: int


@dataclass
class Node:
    """A value with its place. A mapping's `keys` say where each of its keys stands; `inner` are its values or a list's items."""

    mark: Mark
    value: Any
    keys: dict[Any, Mark] = field(default_factory=dict)
    inner: dict[Any, "Node"] = field(default_factory=dict)


class YamlMistake(Exception):
    """The text cannot be read at all. `code` is a key of authored.yml `syntax`, `values` fill its sentence."""

    permanent = True

    def __init__(self, code: str, mark: Mark | None, **values: object) -> None:
        super().__init__(code)
        self.code, self.mark, self.values = code, mark, values


@dataclass(frozen=True)
class Double:
    """A key that its mapping holds twice; the first one counts no less than the second, so neither does."""

    key: str
    mark: Mark
    first: Mark


def compose(text: str) -> tuple[Node | None, list[Double]]:
    """The tree of `text` (None: there is nothing in it) and its double keys. Raises YamlMistake, for aliases, anchors and tags too."""
    if text.lstrip().startswith(("{", "[")):
        text = _PAIR.sub(lambda pair: json.loads(f'"{pair.group()}"'), text)
    composer = _Composer(_events(text))
    return composer.document(), composer.doubles


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=yaml.CSafeLoader)
    except yaml.reader.ReaderError as err:
        # The C library counts bytes.
        before = text.encode()[: err.position].decode(errors="ignore")
        line = before.count("\n") + 1
        raise YamlMistake("character", Mark(line, len(before) - before.rfind("\n"))) from err
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        raise YamlMistake("syntax", Mark(mark.line + 1, mark.column + 1) if mark else None, problem=err.problem or "") from err
    except yaml.YAMLError as err:
        raise YamlMistake("syntax", None, problem=str(err)) from err


class _Composer:
    """Makes the tree of the events; deeper than MAX_DEPTH or with more than MAX_NODES it stops reading."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events, self._count = events, 0
        self.doubles: list[Double] = []

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise YamlMistake("documents", _mark(event))
            elif not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
                root = self._node(event, 1)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        mark = _mark(event)
        self._count += 1
        if isinstance(event, yaml.AliasEvent):
            raise YamlMistake("alias", mark, name=event.anchor)
        if event.anchor is not None:
            raise YamlMistake("anchor", mark, name=event.anchor)
        if event.tag not in (None, "!"):
            raise YamlMistake("tag", mark, name=event.tag)
        if depth > MAX_DEPTH:
            raise YamlMistake("deep", mark, most=MAX_DEPTH)
        if self._count > MAX_NODES:
            raise YamlMistake("many", mark, most=MAX_NODES)
        if isinstance(event, yaml.ScalarEvent):
            return Node(mark, _scalar(event))
        return self._list(mark, depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(mark, depth)

    def _list(self, mark: Mark, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Node(mark, [item.value for item in items], inner=dict(enumerate(items)))

    def _mapping(self, mark: Mark, depth: int) -> Node:
        node = Node(mark, {})
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if isinstance(key.value, list | dict):
                raise YamlMistake("key", key.mark)
            value = self._node(next(self._events), depth + 1)
            if key.value in node.keys:
                self.doubles.append(Double(str(key.value), key.mark, node.keys[key.value]))
                continue
            node.keys[key.value], node.inner[key.value], node.value[key.value] = key.mark, value, value.value
        return node


def _scalar(event: Any) -> Any:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if len(text) <= MAX_DIGITS and _INT.fullmatch(text):
        return int(text)
    if len(text) <= MAX_DIGITS and _FLOAT.fullmatch(text) and abs(number := float(text)) != float("inf"):
        return number
    return text


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
