"""Our client: one shared token, a few retries, typed errors, and nothing secret in any of them."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from integrations.wecom.token import MemoryTokenStore
from integrations.weixin.client import WeixinClient
from integrations.weixin.errors import MEANINGS, WeixinError, weixin_error
from tests.integrations.weixin.platform import ZHAO, Platform

Connect = Callable[..., WeixinClient]
INFO = "user/info"


async def who(client: WeixinClient, platform: Platform) -> dict[str, Any]:
    return await client.get("cgi-bin/user/info", openid=await platform.openid())


async def refused(client: WeixinClient, platform: Platform) -> WeixinError:
    with pytest.raises(WeixinError) as failure:
        await who(client, platform)
    return failure.value


async def send(client: WeixinClient, platform: Platform, *, repeatable: bool) -> dict[str, Any]:
    data = {"thing1": {"value": "随访任务提醒"}, "time2": {"value": "09:00"}, "thing3": {"value": "示范儿童医院"}}
    body = {"touser": await platform.openid(), "template_id": platform.app().templates[0].id, "data": data}
    if repeatable:
        body["client_msg_id"] = "k1"
    return await client.post("cgi-bin/message/template/send", body, repeatable=repeatable)


async def test_many_calls_in_many_processes_share_one_token(platform: Platform, connect: Connect) -> None:
    tokens = MemoryTokenStore()
    clients = [connect(tokens=tokens) for _ in range(3)]
    await asyncio.gather(*(who(client, platform) for client in clients for _ in range(5)))
    assert len(platform.sim.world.tokens) == 1


async def test_a_token_is_renewed_before_it_ends(platform: Platform, connect: Connect) -> None:
    client = connect()
    await who(client, platform)
    await platform.control("clock", advance=7000)
    await who(client, platform)
    assert await platform.rejected() == {}


@pytest.mark.parametrize("errcode", [40001, 40014, 42001])
async def test_a_token_that_is_refused_is_replaced_once(platform: Platform, connect: Connect, errcode: int) -> None:
    client = connect()
    await who(client, platform)
    # The platform still hands the same token out, so that only a forced one can help.
    await platform.control("faults", path=INFO, errcode=errcode, times=1)
    assert (await who(client, platform))["subscribe"] == 0
    assert len(platform.sim.world.forced) == 1
    await platform.control("faults", path=INFO, errcode=errcode, times=None)
    assert (await refused(client, platform)).code == "busy"
    assert (await platform.rejected())[("cgi-bin/user/info", errcode)] == 3


async def test_revoked_tokens_are_replaced_without_force(platform: Platform, connect: Connect) -> None:
    client = connect()
    await who(client, platform)
    await platform.control("tokens/revoke", {"all": True})
    await who(client, platform)
    assert platform.sim.world.forced == {}


async def test_busy_is_tried_again_and_given_up(platform: Platform, connect: Connect) -> None:
    client = connect()
    await platform.control("faults", path=INFO, errcode=-1, times=2)
    await who(client, platform)
    await platform.control("faults", path=INFO, errcode=-1, times=None)
    error = await refused(client, platform)
    assert (error.code, error.errcode, error.permanent) == ("busy", -1, False)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        ({"http_status": 502}, "unreachable"),
        ({"body": '{"errc'}, "garbage_reply"),
        ({"body": "[1]"}, "garbage_reply"),
        ({"body": '{"errcode": "x"}'}, "garbage_reply"),
        ({"body": "[" * 100000}, "garbage_reply"),
        ({"http_status": 302, "body": "moved"}, "garbage_reply"),
        ({"http_status": 404}, "garbage_reply"),
        ({"drop": True}, "unreachable"),
    ],
)
async def test_no_usable_answer(platform: Platform, connect: Connect, order: dict[str, Any], code: str) -> None:
    client = connect()
    await who(client, platform)
    await platform.control("faults", path=INFO, times=2, **order)
    await who(client, platform)
    await platform.control("faults", path=INFO, times=None, **order)
    error = await refused(client, platform)
    assert (error.code, error.permanent) == (code, False)
    assert not any(token in f"{error} {error!r} {error.__context__!r}" for token in platform.sim.world.tokens)


async def test_a_send_whose_answer_is_lost_is_repeated_only_with_an_identity(platform: Platform, connect: Connect) -> None:
    client = connect()
    await platform.zhao("follow")
    order = {"path": "message/template/send", "drop": True, "after": True}
    await platform.control("faults", order)
    assert (await send(client, platform, repeatable=True))["msgid"]
    assert len(await platform.ledger()) == 1
    await platform.control("faults", order)
    with pytest.raises(WeixinError) as lost:
        await send(client, platform, repeatable=False)
    assert (lost.value.code, lost.value.permanent) == ("unknown_outcome", False)
    assert len(await platform.ledger()) == 2
    await platform.control("faults", {**order, "times": None})
    with pytest.raises(WeixinError) as lost:
        await send(client, platform, repeatable=True)
    assert lost.value.code == "unknown_outcome"


async def test_a_slow_answer_is_not_waited_for(platform: Platform, connect: Connect) -> None:
    client = connect(timeout=0.3)
    await platform.zhao("follow")
    await client.token()
    await platform.control("faults", path="message/template/send", delay=2, times=1)
    with pytest.raises(WeixinError) as lost:
        await send(client, platform, repeatable=False)
    assert lost.value.code == "unknown_outcome"


async def test_a_token_fetch_that_hangs_ends_too(platform: Platform, connect: Connect) -> None:
    client = connect(timeout=0.2)
    await platform.control("faults", path="stable_token", delay=1, times=3)
    assert (await refused(client, platform)).code == "unreachable"


async def test_a_server_that_is_not_there_never_got_anything(platform: Platform, connect: Connect) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        tokens = MemoryTokenStore()
        live = connect(tokens=tokens)
        await live.token()
        client = WeixinClient(
            nobody, platform.app().appid, platform.app().secret, tokens, platform.clock.now, sleep=lambda _: asyncio.sleep(0)
        )
        with pytest.raises(WeixinError) as failure:
            await send(client, platform, repeatable=False)
        client.close()
    assert (failure.value.code, failure.value.permanent) == ("unreachable", False)


async def test_a_wrong_secret_is_not_asked_with_again_for_a_minute(platform: Platform, connect: Connect) -> None:
    client = connect(secret="wrong")
    for _ in range(3):
        error = await refused(client, platform)
        assert (error.code, error.permanent, error.errcode) == ("bad_secret", True, 40125)
    assert (await platform.rejected())[("cgi-bin/stable_token", 40125)] == 1
    await platform.control("clock", advance=61)
    await refused(client, platform)
    assert (await platform.rejected())[("cgi-bin/stable_token", 40125)] == 2


async def test_the_callers_address_must_be_on_the_list(platform: Platform, connect: Connect) -> None:
    await platform.control("config", ip_allow_list=["10.0.0.1"])
    error = await refused(connect(), platform)
    assert (error.code, error.permanent) == ("not_granted", True)


async def test_who_opened_the_mini_program(platform: Platform, connect: Connect) -> None:
    client = connect("mini_program")
    code = (await platform.zhao("login"))["code"]
    reply = await client.login(code)
    assert (reply["openid"], reply["unionid"]) == (await platform.openid("mini_program"), ZHAO)
    with pytest.raises(WeixinError) as used:
        await client.login(code)
    assert (used.value.code, used.value.permanent) == ("login_code", True)


async def test_the_loop_is_never_held_up(platform: Platform, connect: Connect) -> None:
    client = connect()
    here = threading.current_thread()
    used: list[threading.Thread] = []
    blocking = client._blocking
    client._blocking = lambda *args: (used.append(threading.current_thread()), blocking(*args))[1]  # type: ignore[method-assign]
    await asyncio.gather(*(who(client, platform) for _ in range(4)))
    assert used and here not in used


@pytest.mark.parametrize(
    ("errcode", "code", "permanent"),
    [
        (43101, "not_subscribed", True),
        (43004, "not_subscribed", True),
        (47003, "bad_field", True),
        (40003, "bad_address", True),
        (40037, "bad_template", True),
        (45009, "over_quota", False),
        (40038, "over_quota", False),
        (45011, "rate_limited", False),
        (40164, "not_granted", True),
        (43107, "not_granted", True),
        (45168, "content_refused", True),
        (12345, "unknown_errcode", True),
    ],
)
def test_numbers_have_meanings(errcode: int, code: str, permanent: bool) -> None:
    error = weixin_error(errcode)
    assert (error.code, error.permanent) == (code, permanent)
    assert (error.retry_after is not None) == (code in ("over_quota", "rate_limited"))


def test_only_what_can_pass_by_itself_is_not_permanent() -> None:
    passing = {meaning.code for meaning in MEANINGS.values() if not meaning.permanent}
    assert passing == {"busy", "token_stale", "over_quota", "rate_limited"}
