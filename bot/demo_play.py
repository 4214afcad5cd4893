"""`careloop demo`: the three minutes in which CareLoop is shown, played on a running sandbox and told as it happens."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import yaml

SIMULATOR = "/sandbox/wecom/sim"
# A reply is there within a second; a machine that is busy, or still loads the dialogue, needs longer (s).
PATIENCE, LOOK_EVERY = 60.0, 0.3


class DemoError(Exception):
    """It cannot be played; the text says why."""

    code, permanent = "demo", True


def script() -> list[dict[str, Any]]:
    """The steps of demo_script.yml."""
    loaded: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("demo_script.yml").read_text("utf-8"))
    return loaded


class Demo:
    """Plays both sides at `base`. `tell` gets each line, `pause` waits between the steps, as long as it takes to read (s)."""

    def __init__(
        self, http: aiohttp.ClientSession, base: str, zone: ZoneInfo, tell: Callable[[str], None], pause: Callable[[float], Awaitable[None]]
    ) -> None:
        self._http, self._base, self._zone, self._tell, self._pause = http, base, zone, tell, pause
        self._chats: dict[str, str] = {}
        self._heard: dict[str, int] = {}

    async def play(self, seconds: float) -> None:
        """All steps, with so many seconds for each. Raises DemoError."""
        for person in await self._call("GET", "/sandbox/api/people"):
            self._chats[person["nickname"]] = f"{SIMULATOR}/chats/{person['open_kfid']}/{person['external_userid']}"
        for name in self._chats:
            self._heard[name] = len(await self._said(name))
        for step in script():
            if "show" in step:
                self._tell(f"\n● {step['show']}")
            await self._step(step)
            await self._pause(seconds)

    async def _step(self, step: dict[str, Any]) -> None:
        if "forward_to" in step:
            await self._forward(step["forward_to"])
        if "says" in step:
            await self._call("POST", f"{self._chats[step['carer']]}/say", msgtype="text", text={"content": step["says"]})
            self._tell(f"  {step['carer']}：{step['says']}")
            await self._until(lambda: self._told(step["carer"]), f"an answer to {step['carer']}")
        if "card" in step:
            await self._until(lambda: self._card(step["card"]), f"a card for {step['card']}")
        if "tap" in step:
            await self._tap(step["tap"]["who"], step["tap"]["button"])

    async def _forward(self, clock: str) -> None:
        now = datetime.fromisoformat((await self._call("GET", "/sandbox/api/clock"))["now"]).astimezone(self._zone)
        then = datetime.combine(now.date() + timedelta(days=1), time.fromisoformat(clock), tzinfo=self._zone)
        await self._call("POST", "/sandbox/api/clock", advance=(then - now).total_seconds())
        self._tell(f"  （时钟拨到{then:%m月%d日 %H:%M}）")

        async def anybody() -> bool:
            return any([await self._told(name) for name in self._chats])

        await self._until(anybody, "the morning's follow-up")

    async def _told(self, name: str) -> bool:
        """Whether the bot has said something new there, which is told."""
        said = await self._said(name)
        fresh = said[self._heard[name] :]
        self._heard[name] = len(said)
        for message in fresh:
            body = message[message["msgtype"]]
            words = body.get("content") or body.get("head_content") or body.get("title") or f"[{message['msgtype']}]"
            self._tell(f"  助手 → {name}：{words.strip()}")
        return bool(fresh)

    async def _said(self, name: str) -> list[dict[str, Any]]:
        return [each for each in (await self._call("GET", self._chats[name]))["messages"] if each["from"] == "bot"]

    async def _cards(self, userid: str) -> list[dict[str, Any]]:
        found = await self._call("GET", f"{SIMULATOR}/members/{userid}/messages")
        return [each for each in found if each["msgtype"] == "template_card"]

    async def _card(self, userid: str) -> bool:
        key = f"card {userid}"
        cards = await self._cards(userid)
        fresh = cards[self._heard.get(key, 0) :]
        self._heard[key] = len(cards)
        for card in fresh:
            self._tell(f"  卡片 → {userid}：{card['template_card']['main_title']['title']}")
        return bool(fresh)

    async def _tap(self, userid: str, label: str) -> None:
        card = (await self._cards(userid))[-1]
        buttons = {each["text"]: each["key"] for each in card["template_card"].get("button_list", [])}
        if label not in buttons:
            raise DemoError(f"The last card of {userid} has no button {label!r}.")
        await self._call("POST", f"{SIMULATOR}/members/{userid}/cards/{card['task_id']}/click", key=buttons[label])
        self._tell(f"  {userid} 点了“{label}”")

    async def _until(self, true: Callable[[], Awaitable[bool]], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not await true():  # noqa: ASYNC110 - it is asked of another process
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError as err:
            raise DemoError(f"There was not {what} within {PATIENCE:.0f} s; `careloop doctor` says what is wrong.") from err

    async def _call(self, method: str, path: str, **body: Any) -> Any:
        try:
            async with self._http.request(method, self._base + path, json=body or None) as answer:
                if answer.status >= 300:
                    raise DemoError(f"{path} answers {answer.status}; the demo needs the sandbox of `careloop serve`.")
                return await answer.json()
        except aiohttp.ClientError as err:
            raise DemoError(f"Nothing answers at {self._base}; start `careloop serve` first.") from err


def demo_command(*, seconds: float) -> None:
    """`careloop demo`."""
    from bot.cli_run import command_settings

    settings = command_settings("demo")

    async def run() -> None:
        async with aiohttp.ClientSession() as http:
            base = f"http://127.0.0.1:{settings.port}"
            await Demo(http, base, settings.tz, lambda line: print(line, flush=True), asyncio.sleep).play(seconds)
            print(f"\n打开 {base}/sandbox 看两边的手机，打开 {base}/console 看医护的控制台。", flush=True)

    asyncio.run(run())
