"""A clinical table kept in one YAML file or in a folder of files, one a theme, that are read as one."""

from pathlib import Path
from typing import Any

import yaml

from tagging.errors import ContentError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a file, or of all `*.yml` of a folder joined: mappings and lists grow, nothing may be said twice.

    Raises ContentError (`bad_content`) naming the file.
    """
    if not path.is_dir():
        return _read(path)
    joined: dict[str, Any] = {}
    for file in sorted(path.glob("*.yml")):
        for key, value in _read(file).items():
            _join(joined, key, value, file)
    if not joined:
        raise ContentError("bad_content", f"{path.name}: no .yml file in this folder")
    return joined


def _join(joined: dict[str, Any], key: str, value: Any, file: Path) -> None:
    have = joined.get(key)
    if have is None:
        joined[key] = value
    elif isinstance(have, dict) and isinstance(value, dict):
        twice = have.keys() & value.keys()
        if twice:
            raise ContentError("bad_content", f"{file.name}, {key}: {', '.join(sorted(twice))} stands in another file already")
        joined[key] = {**have, **value}
    elif isinstance(have, list) and isinstance(value, list):
        joined[key] = [*have, *value]
    else:
        raise ContentError("bad_content", f"{file.name}: {key} stands in another file already")


def file_of(path: Path, section: str, entry: str) -> str:
    """The name of the file that holds `entry` of `section`, for messages about mistakes in it."""
    files = sorted(path.glob("*.yml")) if path.is_dir() else [path]
    return next((file.name for file in files if entry in (_read(file).get(section) or ())), path.name)


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 (both loaders are safe)
    except (OSError, yaml.YAMLError) as error:
        raise ContentError("bad_content", f"{path.name} cannot be read: {error}") from error
    if not isinstance(raw, dict):
        raise ContentError("bad_content", f"{path.name} is no mapping")
    return raw
