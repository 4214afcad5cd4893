"""Where the push channels report: who follows, who agreed, what arrived. Written down before it is acknowledged, like WeCom's callbacks."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aiohttp import web

from bot.gateway import WRITE_TIMEOUT, Came, Notebook, answered, read_body
from bot.push_access import SMS_CALLBACK, PushAccess, WeixinAccess
from integrations.callback_error import CallbackError
from integrations.push import Channel
from integrations.sms.callback import SmsCallback
from integrations.weixin.callback import WeixinCallback
from integrations.weixin.login import login_bucket, read_code

# What CallbackEvent.event is called for these, before the channel's name.
PUSH = "push:"
LOGIN = "push:login"


def add_push_routes(app: web.Application, notebook: Notebook, access: PushAccess, came: Came, *, hospital: str, max_body: int) -> None:
    """Serve `/weixin/<account>/callback`, `/weixin/mini_program/login`, `/h5/mini/config` and `/sms/callback` for the channels that are
    configured; `hospital` is its name as families know it.

    Raises CallbackError when a channel's callback settings cannot be right.
    """
    for channel, account in (("official_account", access.official_account), ("mini_program", access.mini_program)):
        if account is not None:
            _add_weixin(app, notebook, channel, account, came, max_body)  # type: ignore[arg-type]
    if access.mini_program is not None:
        app.router.add_post("/weixin/mini_program/login", answered(_login(notebook, came)))
        app.router.add_get("/h5/mini/config", answered(_mini_config(access.mini_program, hospital)))
    if access.sms is not None:
        callback = SmsCallback(access.sms.secret, SMS_CALLBACK, max_bytes=max_body)

        async def reports(request: web.Request) -> web.Response:
            now = came(request)
            fields = callback.open(request.headers, await read_body(request, max_body), now)
            await _write(notebook, PUSH + "sms", fields, now)
            return web.json_response({"code": "ok"})

        app.router.add_post(SMS_CALLBACK, answered(reports))


def _add_weixin(app: web.Application, notebook: Notebook, channel: Channel, account: WeixinAccess, came: Came, max_body: int) -> None:
    callback = WeixinCallback(account.callback_token, account.callback_aes_key, account.appid, max_bytes=max_body)

    async def check(request: web.Request) -> web.Response:
        return web.Response(text=callback.verify_url(request.query))

    async def receive(request: web.Request) -> web.Response:
        now = came(request)
        fields = callback.open(request.query, await read_body(request, max_body), now)
        if fields.get("MsgType") == "event":
            await _write(notebook, PUSH + channel, fields, now)
        return web.Response(text="success")

    app.router.add_get(f"/weixin/{channel}/callback", answered(check))
    app.router.add_post(f"/weixin/{channel}/callback", answered(receive))


def _login(notebook: Notebook, came: Came) -> Callable[[web.Request], Any]:
    bucket = login_bucket()

    async def login(request: web.Request) -> web.Response:
        now = came(request)
        code = read_code(await read_body(request, 1024))
        if not bucket.try_take(now):
            raise CallbackError("too_many", 429)
        await _write(notebook, LOGIN, {"code": code}, now)
        return web.json_response({"code": "ok"})

    return login


def _mini_config(account: WeixinAccess, hospital: str) -> Callable[[web.Request], Any]:
    templates = [{"id": template.id, "kind": template.kind} for template in account.templates.values()]

    async def config(_: web.Request) -> web.Response:
        return web.json_response({"hospital": hospital, "templates": templates})

    return config


async def _write(notebook: Notebook, source: str, fields: dict[str, Any], now: datetime) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT):
        await notebook.write(fields, now, source)
