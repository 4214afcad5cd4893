"""The one reader of what people write: templates, rules, questionnaires, contents. A mistake is named with file, line, column, field,
what is wrong and what to do, in Chinese (authored.yml); all mistakes of a file at once.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from plans.authored_yaml import Mark, Node, YamlMistake, compose

WORDS = Path(__file__).parent / "authored.yml"
# A long plan template is some 60 KB.
MAX_BYTES = 1 << 20
# More than these say nothing that the first ones do not.
MOST = 20

Model = TypeVar("Model")
Loc = Sequence[int | str]


@dataclass(frozen=True)
class Problem:
    """One mistake. `field` is empty and `mark` None where it is one of the whole file."""

    file: str
    mark: Mark | None
    field: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        words, mark = _words(), self.mark
        place = words["whole_file"].format(file=self.file) if mark is None else _at(self.file, mark)
        return f"{place}{words['field'].format(field=self.field) if self.field else ''}：{self.what}。{self.fix}"


class AuthoringError(ValueError):
    """What somebody wrote cannot be used; the message has a line for each mistake, and `problems` are those mistakes."""

    code, permanent = "authoring_invalid", True

    def __init__(self, *problems: Problem) -> None:
        shown = [str(problem) for problem in problems[:MOST]]
        if len(problems) > MOST:
            shown.append(_words()["more"].format(count=len(problems) - MOST))
        super().__init__("\n".join(shown))
        self.problems = problems


@dataclass(frozen=True)
class Authored:
    """A text that could be read, not yet checked: its `value` as plain Python, and the place of each part of it."""

    file: str
    root: Node

    @property
    def value(self) -> Any:
        """Mappings, lists and scalars. Dates and clock times are still text."""
        return self.root.value

    def read(self, model: type[Model], at: Loc = ()) -> Model:
        """The part `at` (the whole) as a `model`: a pydantic model, or a type such as `list[Article]`. Raises AuthoringError."""
        try:
            return TypeAdapter(model).validate_python(_descend(self.root, at)[0].value)
        except ValidationError as err:
            raise AuthoringError(*self._problems(err, model, tuple(at))) from err

    def problem(self, at: Loc, what: str, fix: str = "") -> Problem:
        """A mistake in the part `at` that only the caller can know, to be raised in an AuthoringError."""
        node, mark, path = _descend(self.root, at)
        return Problem(self.file, mark or node.mark, path, what.rstrip("。"), fix)

    def _problems(self, err: ValidationError, model: Any, at: tuple[int | str, ...]) -> list[Problem]:
        places: dict[tuple[Mark, str], list[tuple[str, str]]] = {}
        errors = err.errors(include_url=False)
        for error in errors:
            if error["type"] == "too_short" and any(each["loc"][: len(error["loc"])] == error["loc"] for each in errors if each != error):
                # An item that is refused is not counted: that it is refused is said already.
                continue
            loc = (*at, *error["loc"], *error.get("ctx", {}).get("at", ()))
            node, mark, path = _descend(self.root, loc)
            if error["type"] in {"missing", "union_tag_not_found"} and error["loc"]:
                # It has no place of its own: what lacks it has.
                mark, path = None, _joined(path, str(loc[-1])) if error["type"] == "missing" else path
            fix = _nearest(error, model)
            what, how = _sentence(error)
            places.setdefault((mark or node.mark, path), []).append((what, fix or how))
        # Where several kinds of value would do, each has refused.
        found = [
            Problem(self.file, mark, path, "；或者".join(dict.fromkeys(what for what, _ in each)), each[0][1])
            for (mark, path), each in places.items()
        ]
        return sorted(found, key=lambda problem: (problem.mark.line, problem.mark.column) if problem.mark else (0, 0))


def open_authored(source: Path | str, *, name: str | None = None) -> Authored:
    """Read a file, or a text that came some other way (`name` is what to call it). Raises AuthoringError."""
    file = name or (source.name if isinstance(source, Path) else "text")
    raw = _bytes(source, file) if isinstance(source, Path) else source.encode("utf-8", "replace")
    if len(raw) > MAX_BYTES:
        raise AuthoringError(_of_file(file, "large", size=len(raw) // 1024, most=MAX_BYTES // 1024))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise AuthoringError(_of_file(file, "encoding")) from err
    try:
        root, doubles = compose(text)
    except YamlMistake as err:
        raise AuthoringError(_of_syntax(file, text, err)) from err
    if root is None or root.value is None:
        raise AuthoringError(_of_file(file, "empty"))
    if doubles:
        words = _words()["syntax"]["double"]
        raise AuthoringError(
            *(
                Problem(file, each.mark, each.key, words["what"].format(key=each.key, line=each.first.line), words["fix"])
                for each in doubles
            )
        )
    return Authored(file, root)


def read_authored(source: Path | str, model: type[Model], *, name: str | None = None) -> Model:
    """What a file or a text holds, as a `model`: a pydantic model, or a type such as `list[Article]`.

    Raises AuthoringError: file missing, larger than 1 MB, not UTF-8, not YAML; aliases, anchors, tags, double keys; unknown fields,
    wrong types and everything that the model itself refuses.
    """
    return open_authored(source, name=name).read(model)


@cache
def _words() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return loaded


def _at(file: str, mark: Mark) -> str:
    return str(_words()["place"].format(file=file, line=mark.line, column=mark.column))


def _bytes(path: Path, file: str) -> bytes:
    try:
        if path.is_dir():
            raise AuthoringError(_of_file(file, "folder"))
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise AuthoringError(_of_file(file, "large", size=size // 1024, most=MAX_BYTES // 1024))
        return path.read_bytes()
    except FileNotFoundError as err:
        raise AuthoringError(_of_file(file, "missing")) from err
    except OSError as err:
        raise AuthoringError(_of_file(file, "unreadable")) from err


def _of_file(file: str, code: str, **values: object) -> Problem:
    words = _words()["file"][code]
    return Problem(file, None, "", words["what"].format(**values), words["fix"])


# The library's own words for what an author did, and ours.
_COLON = re.compile(r"^\s*(?:- )?[\w-]+：")
_OPENS = re.compile(r"(?:: |- |[\[{,] ?)(?P<quote>[\"'])")
_QUOTE = re.compile(r"(?:: |- )[“”‘’]")


def _of_syntax(file: str, text: str, err: YamlMistake) -> Problem:
    """The mistake in words: the line is looked at for what people who write Chinese get wrong."""
    code, mark, values = err.code, err.mark, dict(err.values)
    if code == "syntax" and mark is not None:
        lines = text.splitlines()
        line = lines[mark.line - 1] if mark.line <= len(lines) else ""
        rest = line[mark.column - 1 :]
        problem = str(values["problem"])
        wide = next(
            (number for number in (mark.line, mark.line - 1) if number and number <= len(lines) and _COLON.match(lines[number - 1])), 0
        )
        if opened := _never_closed(lines[: mark.line]):
            code, mark = "unclosed", opened
        elif wide:
            code, mark = "fullwidth_colon", Mark(wide, lines[wide - 1].index("：") + 1)
        elif "\t" in line[: len(line) - len(line.lstrip())]:
            code = "tab"
        elif "cannot start any token" in problem:
            code, values = "special", {"character": rest[:1]}
        elif "mapping values are not allowed" in problem:
            code = "colon_inside" if re.search(r":\s.*:(\s|$)", line) else "indent"
        elif "end of stream" in problem or "',' or" in problem:
            code = "fullwidth_quote" if _QUOTE.search(line) else "unclosed"
        elif "expected '-' indicator" in problem or "expected key" in problem or "expected <document start>" in problem:
            code = "indent"
    words = _words()["syntax"][code]
    return Problem(file, mark, "", words["what"].format(**values), words["fix"].format(**values))


def _never_closed(lines: Sequence[str]) -> Mark | None:
    """Where a quotation begins that swallows the lines after it, until the next quotation mark stands where none can end."""
    opened: tuple[str, Mark] | None = None
    for number, line in enumerate(lines, 1):
        if opened is None:
            begins = _OPENS.search(line)
            if begins and line.count(begins["quote"], begins.start("quote")) % 2:
                opened = begins["quote"], Mark(number, begins.start("quote") + 1)
        elif line.count(opened[0]) % 2:
            if not re.fullmatch(r"\s*[,}\]]*\s*(?:#.*)?", line[line.rindex(opened[0]) + 1 :]):
                return opened[1]
            opened = None
    return opened[1] if opened else None


def _descend(root: Node, loc: Loc) -> tuple[Node, Mark | None, str]:
    """The innermost part that `loc` leads to, where its key stands, and its path in words.

    What is no part of the text (the library names the kinds of a union and its own checks too) is passed over.
    """
    node, mark, path = root, None, ""
    for part in loc:
        if part not in node.inner:
            continue
        mark = node.keys.get(part)
        path = _joined(path, str(part)) if mark is not None else f"{path}[{_called(node.inner[part], part)}]"
        node = node.inner[part]
    return node, mark, path


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _called(item: Node, number: int | str) -> str:
    """An item of a list by its own name, or counted from 1."""
    if isinstance(item.value, dict):
        for name in ("id", "code", "name"):
            if isinstance(own := item.value.get(name), str | int) and len(str(own)) <= 40:
                return str(own)
    return str(_words()["item"].format(number=int(number) + 1))


def _sentence(error: Any) -> tuple[str, str]:
    known = _words()["errors"]
    words = known.get(error["type"], known["other"])
    values = {"input": str(error["input"])[:40], "message": error["msg"], "error": error["msg"].removeprefix("Value error, ")}
    values |= {name: str(value) for name, value in error.get("ctx", {}).items()}
    for name in ("expected", "expected_tags"):
        if name in values:
            values[name] = values[name].replace("'", "").replace(" or ", "、").replace(", ", "、")
    if error["type"] not in known and error["type"] != "other":
        # A check of our own says in its own words what is wrong.
        return error["msg"].rstrip("。"), ""
    return words["what"].format(**values).rstrip("。"), words["fix"].format(**values)


def _nearest(error: Any, model: Any) -> str:
    """The name that was probably meant, as a question; empty when none is near."""
    if error["type"] == "extra_forbidden":
        written, known = str(error["loc"][-1]), sorted({name for kind in _at_loc([model], error["loc"][:-1]) for name in _fields(kind)})
    elif error["type"] in {"literal_error", "enum", "union_tag_invalid"}:
        ctx = error.get("ctx", {})
        written = str(ctx.get("tag", error["input"]))
        known = re.findall(r"'([^']*)'", str(ctx.get("expected") or ctx.get("expected_tags")))
    else:
        return ""
    close = difflib.get_close_matches(written.lower(), known, n=1, cutoff=0.6)
    return str(_words()["suggest"].format(name=close[0])) if close else ""


def _at_loc(kinds: list[Any], loc: Loc) -> list[Any]:
    """The models that may stand at `loc`."""
    found = [model for kind in kinds for model in _models(kind)]
    for part in loc:
        inner = [model.model_fields[name].annotation for model in found for name in _fields(model) if name == part]
        # A number, a key of a mapping or the name of a union's kind leads to no other model.
        found = [model for kind in inner for model in _models(kind)] if inner else found
    return found


def _fields(model: Any) -> Iterator[str]:
    yield from model.model_fields


def _models(kind: Any) -> Iterator[Any]:
    """The models in an annotation, within lists, mappings and unions too."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif get_origin(kind) in (Union, UnionType, Annotated, list, tuple, dict, set, frozenset) or get_origin(kind) is not Literal:
        for inner in get_args(kind):
            yield from _models(inner)
