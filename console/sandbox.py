"""The sandbox page: a parent's WeChat and a clinician's WeCom side by side, on the simulator, for trying the whole loop."""

import hashlib
import json
import logging
import math
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import yaml
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape

from console.fence import policy_without_forms

SIMULATOR = "/sandbox/wecom"
LONGEST_ADVANCE_S = 31 * 86400.0

_HERE = Path(__file__).parent
_STATIC = _HERE / "static" / "sandbox"
_TEMPLATES = _HERE / "templates"
_log = logging.getLogger(__name__)
_dumps = partial(json.dumps, ensure_ascii=False)

# Chat text is written by strangers: even if some of it became markup, it could run nothing and load nothing from elsewhere.
_CSP = policy_without_forms(images="'self' data: blob:", media="'self' blob:")


class SandboxBackend(Protocol):
    """What the running product tells the page; the simulator tells the rest."""

    async def people(self) -> list[dict[str, Any]]:
        """Demo parents: [{external_userid, nickname, role, open_kfid, patients: [{name, sex, age_text, note}]}]."""
        ...

    async def sheets(self) -> list[dict[str, Any]]:
        """Discharge sheets for newcomers: [{name, record_number, birth_date (ISO 8601), phone, scene, scene_param}]."""
        ...

    async def desk(self) -> list[dict[str, Any]]:
        """Clinicians who can be played: [{userid, name, title, team}]."""
        ...

    async def work_list(self, userid: str) -> list[dict[str, Any]]:
        """Open work of one clinician, most pressing first.

        [{kind: alert | missed_task | route_failed | question, level, patient, text, at (ISO 8601), state}].
        """
        ...

    async def now(self) -> datetime:
        """The sandbox's time (aware)."""
        ...

    async def advance(self, seconds: float) -> datetime:
        """Move the sandbox's time forward and return the new time (aware)."""
        ...


class SandboxError(Exception):
    """A request of the page that cannot be served; `code` names a sentence of templates/sandbox_errors.yml."""

    permanent = True

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code, self.status = code, status


@dataclass(frozen=True)
class StaticFiles:
    """The page's files, and one version for all of them: modules import each other by relative address, so they change together."""

    version: str
    files: dict[str, bytes]


def read_static(folder: Path) -> StaticFiles:
    """Read every file of a flat folder; the version is a hash over names and contents. Raises OSError."""
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
    digest = hashlib.sha256()
    for name, body in files.items():
        digest.update(f"{name}\0{len(body)}\0".encode())
        digest.update(body)
    return StaticFiles(version=digest.hexdigest()[:16], files=files)


def read_advance(body: Any) -> float:
    """Seconds to move the clock, from {"advance": seconds}; raises SandboxError unless 0 < seconds <= 31 days."""
    seconds = body.get("advance") if isinstance(body, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise SandboxError("bad_advance", 400)
    if not math.isfinite(seconds) or not 0 < seconds <= LONGEST_ADVANCE_S:
        raise SandboxError("bad_advance", 400)
    return float(seconds)


class _Pages:
    def __init__(self, backend: SandboxBackend) -> None:
        self._backend = backend
        self._static = read_static(_STATIC)
        environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape())
        base = f"/sandbox/static/{self._static.version}"
        self._page = environment.get_template("sandbox.html").render(static=base, simulator=SIMULATOR)
        self._sentences: dict[str, str] = yaml.safe_load((_TEMPLATES / "sandbox_errors.yml").read_text("utf-8"))

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sandbox", self._answer(self.page)),
            web.get("/sandbox/static/{version}/{name}", self._answer(self.static)),
            web.get("/sandbox/api/people", self._answer(self.people)),
            web.get("/sandbox/api/sheets", self._answer(self.sheets)),
            web.get("/sandbox/api/desk", self._answer(self.desk)),
            web.get("/sandbox/api/work-list", self._answer(self.work_list)),
            web.get("/sandbox/api/clock", self._answer(self.clock)),
            web.post("/sandbox/api/clock", self._answer(self.advance)),
        ]

    def _answer(self, handler: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def answer(request: web.Request) -> web.Response:
            try:
                response = await handler(request)
            except SandboxError as error:
                response = self._failure(error.code, error.status)
            except web.HTTPException:
                raise
            except Exception:
                _log.exception("sandbox request failed: %s", request.path)
                response = self._failure("internal", 500)
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Referrer-Policy"] = "no-referrer"
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return answer

    def _failure(self, code: str, status: int) -> web.Response:
        return web.json_response({"code": code, "message": self._sentences[code]}, status=status, dumps=_dumps)

    async def page(self, request: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": _CSP, "Cache-Control": "no-cache"}
        return web.Response(text=self._page, content_type="text/html", charset="utf-8", headers=headers)

    async def static(self, request: web.Request) -> web.Response:
        body = self._static.files.get(request.match_info["name"])
        if body is None or request.match_info["version"] != self._static.version:
            raise SandboxError("not_found", 404)
        kind = mimetypes.guess_type(request.match_info["name"])[0] or "application/octet-stream"
        charset = "utf-8" if kind.startswith("text/") or kind.endswith("javascript") else None
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(body=body, content_type=kind, charset=charset, headers=headers)

    async def people(self, request: web.Request) -> web.Response:
        return web.json_response(await self._backend.people(), dumps=_dumps)

    async def sheets(self, request: web.Request) -> web.Response:
        return web.json_response(await self._backend.sheets(), dumps=_dumps)

    async def desk(self, request: web.Request) -> web.Response:
        return web.json_response(await self._backend.desk(), dumps=_dumps)

    async def work_list(self, request: web.Request) -> web.Response:
        userid = request.query.get("userid", "")
        if not userid:
            raise SandboxError("no_member", 400)
        return web.json_response(await self._backend.work_list(userid), dumps=_dumps)

    async def clock(self, request: web.Request) -> web.Response:
        return _time(await self._backend.now())

    async def advance(self, request: web.Request) -> web.Response:
        # Only a page of this origin can send this content type without asking first, so no other site can move the clock.
        if request.content_type != "application/json":
            raise SandboxError("bad_json", 415)
        try:
            body = await request.json()
        except ValueError as error:
            raise SandboxError("bad_json", 400) from error
        return _time(await self._backend.advance(read_advance(body)))


def _time(now: datetime) -> web.Response:
    if now.tzinfo is None:
        raise ValueError("the sandbox clock must be aware")
    return web.json_response({"now": now.astimezone(UTC).isoformat()})


def add_sandbox_routes(app: web.Application, backend: SandboxBackend) -> None:
    """Register the page, its files and its JSON calls below /sandbox; the simulator is mounted at /sandbox/wecom by the caller.

    Raises OSError or a Jinja error when the page's own files are missing or broken.
    """
    app.add_routes(_Pages(backend).routes())
