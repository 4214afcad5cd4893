"""Encrypted callbacks: padding, retries, duplicates, disorder, loss."""

import asyncio

import pytest
from aiohttp import web
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.enterprise.exceptions import InvalidCorpIdException

ACCOUNT = "wkSimulatedChildrensHospital01"


async def test_a_kf_callback_says_only_that_there_is_news(corp):
    mother = await corp.family()
    await mother.says("宝宝发烧了")
    (event,) = await corp.delivered()
    assert {key: event[key] for key in ("ToUserName", "MsgType", "Event", "OpenKfId")} == {
        "ToUserName": corp.sim.config.corp_id,
        "MsgType": "event",
        "Event": "kf_msg_or_event",
        "OpenKfId": ACCOUNT,
    }
    assert set(event) == {"ToUserName", "CreateTime", "MsgType", "Event", "Token", "OpenKfId"}


async def test_paddings_beyond_a_stock_block_occur(corp):
    mother = await corp.family()
    for n in range(60):
        await mother.says(str(n))
    await corp.delivered()
    assert {pad > 16 for pad in corp.receiver.paddings} == {True, False}
    assert all(1 <= pad <= 32 for pad in corp.receiver.paddings)


async def test_another_corps_id_does_not_open_it(corp):
    target = corp.app.callback
    corp.receiver.crypto = WeChatCrypto(target.token, target.encoding_aes_key, "wwSomebodyElse")
    mother = await corp.family()
    failures = []

    async def refuse(request):
        try:
            return await type(corp.receiver).handle(corp.receiver, request)
        except InvalidCorpIdException as err:
            failures.append(err)
            return web.Response(status=403)

    app = web.Application()
    app.router.add_post("/callback", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    target.url = f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    await mother.says("在吗")
    assert await corp.delivered() == []
    assert failures
    await runner.cleanup()


async def test_the_address_check_echoes(corp):
    assert await corp.control("POST", "callback/verify", {}) == {"ok": True}
    target = corp.app.callback
    corp.receiver.crypto = WeChatCrypto("WrongToken", target.encoding_aes_key, corp.sim.config.corp_id)
    assert await corp.control("POST", "callback/verify", {}) == {"ok": False}


@pytest.mark.parametrize(("mode", "tries"), [("3", 3), ("1+3", 4)])
async def test_a_refused_callback_comes_again_with_the_same_token(corp, mode, tries):
    await corp.switch(retry_mode=mode)
    corp.receiver.answer = lambda: web.Response(status=502)
    mother = await corp.family()
    await mother.says("在吗")
    events = await corp.delivered()
    assert len(events) == tries
    assert len({event["Token"] for event in events}) == 1
    assert len({query["msg_signature"] for query in corp.receiver.queries}) == tries


async def test_a_slow_answer_counts_as_none(corp):
    await corp.switch(callback_timeout=0.05, retry_mode="3")
    handle, served = corp.receiver.handle, []

    async def slow(request):
        served.append(await handle(request))
        await asyncio.sleep(0.5 if len(served) == 1 else 0)
        return web.Response(text="success")

    app = web.Application()
    app.router.add_post("/callback", slow)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    corp.app.callback.url = f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    mother = await corp.family()
    await mother.says("在吗")
    await corp.delivered()
    assert len(served) == 2
    assert [entry["outcome"] for entry in await corp.control("GET", "callback")] == ["timeout", "200"]
    await runner.cleanup()


async def test_duplicates_on_demand(corp):
    await corp.control("POST", "callback", {"duplicate": 2})
    mother = await corp.family()
    await mother.says("在吗")
    events = await corp.delivered()
    assert len(events) == 3
    assert len({event["Token"] for event in events}) == 1


async def test_disorder_on_demand(corp):
    await corp.control("POST", "callback", {"hold": True, "reorder": True})
    mother = await corp.family()
    for n in range(12):
        await corp.pass_time(1)
        await mother.says(str(n))
    assert await corp.delivered() == []
    await corp.control("POST", "callback", {"hold": False})
    times = [int(event["CreateTime"]) for event in await corp.delivered()]
    assert len(times) == 12
    assert times != sorted(times)


async def test_loss_on_demand_keeps_the_message(corp):
    await corp.control("POST", "callback", {"lose": 1})
    mother = await corp.family()
    await mother.says("第一条")
    await mother.says("第二条")
    assert len(await corp.delivered()) == 1
    assert [item["text"]["content"] for item in await corp.pull()] == ["第一条", "第二条"]


async def test_unknown_settings_are_refused(corp):
    await corp.control("POST", "callback", {"dupe": 1}, status=400)
    await corp.control("POST", "callback", {"duplicate": "many"}, status=400)
