"""What may be asked for from outside. The edge asks itself, and the inner side does not take its word for it."""

from collections.abc import Sequence
from urllib.parse import unquote

METHODS = frozenset({"GET", "HEAD", "POST"})


def is_listed(address: str, paths: Sequence[str]) -> bool:
    """Whether `address`, as it stands in a request (path and query, still quoted), is one of `paths` or below one that ends in a slash.

    Only plain paths: what a server further in might read as another path, or as another server, is not let in.
    """
    raw = address.partition("?")[0]
    path = unquote(raw, errors="replace")
    if not raw.startswith("/") or not address.isascii() or not address.isprintable() or " " in address:
        return False
    if "//" in path or "\\" in path or "#" in address or "%2f" in raw.lower() or any(step in (".", "..") for step in path.split("/")):
        return False
    return any(path == each or (each.endswith("/") and path.startswith(each)) for each in paths)
