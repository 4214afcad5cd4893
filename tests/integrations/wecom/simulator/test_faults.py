"""Failures on demand, and the control API's own manners."""

import asyncio
import json

import aiohttp
import pytest

ACCOUNT = "wkSimulatedChildrensHospital01"


async def test_busy_n_times_then_well_again(corp):
    await corp.control("POST", "faults", {"path": "getcallbackip", "times": 2, "errcode": -1})
    for errcode in (-1, -1, 0):
        await corp.call("getcallbackip", errcode=errcode)
    await corp.call("get_api_domain_ip")


async def test_a_rate_limit_blocks_for_its_window(corp):
    await corp.control("POST", "faults", {"path": "getcallbackip", "errcode": 45009, "window": 60})
    for _ in range(3):
        await corp.call("getcallbackip", errcode=45009)
    await corp.pass_time(61)
    await corp.call("getcallbackip")


async def test_concurrency_limits_server_errors_and_garbage(corp):
    await corp.control("POST", "faults", {"path": "getcallbackip", "errcode": 45033})
    await corp.control("POST", "faults", {"path": "getcallbackip", "http_status": 502})
    await corp.control("POST", "faults", {"path": "/cgi-bin/getcallbackip", "body": '{"errcode": 0, "ip_l'})
    await corp.call("getcallbackip", errcode=45033)
    params = {"access_token": await corp.token()}
    async with await corp.raw("GET", "getcallbackip", params=params) as reply:
        assert reply.status == 502
    async with await corp.raw("GET", "getcallbackip", params=params) as reply:
        with pytest.raises(json.JSONDecodeError):
            await reply.json()
    await corp.call("getcallbackip")


async def test_a_cut_connection(corp):
    token = await corp.token()
    await corp.control("POST", "faults", {"path": "getcallbackip", "drop": True})
    with pytest.raises(aiohttp.ClientConnectionError):
        await corp.raw("POST", "getcallbackip", params={"access_token": token})
    await corp.call("getcallbackip")


async def test_a_slow_answer(corp):
    token = await corp.token()
    await corp.control("POST", "faults", {"path": "*", "delay": 30})
    with pytest.raises(asyncio.TimeoutError):
        await corp.raw("GET", "getcallbackip", params={"access_token": token}, timeout=aiohttp.ClientTimeout(total=0.05))
    await corp.call("getcallbackip")


async def test_only_the_answer_may_be_lost(corp):
    mother = await corp.family()
    await mother.says("在吗")
    await corp.control("POST", "faults", {"path": "kf/send_msg", "errcode": -1, "after": True})
    await mother.hears("你好", msgid="once", errcode=-1)
    assert (await mother.chat())["messages"][-1]["msgid"] == "once"
    await mother.hears("你好", msgid="once", errcode=40058)


async def test_faults_can_be_seen_and_taken_back(corp):
    await corp.control("POST", "faults", {"path": "*", "times": None, "errcode": -1})
    assert len(await corp.control("GET", "faults")) == 1
    await corp.control("DELETE", "faults")
    await corp.call("getcallbackip")


@pytest.mark.parametrize("fault", [{}, {"path": "*"}, {"path": 5, "errcode": -1}, {"path": "*", "errcode": -1, "colour": 1}])
async def test_meaningless_faults_are_refused(corp, fault):
    await corp.control("POST", "faults", fault, status=400)


async def test_the_clock_moves_and_can_be_set(corp):
    moved = await corp.control("POST", "clock", {"set": "2026-06-01T08:00:00+08:00"})
    assert moved["now"].startswith("2026-06-01T00:00:0")
    assert (await corp.control("POST", "clock", {"advance": 3600}))["now"].startswith("2026-06-01T01:00:0")
    assert (await corp.control("GET", "state"))["now"].startswith("2026-06-01T01:00:0")
    for bad in ({"set": "2026-06-01T08:00:00"}, {"set": 5}, {"advance": "soon"}, {}):
        await corp.control("POST", "clock", bad, status=400)


