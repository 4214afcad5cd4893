"""The HTTP edges, joined: callback, FHIR, health, and in the sandbox the simulator with its page."""

from datetime import datetime

from aiohttp import web

from bot.app import Core, wecom_access
from bot.edge.received import received_at
from bot.gateway import add_gateway_routes
from bot.push_access import push_access
from bot.push_gateway import add_push_routes
from bot.settings import Settings
from bot.sound import sound_headers
from integrations.wecom.callback import Callback


def root_app(settings: Settings) -> web.Application:
    """The outermost application of a role, still without an address. Its limit of a body holds for all that is hung below it."""
    return web.Application(client_max_size=settings.max_body, middlewares=[sound_headers])


def gateway_app(core: Core) -> web.Application:
    """The callbacks of WeCom and of the push channels."""
    settings, access = core.settings, wecom_access(core.settings)
    app = root_app(settings)
    callback = Callback(access.callback_token, access.callback_aes_key, access.corp_id, max_bytes=settings.max_body)
    key = settings.edge_link.signing_key

    def came(request: web.Request) -> datetime:
        # A callback that waited at the edge is as old as its signature says; the link tells when the edge had it.
        return received_at(request.headers, request.raw_path, key, core.clock())

    notebook = add_gateway_routes(app, core.db, callback, came, max_body=settings.max_body)
    add_push_routes(app, notebook, push_access(settings), came, hospital=settings.hospital, max_body=settings.max_body)
    return app


def add_fhir(app: web.Application, core: Core) -> None:
    """FHIR at /fhir: for roles that hold patients' data."""
    from bot.fhir.edge import Edge

    app.add_subapp("/fhir", Edge(core.db, core.clock, core.settings.tz, core.settings.fhir).app())
