"""The three minutes: every step names people of the demo data, and is played on both sides' phones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from bot.demo import demo_people
from bot.demo_play import SIMULATOR, Demo, DemoError, script

PEOPLE = demo_people()


def test_the_script_names_who_is_there() -> None:
    carers = {each["nickname"] for each in PEOPLE["carers"]}
    staff = {person["userid"] for team in PEOPLE["teams"] for person in team["staff"]}
    for step in script():
        assert step.keys() <= {"show", "carer", "says", "forward_to", "card", "tap"}
        assert step.get("carer", "赵敏") in carers and step.get("card", "linyue") in staff
        assert ("says" in step) == ("carer" in step)


@asynccontextmanager
async def phones() -> AsyncIterator[str]:
    """A sandbox that answers every word, and sends a card for the worrying ones."""
    chats: dict[str, list[dict[str, Any]]] = {}
    cards: list[dict[str, Any]] = []

    async def people(_: web.Request) -> web.Response:
        return web.json_response(
            [{"nickname": each["nickname"], "open_kfid": "wk1", "external_userid": each["external_userid"]} for each in PEOPLE["carers"]]
        )

    async def chat(request: web.Request) -> web.Response:
        return web.json_response({"messages": chats.get(request.match_info["user"], [])})

    async def say(request: web.Request) -> web.Response:
        words = (await request.json())["text"]["content"]
        mine = chats.setdefault(request.match_info["user"], [])
        mine.append({"from": "bot", "msgtype": "text", "text": {"content": f"听到：{words}"}})
        if "烧" in words or "人工" in words:
            body = {"main_title": {"title": "紧急"}, "button_list": [{"text": "接手", "key": "claim"}]}
            cards.append({"msgtype": "template_card", "task_id": str(len(cards)), "template_card": body})
        return web.json_response({})

    async def clock(request: web.Request) -> web.Response:
        if request.method == "POST":
            chats.setdefault("wmDemoZhaoMin0000000000000000001", []).append(
                {"from": "bot", "msgtype": "text", "text": {"content": "早上好"}}
            )
        return web.json_response({"now": "2026-03-01T02:00:00+00:00"})

    async def messages(_: web.Request) -> web.Response:
        return web.json_response(cards)

    async def click(request: web.Request) -> web.Response:
        assert (await request.json()) == {"key": "claim"}
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/sandbox/api/people", people)
    app.router.add_route("*", "/sandbox/api/clock", clock)
    app.router.add_get(SIMULATOR + "/chats/{kf}/{user}", chat)
    app.router.add_post(SIMULATOR + "/chats/{kf}/{user}/say", say)
    app.router.add_get(SIMULATOR + "/members/{userid}/messages", messages)
    app.router.add_post(SIMULATOR + "/members/{userid}/cards/{card}/click", click)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


async def at_once(_: float) -> None:
    """Nobody reads along."""


async def test_it_is_played_to_its_end_and_told() -> None:
    told: list[str] = []
    async with phones() as base, ClientSession() as http:
        await Demo(http, base, ZoneInfo("Asia/Shanghai"), told.append, at_once).play(0)
    assert "  助手 → 赵敏：听到：小满" in told and "  助手 → 赵敏：早上好" in told and "  linyue 点了“接手”" in told
    assert "  （时钟拨到03月02日 09:05）" in told and sum(line.startswith("  卡片") for line in told) == 2


async def test_without_a_sandbox_it_says_so() -> None:
    async with ClientSession() as http:
        with pytest.raises(DemoError, match="careloop serve"):
            await Demo(http, "http://127.0.0.1:9", ZoneInfo("Asia/Shanghai"), print, at_once).play(0)
