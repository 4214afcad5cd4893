"""An SMS provider for tests and demonstrations: signed texts in, signed receipts and answers out (docs/push.md)."""

import asyncio
import json
import logging
import random
import re
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from integrations.sms.signature import NONCE, SIGNATURE, TIME, matches, sign
from integrations.wecom.simulator.clock import SimClock, iso
from integrations.wecom.simulator.control_http import answer_errors, read_object, text_field
from integrations.wecom.simulator.errors import ControlError
from integrations.wecom.simulator.faults import Fault, Faults

logger = logging.getLogger(__name__)
TRIES = 3
WINDOW = timedelta(minutes=10)
# A request id is remembered for a day.
REMEMBERED = 86400.0


@dataclass
class SmsConfig:
    """One customer of the provider: application, signature (短信签名), templates with their variables, where reports go."""

    app_id: str = "simulated-app"
    secret: str = "simulator-sms-secret"  # noqa: S105 - nothing real is protected by it
    sign_name: str = "示范儿童医院"
    templates: dict[str, list[str]] = field(default_factory=lambda: {"SMS_1001": ["title", "time", "link"]})
    longest_variable: int = 200
    day_quota: int = 100_000
    callback_url: str | None = None


@dataclass
class SentText:
    """A text that the provider took."""

    message_id: str
    request_id: str
    phone: str
    template_id: str
    variables: dict[str, str]
    at: float
    status: str


