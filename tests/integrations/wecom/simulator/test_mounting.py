"""The simulator stands alone, and under a prefix of another application."""

import ast
import random
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from integrations.wecom import simulator
from integrations.wecom.simulator import SimClock, create_app, demo_config


async def test_it_serves_below_a_prefix():
    outer, config = web.Application(), demo_config()
    outer.add_subapp("/sandbox/wecom", create_app(config, clock=SimClock(), rng=random.Random(1)))
    async with TestServer(outer) as server, aiohttp.ClientSession(str(server.make_url("/sandbox/wecom/"))) as http:
        query = {"corpid": config.corp_id, "corpsecret": config.apps[0].secret}
        async with http.get("cgi-bin/gettoken", params=query) as reply:
            token = (await reply.json())["access_token"]
        async with http.post("sim/customers", json={"nickname": "果果妈妈"}) as reply:
            external_userid = (await reply.json())["external_userid"]
        account = config.kf_accounts[0].open_kfid
        async with http.post(f"sim/chats/{account}/{external_userid}/say", json={"msgtype": "text", "text": {"content": "在吗"}}) as reply:
            assert reply.status == 200
        async with http.post("cgi-bin/kf/sync_msg", params={"access_token": token}, json={"open_kfid": account}) as reply:
            assert [item["text"]["content"] for item in (await reply.json())["msg_list"]] == ["在吗"]


def test_it_needs_nothing_else_of_this_repository():
    folders = {path.name for path in Path(simulator.__file__).parents[3].iterdir() if path.is_dir()}
    for source in Path(simulator.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            for name in names:
                assert name.startswith("integrations.wecom.simulator") or name.split(".")[0] not in folders, f"{source.name}: {name}"
