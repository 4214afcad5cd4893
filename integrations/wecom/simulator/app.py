"""The simulator as an aiohttp application, alone or mounted under a prefix."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from integrations.wecom.simulator import (
    client_script,
    control,
    control_chats,
    control_contacts,
    control_directory,
    control_members,
    login,
    persistence,
)
from integrations.wecom.simulator.api import serve
from integrations.wecom.simulator.clock import SimClock
from integrations.wecom.simulator.config import SimulatorConfig
from integrations.wecom.simulator.control_http import SIMULATOR, answer_errors
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import World

MAX_BODY = 110 << 20


def create_app(config: SimulatorConfig, *, clock: SimClock, rng: random.Random) -> web.Application:
    """WeCom's paths at `/cgi-bin/…`, its pages and script at `/connect/…`, `/wwlogin/…`, `/wwopen/…`, `/client/…`, the control API at
    `/sim/…`.

    With `config.state_file` the state is loaded from there (the clock goes on where it stood) and kept there.
    Raises StateFileError for a file that cannot be read.
    """
    world = persistence.load(config.state_file, World) if config.state_file else None
    if world:
        clock.offset = world.clock_offset
    sim = Simulator(config, clock=clock, rng=rng, world=world)
    sim.world.clock_offset = clock.offset
    app = web.Application(middlewares=[answer_errors], client_max_size=MAX_BODY)
    app[SIMULATOR] = sim

    async def wecom(request: web.Request) -> web.StreamResponse:
        return await serve(sim, request)

    app.router.add_route("*", "/cgi-bin/{path:.+}", wecom)
    app.add_routes([*control.ROUTES, *control_chats.ROUTES, *control_members.ROUTES, *control_contacts.ROUTES])
    app.add_routes([*control_directory.ROUTES, *login.ROUTES, *client_script.ROUTES])
    app.cleanup_ctx.append(_deliver_callbacks)
    if config.state_file:
        _keep_state(app, persistence.Keeper(config.state_file, sim.world))
    app.on_shutdown.append(_close_streams)
    return app


async def _deliver_callbacks(app: web.Application) -> AsyncIterator[None]:
    await app[SIMULATOR].callbacks.start()
    yield
    await app[SIMULATOR].callbacks.stop()


async def _close_streams(app: web.Application) -> None:
    app[SIMULATOR].hub.close()


def _keep_state(app: web.Application, keeper: persistence.Keeper) -> None:
    @web.middleware
    async def touch(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        try:
            return await handler(request)
        finally:
            if request.method != "GET" or "/cgi-bin/" in request.path:
                keeper.touch()

    async def keep(app: web.Application) -> AsyncIterator[None]:
        await keeper.start()
        yield
        await keeper.stop()

    app.middlewares.append(touch)
    app.cleanup_ctx.append(keep)
