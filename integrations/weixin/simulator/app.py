"""The simulator as an aiohttp application, alone or mounted under a prefix."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from integrations.wecom.simulator.clock import SimClock
from integrations.wecom.simulator.control_http import answer_errors
from integrations.wecom.simulator.persistence import Keeper, load
from integrations.weixin.simulator import control, web_login
from integrations.weixin.simulator.api import serve
from integrations.weixin.simulator.config import SimulatorConfig
from integrations.weixin.simulator.control import SIMULATOR
from integrations.weixin.simulator.simulator import Simulator
from integrations.weixin.simulator.state import World


def create_app(config: SimulatorConfig, *, clock: SimClock, rng: random.Random) -> web.Application:
    """WeChat's paths at `/cgi-bin/…`, `/sns/…`, `/wxaapi/…`, `/connect/oauth2/authorize`; the control API at `/sim/…`.

    With `config.state_file` the state is loaded from there and kept there. Raises StateFileError for a file that cannot be read.
    """
    world = load(config.state_file, World) if config.state_file else None
    if world:
        clock.offset = world.clock_offset
    sim = Simulator(config, clock=clock, rng=rng, world=world)
    app = web.Application(middlewares=[answer_errors], client_max_size=1 << 20)
    app[SIMULATOR] = sim

    async def weixin(request: web.Request) -> web.StreamResponse:
        return await serve(sim, request)

    app.router.add_route("*", "/{top:cgi-bin|sns|wxaapi}/{path:.+}", weixin)

    async def authorize(request: web.Request) -> web.Response:
        return web_login.authorize(sim, request)

    app.router.add_get("/connect/oauth2/authorize", authorize)
    app.add_routes(control.ROUTES)
    app.cleanup_ctx.append(_deliver)
    if config.state_file:
        keeper = Keeper(config.state_file, sim.world)

        @web.middleware
        async def touch(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
            try:
                return await handler(request)
            finally:
                if request.method != "GET":
                    keeper.touch()

        async def keep(app: web.Application) -> AsyncIterator[None]:
            await keeper.start()
            yield
            await keeper.stop()

        app.middlewares.append(touch)
        app.cleanup_ctx.append(keep)
    return app


async def _deliver(app: web.Application) -> AsyncIterator[None]:
    await app[SIMULATOR].callbacks.start()
    yield
    await app[SIMULATOR].callbacks.stop()
