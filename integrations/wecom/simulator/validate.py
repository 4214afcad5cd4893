"""Field rules of request bodies: type, presence, size in bytes, and which errcode a breach gives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from integrations.wecom.simulator.errors import ApiError

BAD_PARAMETER = 40058
WITH_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://.+", re.DOTALL)


@dataclass(frozen=True)
class Text:
    """A string. Sizes are UTF-8 bytes (`max_bytes`) or characters (`max_chars`), as the platform states each."""

    required: bool = False
    max_bytes: int | None = None
    max_chars: int | None = None
    pattern: re.Pattern[str] | None = None
    one_of: tuple[str, ...] = ()
    missing: int = BAD_PARAMETER
    too_long: int = BAD_PARAMETER
    invalid: int = BAD_PARAMETER


@dataclass(frozen=True)
class Int:
    """An integer in lo..hi; booleans and digit strings are refused."""

    required: bool = False
    lo: int = 0
    hi: int = 2**53
    missing: int = BAD_PARAMETER
    invalid: int = BAD_PARAMETER


@dataclass(frozen=True)
class Number:
    """An integer or a float."""

    required: bool = False
    missing: int = BAD_PARAMETER
    invalid: int = BAD_PARAMETER


@dataclass(frozen=True)
class Flag:
    """JSON true or false."""

    required: bool = False
    missing: int = BAD_PARAMETER
    invalid: int = BAD_PARAMETER


@dataclass(frozen=True)
class Items:
    """A list of lo..hi values."""

    of: "Spec"
    required: bool = False
    lo: int = 0
    hi: int | None = None
    missing: int = BAD_PARAMETER
    size: int = BAD_PARAMETER


@dataclass(frozen=True)
class Obj:
    """An object with known fields; unknown ones are refused in strict mode."""

    fields: Mapping[str, "Spec"] = field(default_factory=dict)
    required: bool = False
    missing: int = BAD_PARAMETER


Spec = Text | Int | Number | Flag | Items | Obj


def check(spec: Spec, value: object, at: str = "", *, strict: bool = True) -> None:
    """Raise ApiError with the rule's code if `value` breaks `spec`; `at` names the place in the body.

    A missing value and an empty string are the same thing, as they are to the platform.
    """
    if value is None or value == "":
        if spec.required:
            raise ApiError(spec.missing, f"missing {at}")
        return
    match spec:
        case Text():
            _check_text(spec, value, at)
        case Int():
            if not isinstance(value, int) or isinstance(value, bool) or not spec.lo <= value <= spec.hi:
                raise ApiError(spec.invalid, f"invalid {at}, an integer {spec.lo}..{spec.hi} is expected")
        case Number():
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ApiError(spec.invalid, f"invalid {at}, a number is expected")
        case Flag():
            if not isinstance(value, bool):
                raise ApiError(spec.invalid, f"invalid {at}, true or false is expected")
        case Items():
            _check_items(spec, value, at, strict)
        case Obj():
            _check_object(spec, value, at, strict)


def _check_text(spec: Text, value: object, at: str) -> None:
    if not isinstance(value, str):
        raise ApiError(spec.invalid, f"invalid {at}, a string is expected")
    if spec.max_bytes is not None and len(value.encode("utf-8", "surrogatepass")) > spec.max_bytes:
        raise ApiError(spec.too_long, f"{at} exceeds {spec.max_bytes} bytes")
    if spec.max_chars is not None and len(value) > spec.max_chars:
        raise ApiError(spec.too_long, f"{at} exceeds {spec.max_chars} characters")
    if spec.pattern is not None and not spec.pattern.fullmatch(value):
        raise ApiError(spec.invalid, f"invalid {at}")
    if spec.one_of and value not in spec.one_of:
        raise ApiError(spec.invalid, f"invalid {at}, one of {'/'.join(spec.one_of)} is expected")


def _check_items(spec: Items, value: object, at: str, strict: bool) -> None:
    if not isinstance(value, list):
        raise ApiError(spec.missing, f"invalid {at}, an array is expected")
    if len(value) < spec.lo or (spec.hi is not None and len(value) > spec.hi):
        raise ApiError(spec.size, f"{at} takes {spec.lo}..{spec.hi} items")
    for index, item in enumerate(value):
        if item is None:
            raise ApiError(BAD_PARAMETER, f"invalid {at}[{index}]")
        check(spec.of, item, f"{at}[{index}]", strict=strict)


def _check_object(spec: Obj, value: object, at: str, strict: bool) -> None:
    if not isinstance(value, dict):
        raise ApiError(BAD_PARAMETER, f"invalid {at or 'body'}, an object is expected")
    if strict and (unknown := value.keys() - spec.fields.keys()):
        raise ApiError(BAD_PARAMETER, f"unknown field {at and at + '.'}{sorted(unknown)[0]}")
    for name, rule in spec.fields.items():
        check(rule, value.get(name), f"{at}.{name}" if at else name, strict=strict)


def cut(text: str, max_bytes: int) -> str:
    """The longest head of `text` that fits in `max_bytes` of UTF-8, as the platform shortens titles by itself."""
    return text.encode()[:max_bytes].decode("utf-8", "ignore")
