"""SMART's scopes for programs: `system/<type>.<read|write|*>`, with `*` for every type."""

import re
from collections.abc import Iterable

SCOPE = re.compile(r"system/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*)")


def is_scope(scope: str) -> bool:
    """Whether it is one that we know."""
    return SCOPE.fullmatch(scope) is not None


def allows(scopes: Iterable[str], kind: str, action: str) -> bool:
    """Whether one of `scopes` lets a program `read` or `write` resources of `kind` (`*`: of every kind)."""
    found = (SCOPE.fullmatch(scope) for scope in scopes)
    return any(match is not None and match[1] in ("*", kind) and match[2] in ("*", action) for match in found)


def granted(held: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """What a program gets that holds `held` and asks for `wanted`: what both cover. Asking for nothing asks for all."""
    held, wanted = list(held), list(wanted)
    if not wanted:
        return held
    inside = [scope for scope in wanted if _covered(scope, held)]
    return list(dict.fromkeys([*inside, *(scope for scope in held if _covered(scope, wanted))]))


def _covered(scope: str, by: list[str]) -> bool:
    match = SCOPE.fullmatch(scope)
    if match is None:
        return False
    return all(allows(by, match[1], action) for action in (("read", "write") if match[2] == "*" else (match[2],)))
