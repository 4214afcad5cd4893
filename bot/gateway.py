"""WeCom's callback: verify, decrypt, note "account X has news", answer. Nothing slow happens here."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from aiohttp import web
from sqlalchemy import ARRAY, Text, bindparam, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bot import metrics
from bot.jobs import NORMAL, URGENT, Job, defer
from bot.tracing import span
from integrations.callback_error import CallbackError
from integrations.wecom.callback import Callback, event_key
from records.database import Database, is_lost_connection
from records.trace import trace_id, trace_of
from records.wecom import CallbackEvent

log = structlog.get_logger(__name__)

# WeCom waits 5 s (wecom-api §2.2); a write that takes longer is better tried again by WeCom than half done here.
WRITE_TIMEOUT = 4.0

# When a callback came.
Came = Callable[[web.Request], datetime]


@dataclass
class Note:
    """One verified callback, waiting to be written down. `source` names the platform, where it is not WeCom."""

    fields: dict[str, Any]
    at: datetime
    written: asyncio.Future[None]
    source: str | None = None

    @property
    def key(self) -> str:
        """By which a repeat is known."""
        return event_key(self.fields) if self.source is None else f"{self.source}:{event_key(self.fields)}"


class Notebook:
    """Writes callbacks down, many in one transaction: what arrives while a commit is under way goes with the next one.

    A callback is answered only after its commit, so what was acknowledged is never lost.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[Note] = []
        self._wake = asyncio.Event()

    async def write(self, fields: dict[str, Any], at: datetime, source: str | None = None) -> None:
        """Return when `fields` are durable. `source` names the platform, where it is not WeCom. Raises what the database raised."""
        note = Note(fields, at, asyncio.get_running_loop().create_future(), source)
        self._waiting.append(note)
        self._wake.set()
        await note.written

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            notes, self._waiting = self._waiting, []
            try:
                async with self._db.transaction() as tx:
                    await _write(tx, notes)
            except Exception as err:
                for note in notes:
                    if not note.written.done():
                        note.written.set_exception(err)
                if is_lost_connection(err):
                    await self._heal()
            else:
                for note in notes:
                    if not note.written.done():
                        note.written.set_result(None)

    async def _heal(self) -> None:
        # A failure to heal must not end the writing: the next callback tries again.
        try:
            await self._db.heal()
        except Exception as err:
            log.error("database cannot be healed", error=type(err).__name__)


# All accounts in one round trip, locked in their order, so that two gateways never wait for each other in a circle.
_NEWS = text(
    """
    with news as (
        select open_kfid, token from unnest(cast(:accounts as text[]), cast(:tokens as text[])) as news(open_kfid, token)
        join kf_account using (open_kfid) order by open_kfid for update of kf_account)
    update kf_account set news_token = news.token, news_at = clock_timestamp() from news where kf_account.open_kfid = news.open_kfid
    returning kf_account.open_kfid
    """
).bindparams(bindparam("accounts", type_=ARRAY(Text)), bindparam("tokens", type_=ARRAY(Text)))


async def _write(tx: AsyncSession, notes: list[Note]) -> None:
    # Of many callbacks about one account only the newest matters: each says no more than "pull".
    news = {note.fields["OpenKfId"]: note for note in notes if _is_news(note)}
    if news:
        tokens = [note.fields.get("Token") for note in news.values()]
        known = set(await tx.scalars(_NEWS, {"accounts": list(news), "tokens": tokens}))
        for open_kfid in news.keys() - known:
            log.warning("callback for an unknown service account", open_kfid=open_kfid)
        # A pull that has yet to begin will bring this news too; one more for each callback would hold up the turns.
        await defer(tx, [Job("pull", each, lock=f"pull:{each}") for each in sorted(known)], priority=URGENT, once=True)
    rows = {note.key: note for note in notes if not _is_news(note)}
    if rows:
        fresh = await tx.scalars(
            insert(CallbackEvent)
            .values(
                [
                    {
                        "key": key,
                        "event": note.source or note.fields.get("Event") or note.fields.get("MsgType", ""),
                        "fields": note.fields,
                        "received_at": note.at,
                    }
                    for key, note in rows.items()
                ]
            )
            .on_conflict_do_nothing(index_elements=["key"])
            .returning(CallbackEvent.key)
        )
        keys = list(fresh)
        await defer(tx, [Job("callback_event", key) for key in keys if rows[key].source is None], priority=URGENT)
        await defer(tx, [Job("callback_event", key) for key in keys if rows[key].source is not None], priority=NORMAL)


def _is_news(note: Note) -> bool:
    return note.source is None and note.fields.get("Event") == "kf_msg_or_event"


def add_gateway_routes(app: web.Application, db: Database, callback: Callback, came: Came, *, max_body: int) -> Notebook:
    """Serve GET and POST /wecom/callback; what writes the callbacks down, for others who have some."""
    notebook = Notebook(db)

    async def keep_writing(app: web.Application) -> Any:
        task = asyncio.create_task(notebook.run())
        yield
        task.cancel()

    async def check(request: web.Request) -> web.Response:
        return web.Response(text=callback.verify_url(request.query))

    async def receive(request: web.Request) -> web.Response:
        if (request.content_length or 0) > max_body:
            raise CallbackError("too_large", 413)
        body = await read_body(request, max_body)
        at = came(request)
        fields = callback.open(request.query, body, at)
        trace = trace_of(str(fields.get("Token") or event_key(fields)))
        with span("callback", trace, event=str(fields.get("Event") or fields.get("MsgType", ""))):
            async with asyncio.timeout(WRITE_TIMEOUT):
                await notebook.write(fields, at)
        log.info("callback", trace=trace_id(trace), kind=fields.get("Event") or fields.get("MsgType"))
        return web.Response(text="success")

    app.cleanup_ctx.append(keep_writing)
    app.router.add_get("/wecom/callback", answered(check))
    app.router.add_post("/wecom/callback", answered(receive))
    return notebook


async def read_body(request: web.Request, max_body: int) -> bytes:
    """The body, at most one byte more than `max_body` of it. Raises CallbackError bad_body."""
    body = bytearray()
    try:
        while len(body) <= max_body and not request.content.at_eof():
            body += await request.content.read(max_body + 1 - len(body))
    except web.RequestPayloadError as err:
        raise CallbackError("bad_body", 400) from err
    return bytes(body)


def answered(handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
    """Every refusal has a status and a code; WeCom tries again on 503."""

    async def answer(request: web.Request) -> web.Response:
        with metrics.CALLBACK_SECONDS.time():
            try:
                response: web.Response = await handler(request)
                code = "ok"
            except CallbackError as err:
                log.warning("callback refused", code=err.code, remote=request.remote)
                code, response = err.code, refusal(err.code, err.status)
            except Exception as err:
                log.error("callback not written", error=type(err).__name__)
                code, response = "unavailable", refusal("unavailable", 503)
        metrics.CALLBACKS.labels(code).inc()
        return response

    return answer


def refusal(code: str, status: int) -> web.Response:
    """An answer that says by its code why a call was not taken."""
    return web.Response(status=status, text=json.dumps({"code": code}), content_type="application/json")
