"""The state survives a restart, and a damaged file is refused with one sentence."""

import asyncio
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestServer, unused_port

from integrations.wecom.simulator import ConfigError, SimClock, SimulatorConfig, StateFileError, create_app, demo_config
from integrations.wecom.simulator.control_http import SIMULATOR
from integrations.wecom.simulator.media import keep
from integrations.wecom.simulator.persistence import load
from integrations.wecom.simulator.state import World

ACCOUNT = "wkSimulatedChildrensHospital01"
ROOT = Path(__file__).parents[4]


async def run(state_file, talk):
    config = demo_config()
    config.state_file = state_file
    app = create_app(config, clock=SimClock(), rng=random.Random(5))
    async with TestServer(app) as server, aiohttp.ClientSession(str(server.make_url("/"))) as http:

        async def post(path, body=None, **query):
            async with http.post(path, json=body, params=query) as reply:
                return await reply.json()

        async with http.get("cgi-bin/gettoken", params={"corpid": config.corp_id, "corpsecret": config.apps[0].secret}) as reply:
            token = (await reply.json())["access_token"]
        await talk(app[SIMULATOR], post, token)


async def test_everything_survives_a_restart(tmp_path):
    kept = {}

    async def before(sim, post, token):
        mother = (await post("sim/customers", {"nickname": "果果妈妈", "unionid": "u1"}))["external_userid"]
        chat = f"sim/chats/{ACCOUNT}/{mother}"
        await post(f"{chat}/say", {"msgtype": "text", "text": {"content": "在吗"}})
        body = {"touser": mother, "open_kfid": ACCOUNT, "msgid": "m1", "msgtype": "text", "text": {"content": "在的"}}
        assert (await post("cgi-bin/kf/send_msg", body, access_token=token))["errcode"] == 0
        page = await post("cgi-bin/kf/sync_msg", {"open_kfid": ACCOUNT}, access_token=token)
        await post("sim/members/linyue/contacts", {"external_userid": mother})
        card = {
            "card_type": "button_interaction",
            "main_title": {"title": "t"},
            "task_id": "t1",
            "button_list": [{"text": "a", "key": "k"}],
        }
        message = {"touser": "linyue", "agentid": 1000002, "msgtype": "template_card", "template_card": card}
        await post("cgi-bin/message/send", message, access_token=token)
        await post("sim/config", {"window_failure": "later"})
        await post("sim/clock", {"set": "2030-01-01T00:00:00+00:00"})
        kept.update(mother=mother, cursor=page["next_cursor"], token=token, body=body, card=message)

    async def after(sim, post, token):
        assert sim.clock.now() >= datetime(2030, 1, 1, tzinfo=UTC)
        assert token != kept["token"], "two hours have passed on the simulator's clock"
        assert sim.switches.window_failure == "later"
        assert sim.world.chats[f"{ACCOUNT}/{kept['mother']}"].messages["m1"].body == {"content": "在的"}
        assert (await post("cgi-bin/kf/send_msg", kept["body"], access_token=token))["errcode"] == 40058
        assert (await post("cgi-bin/message/send", kept["card"], access_token=token))["errcode"] == 42014
        page = await post("cgi-bin/kf/sync_msg", {"open_kfid": ACCOUNT, "cursor": kept["cursor"]}, access_token=token)
        assert (page["errcode"], page["msg_list"]) == (0, [])
        again = (await post("sim/customers", {"nickname": "另一位"}))["external_userid"]
        assert again != kept["mother"]

    await run(tmp_path / "state.json", before)
    await run(tmp_path / "state.json", after)


async def test_files_survive_too(tmp_path):
    data = bytes(range(256)) * 10

    async def before(sim, post, token):
        keep(sim, "file", "化验单.pdf", "application/pdf", data)

    async def after(sim, post, token):
        (media,) = sim.world.media.values()
        assert (media.data, media.filename) == (data, "化验单.pdf")

    await run(tmp_path / "state.json", before)
    await run(tmp_path / "state.json", after)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"serial": "many"}', b"\xff\xfe"])
def test_a_damaged_file_is_refused_with_one_sentence(tmp_path, content):
    config = demo_config()
    config.state_file = tmp_path / "state.json"
    config.state_file.write_bytes(content)
    with pytest.raises(StateFileError) as refused:
        create_app(config, clock=SimClock(), rng=random.Random(1))
    assert str(refused.value).count(".\n") == 0
    assert "damaged" in str(refused.value)


def test_a_wrong_configuration_says_where(tmp_path):
    path = tmp_path / "corp.toml"
    path.write_text('corp_id = "ww1"\n[[apps]]\nsecret = "s"\nagentid = "one"\nname = "n"\n')
    with pytest.raises(ConfigError, match=r"apps\.0\.agentid"):
        SimulatorConfig.from_toml(path)
    path.write_text("corp_id = ")
    with pytest.raises(ConfigError, match="cannot be read as TOML"):
        SimulatorConfig.from_toml(path)
    with pytest.raises(ConfigError):
        SimulatorConfig.from_toml(tmp_path / "nothing.toml")


def test_the_command_refuses_a_damaged_file(tmp_path):
    state = tmp_path / "state.json"
    state.write_text("{")
    command = [sys.executable, "-m", "integrations.wecom.simulator", "--port", "0", "--state", str(state)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert "damaged" in ran.stderr
    assert "Traceback" not in ran.stderr


async def test_a_stop_writes_what_was_just_said(tmp_path):
    state, port = tmp_path / "state.json", unused_port()
    command = [sys.executable, "-m", "integrations.wecom.simulator", "--port", str(port), "--state", str(state)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}/") as http:
            await answering(http)
            async with http.post("sim/customers", json={"nickname": "果果妈妈"}) as reply:
                external_userid = (await reply.json())["external_userid"]
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
    assert external_userid in load(state, World).customers


async def answering(http):
    while True:
        try:
            async with http.get("sim/state"):
                return
        except aiohttp.ClientConnectionError:
            await asyncio.sleep(0.05)
