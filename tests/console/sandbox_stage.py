"""A hospital for the page's tests: the real simulator behind the real page, and a product that knows two families and two clinicians."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from console.sandbox import add_sandbox_routes
from integrations.wecom.simulator import create_app
from integrations.wecom.simulator.clock import SimClock
from integrations.wecom.simulator.config import SimulatorConfig, demo_config

ZHAO = {
    "external_userid": "wmZhao",
    "nickname": "赵晓燕",
    "role": "妈妈",
    "patients": [{"name": "朵朵", "sex": "F", "age_text": "7个月", "note": "肺炎出院第3天"}],
}
QIAN = {
    "external_userid": "wmQian",
    "nickname": "钱建国",
    "role": "爸爸",
    "patients": [{"name": "小宇", "sex": "M", "age_text": "2个月", "note": "早产"}],
}
SHEET = {
    "name": "果果",
    "record_number": "D0006",
    "birth_date": "2026-02-21",
    "phone": "13800000006",
    "scene": "careloop",
    "scene_param": "aSignedToken",
}
LIN = {"userid": "linyue", "name": "林悦", "title": "随访护士", "team": "随访中心"}
QIN = {"userid": "qinlan", "name": "秦岚", "title": "专科护士", "team": "呼吸科"}
START = datetime(2026, 3, 1, 2, 0, 5, tzinfo=UTC)  # 10:00 on a Sunday in the hospital


@dataclass
class Product:
    """SandboxBackend with fixed people, on the simulator's clock."""

    clock: SimClock
    open_kfid: str
    work: list[dict[str, Any]] = field(default_factory=list)
    broken: bool = False

    async def people(self) -> list[dict[str, Any]]:
        if self.broken:
            raise RuntimeError("the database at db.internal is gone")
        return [{**person, "open_kfid": self.open_kfid} for person in (ZHAO, QIAN)]

    async def sheets(self) -> list[dict[str, Any]]:
        return [SHEET]

    async def desk(self) -> list[dict[str, Any]]:
        return [LIN, QIN]

    async def work_list(self, userid: str) -> list[dict[str, Any]]:
        return self.work if userid == LIN["userid"] else []

    async def now(self) -> datetime:
        return self.clock.now()

    async def advance(self, seconds: float) -> datetime:
        return self.clock.advance(seconds)


class Stage:
    """The running page, and what the product would do behind it, done through WeCom's own API."""

    def __init__(self) -> None:
        self.config: SimulatorConfig = demo_config()
        self.clock = SimClock(source=START.timestamp)
        self.product = Product(self.clock, self.config.kf_accounts[0].open_kfid)
        app = web.Application()
        add_sandbox_routes(app, self.product)
        app.add_subapp("/sandbox/wecom", create_app(self.config, clock=self.clock, rng=random.Random(7)))
        self.server = TestServer(app)

    async def open(self) -> None:
        await self.server.start_server()
        self.http = ClientSession()
        for person in (ZHAO, QIAN):
            await self.sim("customers", {"external_userid": person["external_userid"], "nickname": person["nickname"]})

    async def close(self) -> None:
        await self.http.close()
        await self.server.close()

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))

    async def get(self, path: str) -> Any:
        async with self.http.get(self.url(f"/sandbox/wecom/{path}")) as answer:
            return await answer.json()

    async def sim(self, path: str, body: dict[str, Any]) -> Any:
        async with self.http.post(self.url(f"/sandbox/wecom/sim/{path}"), json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def wecom(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        # A token lives two hours, and the tests move the clock: ask each time.
        app = self.config.apps[0]
        token = (await self.get(f"cgi-bin/gettoken?corpid={self.config.corp_id}&corpsecret={app.secret}"))["access_token"]
        async with self.http.post(self.url(f"/sandbox/wecom/cgi-bin/{path}?access_token={token}"), json=body) as response:
            answer: dict[str, Any] = await response.json()
        assert answer["errcode"] == 0, answer
        return answer

    async def chat(self, person: dict[str, Any] = ZHAO) -> dict[str, Any]:
        state: dict[str, Any] = await self.get(f"sim/chats/{self.product.open_kfid}/{person['external_userid']}")
        return state

    async def customer_says(self, text: str, person: dict[str, Any] = ZHAO) -> None:
        chat = f"chats/{self.product.open_kfid}/{person['external_userid']}"
        await self.sim(f"{chat}/say", {"msgtype": "text", "text": {"content": text}})

    async def bot_sends(self, msgtype: str, body: dict[str, Any], person: dict[str, Any] = ZHAO) -> None:
        where = {"touser": person["external_userid"], "open_kfid": self.product.open_kfid}
        await self.wecom("kf/send_msg", {**where, "msgtype": msgtype, msgtype: body})

    async def bot_says(self, text: str, person: dict[str, Any] = ZHAO) -> None:
        await self.bot_sends("text", {"content": text}, person)

    async def to_pool(self, person: dict[str, Any] = ZHAO) -> None:
        where = {"external_userid": person["external_userid"], "open_kfid": self.product.open_kfid}
        await self.wecom("kf/service_state/trans", {**where, "service_state": 2})

    async def app_sends(self, userid: str, msgtype: str, content: dict[str, Any]) -> dict[str, Any]:
        body = {"touser": userid, "agentid": self.config.apps[0].agentid, "msgtype": msgtype, msgtype: content}
        return await self.wecom("message/send", body)
