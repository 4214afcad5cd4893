"""Stock Rasa without its web channel: the part of a turn that is Rasa's own, measured in its own process.

`python -m bot.dialogue.stock_agent MODEL ACTIONS PORT`: a POST to /hold has the conversations held that it describes, as `drive` does.
"""

import asyncio
import logging
import sys
from typing import Any

import structlog
import uvloop
from aiohttp import web

from bot.bench.load import Said, drive


async def ready(_: web.Request) -> web.Response:
    """Whether the model is loaded: before, nothing listens."""
    return web.Response()


async def serve(model: str, actions: str, port: int) -> None:
    """Load the model, with a stock action server at `actions` and conversations in memory, and answer until ended."""
    # A message is written to no log, which stock Rasa would do several times over: that is not what is compared.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    from rasa.core.agent import Agent
    from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
    from rasa.utils.endpoints import EndpointConfig

    agent = Agent.load(model, action_endpoint=EndpointConfig(url=actions))

    async def say(sender: int, text: str) -> None:
        channel = CollectingOutputChannel()
        await agent.handle_message(UserMessage(text, channel, str(sender)))
        if not channel.messages:
            raise RuntimeError(f"stock Rasa did not answer in chat {sender}")

    async def hold(request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        talk = [[Said(*said) for said in conversation] for conversation in asked["talk"]]
        done = await drive(talk, asked["senders"], say, at_once=asked["at_once"])
        return web.json_response({"seconds": done.seconds, "by_kind": done.by_kind})

    app = web.Application()
    app.router.add_post("/hold", hold)
    app.router.add_get("/", ready)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
