"""What both simulators' login pages share: where a browser may be sent back to, how, and what it sees on the way."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader

_FOLDER = Path(__file__).parent / "pages"
_STYLE = (_FOLDER / "login.css").read_text("utf-8")
_PAGES = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, trim_blocks=True, lstrip_blocks=True)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY = ("default-src 'none'", f"style-src 'sha256-{_HASH}'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'")
_HEADERS = {
    "Content-Security-Policy": "; ".join(_POLICY),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _Target(Protocol):
    @property
    def url(self) -> str: ...


class _App(Protocol):
    @property
    def callback(self) -> _Target | None: ...
    @property
    def trusted_domains(self) -> list[str] | None: ...


def domains_of(app: _App, host: str) -> list[str]:
    """Where logins to ``app`` may come back to: as its settings say, else to the simulator's own ``host`` and the callback's."""
    if app.trusted_domains is not None:
        return app.trusted_domains
    return [host, *([urlsplit(app.callback.url).netloc] if app.callback else [])]


def is_trusted(redirect_uri: str, domains: Sequence[str]) -> bool:
    """Whether the address's host is one of ``domains``; a port other than the scheme's own belongs to it."""
    # A browser reads a backslash as a slash, and leaves out line ends: neither may hide another host from us.
    if "\\" in redirect_uri or not redirect_uri.isprintable() or " " in redirect_uri:
        return False
    try:
        parts = urlsplit(redirect_uri)
        own = {"http": 80, "https": 443}.get(parts.scheme)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if own is None or "@" in parts.netloc:
        return False
    return (host if port in (None, own) else f"{host}:{port}") in {each.lower() for each in domains}


def back(redirect_uri: str, **answer: str) -> web.Response:
    """Send the browser back with the answer behind what the address already carries, before its ``#``."""
    parts = urlsplit(redirect_uri)
    query = "&".join(part for part in (parts.query, urlencode(answer)) if part)
    return web.Response(status=302, headers={**_HEADERS, "Location": urlunsplit(parts._replace(query=query))})


def show(template: str, **words: Any) -> web.Response:
    """A page from ``pages/``: no script, and no style but its own."""
    page = _PAGES.get_template(template).render(style=_STYLE, **words)
    return web.Response(text=page, content_type="text/html", charset="utf-8", headers=_HEADERS)


def refuse(code: int, detail: str) -> web.Response:
    """The page that stands in place of a login, with the platform's number (HTTP status 200, as on the platform)."""
    return show("refused.html", code=code, detail=detail)
