"""The HTTP edges, joined: callback, health, and in the sandbox the simulator with its page."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from aiohttp import ClientSession, web

from bot.app import Core, wecom_access
from bot.gateway import add_gateway_routes
from integrations.wecom.callback import Callback

if TYPE_CHECKING:
    from bot.sandbox import SimulatorControl

SIMULATOR_PREFIX = "/sandbox/wecom"


def gateway_app(core: Core) -> web.Application:
    """WeCom's callback."""
    settings, access = core.settings, wecom_access(core.settings)
    app = web.Application(client_max_size=settings.max_body)
    callback = Callback(access.callback_token, access.callback_aes_key, access.corp_id, max_bytes=settings.max_body)
    add_gateway_routes(app, core.db, callback, core.clock, max_body=settings.max_body)
    return app


def add_sandbox(app: web.Application, core: Core, session: ClientSession) -> SimulatorControl:
    """The simulator below /sandbox/wecom and the page that plays both sides. `session` reaches this very server."""
    from bot.sandbox import Backend, SimulatorControl
    from console.sandbox import add_sandbox_routes
    from integrations.wecom.simulator import SimClock, create_app, demo_config

    settings = core.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    config = demo_config(f"http://127.0.0.1:{settings.port}/wecom/callback")
    config = config.model_copy(update={"state_file": settings.data_dir.resolve() / "simulator.json"})
    # The ids of a simulated platform need no secrecy, and a fresh start must not repeat those of the last.
    simulator = create_app(config, clock=SimClock(), rng=random.Random())  # noqa: S311
    control = SimulatorControl(session, f"http://127.0.0.1:{settings.port}{SIMULATOR_PREFIX}")
    add_sandbox_routes(app, Backend(core.db, core.clock, settings.tz, control))
    app.add_subapp(SIMULATOR_PREFIX, simulator)
    return control
