"""The console's own files and those of others, under one version, for browsers to keep for good."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from aiohttp import web

_ROOT = Path(__file__).parent / "static"
# Folders that the console and the family's pages serve; the sandbox has its own.
_FOLDERS = ("console", "content", "family", "vendor")
PREFIX = "/static"


@dataclass(frozen=True)
class _File:
    """A file as it is, and as it is sent to browsers that take gzip."""

    plain: bytes
    packed: bytes


@cache
def _files() -> dict[str, _File]:
    found = [path for folder in _FOLDERS for path in sorted((_ROOT / folder).rglob("*")) if path.is_file() and path.suffix != ".md"]
    bodies = {path.relative_to(_ROOT).as_posix(): path.read_bytes() for path in found}
    return {name: _File(body, gzip.compress(body, mtime=0)) for name, body in bodies.items()}


@cache
def _version() -> str:
    digest = hashlib.sha256()
    for name, file in _files().items():
        digest.update(f"{name}\0{len(file.plain)}\0".encode())
        digest.update(file.plain)
    return digest.hexdigest()[:16]


class _Address:
    """`{{ static("console/base.css") }}` in a template."""

    def __call__(self, name: str) -> str:
        if name not in _files():
            raise KeyError(name)
        return f"{PREFIX}/{_version()}/{name}"


STATIC = _Address()


async def serve_static(request: web.Request) -> web.Response:
    """One file; its version is in its address, so it never changes."""
    name = request.match_info["name"]
    file = _files().get(name)
    if file is None:
        raise web.HTTPNotFound
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    charset = "utf-8" if kind.startswith("text/") or kind.endswith("javascript") else None
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding"}
    packed = "gzip" in request.headers.get("Accept-Encoding", "").lower() and len(file.packed) < len(file.plain)
    if packed:
        headers["Content-Encoding"] = "gzip"
    return web.Response(body=file.packed if packed else file.plain, content_type=kind, charset=charset, headers=headers)


def add_static(app: web.Application) -> None:
    """Serve them below /static. They are read and packed here, before anybody asks."""
    _version()
    app.router.add_get(f"{PREFIX}/{{version:[0-9a-f]{{16}}}}/{{name:.+}}", serve_static)