class SmsSimulator:
    """State, clock, faults, and the reports under way."""

    def __init__(self, config: SmsConfig, *, clock: SimClock, rng: random.Random) -> None:
        self.config, self.clock, self.rng = config, clock, rng
        self.faults = Faults()
        self.sent: list[SentText] = []
        self.by_request: dict[str, SentText] = {}
        self.opted_out: set[str] = set()
        self.dead: set[str] = set()
        self.rejected: dict[str, int] = {}
        self.http: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, body: dict[str, Any]) -> dict[str, Any]:
        """Check and keep a text; the answer's fields. Raises _Refused."""
        config, now = self.config, self.clock.timestamp()
        if body.get("app_id") != config.app_id:
            raise _Refused("bad_app")
        phone, request_id = body.get("phone"), body.get("request_id")
        if not isinstance(phone, str) or not re.fullmatch(r"1[3-9][0-9]{9}", phone):
            raise _Refused("bad_phone")
        known = self.by_request.get(str(request_id))
        if known is not None and now - known.at < REMEMBERED:
            return {"code": "ok", "message_id": known.message_id, "repeated": True}
        if body.get("sign_name") != config.sign_name:
            raise _Refused("bad_sign_name")
        wanted, variables = config.templates.get(str(body.get("template_id"))), body.get("variables")
        if wanted is None:
            raise _Refused("bad_template")
        if not isinstance(variables, dict) or set(variables) != set(wanted):
            raise _Refused("bad_variable")
        if not all(isinstance(value, str) and 0 < len(value) <= config.longest_variable for value in variables.values()):
            raise _Refused("bad_variable")
        if phone in self.opted_out:
            raise _Refused("opted_out")
        if sum(now - each.at < REMEMBERED for each in self.sent[-config.day_quota - 1 :]) >= config.day_quota:
            raise _Refused("over_quota")
        number = f"{len(self.sent) + 1:012d}"
        text = SentText(
            number, str(request_id), phone, str(body["template_id"]), variables, now, "failed" if phone in self.dead else "delivered"
        )
        self.sent.append(text)
        self.by_request[text.request_id] = text
        receipt = {"message_id": number, "request_id": text.request_id, "phone": phone, "status": text.status, "at": int(now)}
        self.report({"receipts": [{**receipt, **({"code": "bad_phone"} if text.status == "failed" else {})}]})
        return {"code": "ok", "message_id": number}

    def report(self, body: dict[str, Any]) -> None:
        """Send a signed report to the customer's address in the background: three tries."""
        if self.config.callback_url is None or self.http is None:
            return
        task = asyncio.get_running_loop().create_task(self._deliver(self.http, self.config.callback_url, json.dumps(body).encode()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _deliver(self, http: aiohttp.ClientSession, url: str, body: bytes) -> None:
        timestamp, nonce = str(int(self.clock.timestamp())), f"{self.rng.getrandbits(64):016x}"
        path = urlsplit(url).path or "/"
        signed = sign(self.config.secret, method="POST", path=path, timestamp=timestamp, nonce=nonce, body=body)
        headers = {"Content-Type": "application/json", TIME: timestamp, NONCE: nonce, SIGNATURE: signed}
        for _ in range(TRIES):
            try:
                async with http.post(url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(total=5)) as reply:
                    if reply.status == 200:
                        return
            except (aiohttp.ClientError, TimeoutError):
                continue
        logger.warning("a report to %s was given up", path)


class _Refused(Exception):
    """A text that is not taken; `code` is what the provider answers."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


SMS = web.AppKey("sms_simulator", SmsSimulator)


def create_app(config: SmsConfig, *, clock: SimClock, rng: random.Random) -> web.Application:
    """`POST /v1/messages` for texts; the control API at `/sim/…`."""
    app = web.Application(middlewares=[answer_errors], client_max_size=1 << 20)
    app[SMS] = SmsSimulator(config, clock=clock, rng=rng)
    app.router.add_post("/v1/messages", _send)
    app.router.add_get("/sim/ledger", _ledger)
    app.router.add_post("/sim/clock", _clock)
    app.router.add_post("/sim/answer", _answer)
    app.router.add_post("/sim/phone", _phone)
    app.router.add_post("/sim/faults", _faults)
    app.router.add_delete("/sim/faults", _faults)
    app.cleanup_ctx.append(_client)
    return app


async def _client(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession() as http:
        app[SMS].http = http
        yield
        app[SMS].http = None


async def _send(request: web.Request) -> web.StreamResponse:
    sim, body = request.config_dict[SMS], await request.read()
    fault = sim.faults.take("v1/messages", sim.clock.timestamp())
    if fault and not fault.after and (reply := await _fail(request, fault)):
        return reply
    timestamp, nonce, given = (request.headers.get(name, "") for name in (TIME, NONCE, SIGNATURE))
    try:
        if not matches(given, sim.config.secret, method="POST", path=request.path, timestamp=timestamp, nonce=nonce, body=body):
            raise _Refused("bad_signature")
        if not timestamp.isdigit() or abs(sim.clock.timestamp() - int(timestamp)) > WINDOW.total_seconds():
            raise _Refused("bad_signature")
        fields = json.loads(body)
        if not isinstance(fields, dict):
            raise _Refused("bad_variable")
        answer = sim.take(fields)
    except _Refused as refused:
        sim.rejected[refused.code] = sim.rejected.get(refused.code, 0) + 1
        answer = {"code": refused.code}
    except ValueError:
        answer = {"code": "bad_variable"}
    if fault and fault.after and (reply := await _fail(request, fault)):
        return reply
    return web.json_response(answer)


async def _fail(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if fault.drop and request.transport is not None:
        request.transport.abort()
        return web.Response()
    if fault.http_status is not None or fault.body is not None:
        return web.Response(status=fault.http_status or 200, text=fault.body or "", content_type="application/json")
    return None


async def _ledger(request: web.Request) -> web.Response:
    """Every text that was taken, in order; every refusal with its count."""
    sim = request.config_dict[SMS]
    return web.json_response({"sent": [{**asdict(each), "at": iso(each.at)} for each in sim.sent], "rejected": sim.rejected})


async def _answer(request: web.Request) -> web.Response:
    """Somebody answers a text; 退订 also puts the number on the provider's own list."""
    sim, body = request.config_dict[SMS], await read_object(request)
    phone, text = text_field(body, "phone"), text_field(body, "text")
    if text.strip() in ("退订", "TD", "T", "R"):
        sim.opted_out.add(phone)
    sim.report({"answers": [{"phone": phone, "text": text, "at": int(sim.clock.timestamp())}]})
    return web.json_response({})


async def _phone(request: web.Request) -> web.Response:
    """A number goes out of use (`dead` true), comes back, or leaves the list of those who want no texts (`opted_out` false)."""
    sim, body = request.config_dict[SMS], await read_object(request)
    phone = text_field(body, "phone")
    for name, numbers in (("dead", sim.dead), ("opted_out", sim.opted_out)):
        if name in body:
            if not isinstance(body[name], bool):
                raise ControlError(400, f"{name} is true or false")
            (numbers.add if body[name] else numbers.discard)(phone)
    return web.json_response({})


async def _faults(request: web.Request) -> web.Response:
    """Order a failure of `v1/messages`, or forget all orders."""
    sim = request.config_dict[SMS]
    if request.method == "DELETE":
        sim.faults.clear()
    else:
        sim.faults.add(await read_object(request))
    return web.json_response({})


async def _clock(request: web.Request) -> web.Response:
    """{"set": ISO moment with zone}."""
    sim, body = request.config_dict[SMS], await read_object(request)
    try:
        sim.clock.set(datetime.fromisoformat(text_field(body, "set")))
    except ValueError as err:
        raise ControlError(400, 'the clock takes {"set": "2026-03-01T08:00:00+08:00"}') from err
    return web.json_response({"now": sim.clock.now().isoformat()})
