"""The console's own files and those of others, under one version, for browsers to keep for good."""

import hashlib
import mimetypes
from functools import cache
from pathlib import Path

from aiohttp import web

_ROOT = Path(__file__).parent / "static"
# Folders that the console and the family's pages serve; the sandbox has its own.
_FOLDERS = ("console", "content", "family", "vendor")
PREFIX = "/static"


@cache
def _files() -> dict[str, bytes]:
    found = [path for folder in _FOLDERS for path in sorted((_ROOT / folder).rglob("*")) if path.is_file() and path.suffix != ".md"]
    return {path.relative_to(_ROOT).as_posix(): path.read_bytes() for path in found}


@cache
def _version() -> str:
    digest = hashlib.sha256()
    for name, body in _files().items():
        digest.update(f"{name}\0{len(body)}\0".encode())
        digest.update(body)
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
    body = _files().get(name)
    if body is None:
        raise web.HTTPNotFound
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    charset = "utf-8" if kind.startswith("text/") or kind.endswith("javascript") else None
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    response = web.Response(body=body, content_type=kind, charset=charset, headers=headers)
    response.enable_compression()
    return response


def add_static(app: web.Application) -> None:
    """Serve them below /static."""
    app.router.add_get(f"{PREFIX}/{{version:[0-9a-f]{{16}}}}/{{name:.+}}", serve_static)
