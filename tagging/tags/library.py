"""The tag library as data: entries in YAML, checked against each other before any is used."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from tagging.tags.errors import TagError

FOLDER = Path(__file__).parent / "library"
# A file of a hospital is no larger; what is larger was not written by a person.
MOST_BYTES = 1_000_000

Kind = Literal["diagnosis", "treatment", "management", "operational"]
# Every team needs to know these of its patients.
ALWAYS_SHARED = ("diagnosis", "treatment")
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)?$", max_length=60)]
# 30 characters: the most that WeCom takes for the name of a tag (add_corp_tag).
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=30)]
Meaning = Annotated[str, StringConstraints(strip_whitespace=True, min_length=4, max_length=200)]


class Entry(BaseModel):
    """What the library says about one tag.

    `group`: of the tags of one exclusive group a patient carries one. `team` None: the hospital owns it. A tag that is not `shared` is
    seen in its team alone. `triage`: its code stands in the list that triage reads; `lowers`: it can make triage milder somewhere.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    kind: Kind
    meaning: Meaning
    parent: Code | None = None
    group: Code | None = None
    expires_days: int | None = Field(default=None, ge=1, le=3660)
    team: str | None = None
    shared: bool = True
    triage: bool = False
    lowers: bool = False

    @model_validator(mode="after")
    def _hangs_together(self) -> "Entry":
        if not self.shared and self.kind in ALWAYS_SHARED:
            raise ValueError(f"a {self.kind} tag is always shared")
        if not self.shared and self.team is None:
            raise ValueError("a private tag needs the team that owns it")
        if self.triage and self.kind not in ALWAYS_SHARED:
            raise ValueError("triage reads only diagnosis and treatment tags")
        if self.lowers and not self.triage:
            raise ValueError("`lowers` is said of tags that triage reads")
        return self


@dataclass(frozen=True)
class Library:
    """Entries by code, in the order of their files."""

    entries: Mapping[str, Entry]

    @property
    def triage(self) -> frozenset[str]:
        """The codes that stand in the list that triage reads."""
        return frozenset(code for code, entry in self.entries.items() if entry.triage)

    @property
    def lowers(self) -> frozenset[str]:
        """Those of them that can make triage judge more mildly somewhere."""
        return frozenset(code for code, entry in self.entries.items() if entry.lowers)


def read_library(path: Path, *, alone: bool = True) -> Library:
    """The library in a YAML file, or in all `*.yml` of a folder. Raises TagError (`library`) with one sentence.

    Unless it stands `alone`, whether its entries agree with others is checked where these are known.
    """
    files = sorted(path.glob("*.yml")) if path.is_dir() else [path]
    entries: dict[str, Entry] = {}
    for file in files:
        for code, entry in _read(file).items():
            if code in entries:
                raise _wrong(file, code, "stands in another file already")
            entries[code] = entry
    if not entries:
        raise TagError("library", f"{path.name}: there is no tag in it.")
    if alone:
        check_library(entries, path.name)
    return Library(entries)


def check_library(entries: Mapping[str, Entry], place: str) -> None:
    """Whether the entries agree with each other. Raises TagError (`library`) naming `place` and the tag."""
    names: dict[str, str] = {}
    for code, entry in entries.items():
        if (other := names.setdefault(entry.name, code)) != code:
            raise TagError("library", f"{place}, {code}: {other} has the name {entry.name} already.")
        if entry.parent is not None:
            _check_parents(entries, code, place)
    groups = Counter(entry.group for entry in entries.values() if entry.group)
    for code, entry in entries.items():
        if entry.group is None:
            continue
        if groups[entry.group] == 1:
            raise TagError("library", f"{place}, {code}: the exclusive group {entry.group} has no other tag.")
        mixed = next((c for c, e in entries.items() if e.group == entry.group and e.kind != entry.kind), None)
        if mixed is not None:
            raise TagError("library", f"{place}, {code}: {mixed} of the same exclusive group is of another kind.")


def _check_parents(entries: Mapping[str, Entry], code: str, place: str) -> None:
    seen, above = {code}, entries[code].parent
    while above is not None:
        if above not in entries:
            raise TagError("library", f"{place}, {code}: its parent {above} is not in the library.")
        if above in seen:
            raise TagError("library", f"{place}, {code}: {above} stands above itself.")
        if entries[above].kind != entries[code].kind:
            raise TagError("library", f"{place}, {code}: its parent {above} is of another kind.")
        seen.add(above)
        above = entries[above].parent


def _read(file: Path) -> dict[str, Entry]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise TagError("library", f"{file.name} is larger than {MOST_BYTES // 1000} kB.")
        raw: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as err:
        raise TagError("library", f"{file.name} cannot be read as YAML: {str(err).splitlines()[0]}.") from err
    if not isinstance(raw, dict) or not isinstance(raw.get("tags"), dict) or set(raw) - {"kind", "tags"}:
        raise TagError("library", f"{file.name}: it needs `tags`, a mapping by code, and may have `kind` for all of them, nothing else.")
    entries = {}
    for code, said in raw["tags"].items():
        if not isinstance(said, dict):
            raise _wrong(file, str(code), "is no mapping")
        try:
            entries[_CODE.model_validate({"code": code}).code] = Entry.model_validate({"kind": raw.get("kind"), **said})
        except ValidationError as err:
            first = err.errors()[0]
            raise _wrong(file, str(code), " ".join([*map(str, first["loc"]), first["msg"].removeprefix("Value error, ")])) from err
    return entries


class _CODE(BaseModel):
    code: Code


def _wrong(file: Path, code: str, why: str) -> TagError:
    return TagError("library", f"{file.name}, {code[:60]}: {why}.")


@cache
def shipped() -> Library:
    """The library that CareLoop ships. Raises TagError."""
    return read_library(FOLDER)