async def test_the_state_names_everyone(corp):
    mother = await corp.family()
    await corp.control("POST", "members", {"userid": "newnurse", "name": "新护士"})
    state = await corp.control("GET", "state")
    assert state["accounts"] == [{"open_kfid": ACCOUNT, "name": "儿童医院随访"}]
    assert state["customers"] == [{"external_userid": mother.id, "nickname": "果果妈妈", "avatar": "", "gender": 0}]
    assert state["agents"] == [{"agentid": 1000002, "name": "随访助手"}]
    members = {m["userid"]: m for m in state["members"]}
    assert members["linyue"] == {"userid": "linyue", "name": "林悦", "departments": [2], "status": {ACCOUNT: 0}}
    assert members["newnurse"]["status"] == {}
    assert len(members) == 12
    assert state["config"]["window_failure"] == "sync"


async def test_wrong_control_calls_say_what_is_wrong(corp):
    mother = await corp.family()
    chat = f"chats/{ACCOUNT}/{mother.id}"
    await corp.control("POST", "customers", {}, status=400)
    await corp.control("POST", "customers", {"nickname": "x", "external_userid": mother.id}, status=409)
    await corp.control("POST", "members", {"userid": "linyue", "name": "林悦"}, status=409)
    await corp.control("POST", "accounts", {"name": "太长" * 9}, status=400)
    await corp.control("GET", "chats/wkNowhere/wmNobody", status=404)
    await corp.control("POST", f"{chat}/say", {"msgtype": "telepathy"}, status=400)
    await corp.control("POST", f"{chat}/say", {"msgtype": "image", "image": {"media_id": "gone"}}, status=400)
    await corp.control("POST", f"{chat}/say", {"msgtype": "text", "text": {"menu_id": "never-sent"}}, status=404)
    await corp.control("POST", f"{chat}/recall", {"msgid": "unknown"}, status=404)
    await corp.control("POST", f"{chat}/servicer", {"userid": "linyue", "act": "dance"}, status=400)
    await corp.control("POST", f"{chat}/servicer", {"userid": "linyue", "act": "take"}, status=409)
    await corp.control("POST", "config", {"window_failure": "never"}, status=400)
    await corp.control("POST", "config", {"unknown_switch": 1}, status=400)
    await corp.control("GET", "members/nobody/messages", status=404)


async def test_pages_can_watch_live(corp):
    mother = await corp.family()
    async with corp.http.get(f"{corp.url}/sim/events") as stream:
        assert await stream.content.readuntil(b"\n\n") == b": ready\n\n"
        await mother.says("在吗")
        await corp.pass_time(5)
        seen = [json.loads((await stream.content.readuntil(b"\n\n")).removeprefix(b"data: ")) for _ in range(3)]
    assert [event["kind"] for event in seen] == ["message", "session", "clock"]
    assert (seen[0]["external_userid"], seen[0]["from"]) == (mother.id, "customer")


async def test_a_stop_ends_open_streams(corp):
    async with corp.http.get(f"{corp.url}/sim/events") as stream:
        await stream.content.readuntil(b"\n\n")
        corp.sim.hub.close()
        assert await stream.content.read() == b""


async def test_a_busy_hour_loses_nothing(corp):
    """Many families at once: every message is pulled once and answered once, every callback arrives."""
    families = [await corp.family(f"家长{n}") for n in range(40)]

    async def talks(family):
        for n in range(5):
            await family.says(f"第{n}句")
            await family.hears(f"回第{n}句", msgid=f"{family.id[-8:]}-{n}")

    await asyncio.gather(*(talks(family) for family in families))
    texts = [item["text"]["content"] for item in await corp.pull() if item["msgtype"] == "text"]
    assert len(texts) == 200
    assert len(await corp.delivered()) == 200
    assert len((await corp.control("GET", "ledger"))["messages"]) == 200
