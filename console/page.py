"""Routes that say what they need, and pages made from templates."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from console.desk import BASE, DESK, SEAT, Desk, Seat
from console.icons import icon
from console.moment import FILTERS
from console.static_files import STATIC

TEMPLATES = Path(__file__).parent / "templates"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
# For pages that need nobody to be signed in, and for those that need no more than that.
NOBODY, ANYBODY = "", "*"
# What waits for whoever sits there, by the path of the navigation's entry (console/waiting.py).
WAITING = web.RequestKey("waiting", dict[str, int])
# Pages that ask by themselves, because something changed or may be ready, say so by this header.
BY_ITSELF = "X-Live"


@dataclass(frozen=True)
class Route:
    """One address below /console. `needs` is a right of records.role, in any team; what a row needs is checked at its door.

    What is about the `whole` hospital needs the right everywhere. One that `streams` reads its body by itself, piece by piece.
    """

    method: str
    path: str
    handler: Handler
    needs: str
    whole: bool = False
    streams: bool = False


def get(path: str, handler: Handler, needs: str) -> Route:
    """A page."""
    return Route("GET", path, handler, needs)


def post(path: str, handler: Handler, needs: str) -> Route:
    """Something that is done."""
    return Route("POST", path, handler, needs)


def of_whole(*routes: Route) -> tuple[Route, ...]:
    """Routes that are about the whole hospital."""
    return tuple(replace(route, whole=True) for route in routes)


@dataclass(frozen=True)
class Section:
    """An entry of the console's navigation; `whole` as in Route, any of the rights in `needs` is enough. `waits` says what its number
    counts."""

    path: str
    label: str
    icon: str
    needs: str
    group: str
    whole: bool = False
    waits: str = ""

    @property
    def code(self) -> str:
        """Its name in the page."""
        return self.path.strip("/").replace("/", "-")


@cache
def sections() -> tuple[Section, ...]:
    """The navigation, in its order."""
    rows = yaml.safe_load((TEMPLATES / "console" / "navigation.yml").read_text("utf-8"))
    return tuple(Section(**row) for row in rows)


def open_sections(seat: Seat) -> list[Section]:
    """Those of it that whoever sits there may open."""
    return [each for each in sections() if any(need == ANYBODY or seat.rights.has(need, whole=each.whole) for need in each.needs.split())]


@cache
def sentences() -> dict[str, str]:
    """What the console says by code: errors, notes of what was done. An area may have its own file of them; a code has one sentence."""
    words: dict[str, str] = {}
    for path in sorted((TEMPLATES / "console").rglob("sentences.yml")):
        own: dict[str, str] = yaml.safe_load(path.read_text("utf-8"))
        if twice := words.keys() & own.keys():
            raise ValueError(f"{path}: said twice: {sorted(twice)}")
        words |= own
    return words


@cache
def environment() -> Environment:
    """Templates escape everything, and a name that is not there is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: "" if value is None else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(FILTERS)
    made.globals["icon"] = icon
    return made


def by_htmx(request: web.Request) -> bool:
    """Whether a page's script asks, which wants a part, rather than the browser."""
    return request.headers.get("HX-Request") == "true"


def render(request: web.Request, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """The page (or fragment) of `template` below templates/, for whoever sits there."""
    desk, seat = request.app[DESK], request.get(SEAT)
    text = environment().get_template(template).render(
        desk=desk,
        seat=seat,
        csrf=seat.csrf if seat is not None else "",
        now=desk.clock(),
        base=BASE,
        static=STATIC,
        path=request.path,
        sections=open_sections(seat) if seat is not None else [],
        to_decide=request.get(WAITING, {}),
        fragment=by_htmx(request),
        told=told(request),
        **context,
    )  # fmt: skip
    return web.Response(text=text, status=status, content_type="text/html")


def see_other(request: web.Request, path: str, said: str | None = None, undo: str | None = None, **query: str) -> web.Response:
    """Send the browser on to `path` below /console, where it shows the sentence `said`; htmx is told in its own way.

    `undo` is a path below /console that takes back what was done when it is posted to.
    """
    if said is not None:
        query["said"] = said
    if undo is not None:
        query |= {"undo": undo, "proof": undo_proof(request, undo)}
    address = BASE + path + (f"?{urlencode(query)}" if query else "")
    if by_htmx(request):
        return web.Response(headers={"HX-Redirect": address})
    return web.Response(status=303, headers={"Location": address})


def toast(response: web.Response, text: str, undo: str | None = None) -> web.Response:
    """Let the answer to htmx show a sentence too, with a way back as in see_other."""
    note = {"text": text} | ({"undo": BASE + undo} if undo is not None else {})
    response.headers["HX-Trigger"] = json.dumps({"toast": note})
    return response


@dataclass(frozen=True)
class Told:
    """What a page shows on arrival about what was just done."""

    text: str
    undo: str | None


def told(request: web.Request) -> Told | None:
    """By the address that see_other made. A way back counts only if we offered it to this very session."""
    text, undo, seat = sentences().get(request.query.get("said", "")), request.query.get("undo"), request.get(SEAT)
    if text is None:
        return None
    ours = (
        seat is not None
        and undo is not None
        and hmac.compare_digest(request.query.get("proof", "").encode(), undo_proof(request, undo).encode())
    )
    return Told(text, f"{BASE}{undo}" if ours else None)


def undo_proof(request: web.Request, undo: str) -> str:
    """What shows that this session was offered to take something back."""
    return hmac.new(request[SEAT].csrf.encode(), undo.encode(), hashlib.sha256).hexdigest()[:24]


def today(desk: Desk) -> date:
    """The hospital's calendar day."""
    return desk.clock().astimezone(desk.zone).date()
