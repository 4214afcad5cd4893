"""access_token, rights, addresses, tickets, login, and the shape of errors."""

import re

import pytest

from integrations.wecom.simulator import AppConfig
from integrations.wecom.simulator.errors import TEXTS

ACCOUNT = "wkSimulatedChildrensHospital01"


@pytest.fixture
def config(config):
    config.apps.append(AppConfig(secret="message-only", agentid=1000003, name="通知", rights={"message"}))
    config.apps.append(AppConfig(secret="other-account", agentid=1000004, name="另一客服", rights={"kf"}, open_kfids=["wkOther"]))
    return config


async def raw_error(corp, method, path, **more):
    async with await corp.raw(method, path, **more) as reply:
        assert reply.status == 200
        return (await reply.json())["errcode"]


async def test_the_same_token_until_it_expires(corp):
    first = await corp.token()
    await corp.pass_time(7100)
    assert await corp.token() == first
    await corp.pass_time(101)
    second = await corp.token()
    assert second != first
    assert await raw_error(corp, "GET", "getcallbackip", params={"access_token": first}) == 42001
    assert len(second) <= 512


async def test_a_token_may_die_early(corp):
    first = await corp.token()
    assert await corp.control("POST", "tokens/revoke", {}) == {"revoked": 1}
    assert await raw_error(corp, "GET", "getcallbackip", params={"access_token": first}) == 40014
    assert await corp.token() != first


@pytest.mark.parametrize(
    ("query", "errcode"),
    [
        ({"corpid": "wwsimulatedcorp01", "corpsecret": "wrong"}, 40001),
        ({"corpid": "wwother", "corpsecret": "simulator-app-secret"}, 40013),
        ({"corpid": "wwsimulatedcorp01"}, 41004),
        ({"corpsecret": "simulator-app-secret"}, 41002),
    ],
)
async def test_wrong_credentials(corp, query, errcode):
    assert await raw_error(corp, "GET", "gettoken", params=query) == errcode


async def test_wrong_secrets_for_too_long_block_for_an_hour(corp, monkeypatch):
    monkeypatch.setattr("integrations.wecom.simulator.tokens.FAILED_PER_HOUR", 3)
    wrong = {"corpid": "wwsimulatedcorp01", "corpsecret": "wrong"}
    assert [await raw_error(corp, "GET", "gettoken", params=wrong) for _ in range(4)] == [40001, 40001, 40001, 45009]
    await corp.pass_time(3601)
    assert await raw_error(corp, "GET", "gettoken", params=wrong) == 40001


async def test_the_token_belongs_in_the_query(corp):
    body = {"open_kfid": ACCOUNT, "access_token": await corp.token()}
    assert await raw_error(corp, "POST", "kf/sync_msg", json=body) == 41001
    assert await raw_error(corp, "GET", "getcallbackip", params={"access_token": "made-up"}) == 40014


async def test_each_secret_has_its_own_token_and_rights(corp):
    assert await corp.token() != await corp.token("message-only")
    await corp.call("kf/sync_msg", {"open_kfid": ACCOUNT}, secret="message-only", errcode=48002)
    await corp.call("kf/sync_msg", {"open_kfid": ACCOUNT}, secret="other-account", errcode=48007)
    await corp.call("kf/servicer/list", secret="other-account", open_kfid=ACCOUNT, errcode=48007)
    await corp.call("externalcontact/get_follow_user_list", secret="message-only", errcode=48002)
    message = {"touser": "linyue", "msgtype": "text", "text": {"content": "x"}}
    await corp.call("message/send", {**message, "agentid": 1000003}, errcode=301002)
    await corp.call("message/send", {**message, "agentid": 77}, errcode=40056)
    await corp.call("message/send", {**message, "agentid": "1000002"}, errcode=40056)


async def test_addresses_outside_the_list_are_refused(corp):
    token = await corp.token()
    await corp.switch(ip_allow_list=["203.0.113.7"])
    assert await raw_error(corp, "GET", "getcallbackip", params={"access_token": token}) == 60020
    await corp.switch(ip_allow_list=["203.0.113.7", "127.0.0.1"])
    assert await raw_error(corp, "GET", "getcallbackip", params={"access_token": token}) == 0


async def test_errors_read_as_the_platform_writes_them(corp):
    answer = await corp.call("kf/sync_msg", {"open_kfid": "wkNowhere"}, errcode=95004)
    assert re.fullmatch(
        r"open_kfid not exist, hint: \[\d{20,30}\], from ip: 127\.0\.0\.1, "
        r"more info at https://open\.work\.weixin\.qq\.com/devtool/query\?e=95004",
        answer["errmsg"],
    )


async def test_broken_json_wrong_methods_and_unknown_paths(corp):
    params = {"access_token": await corp.token()}
    for data in (b"{", b"[1]", b'"x"', b'{"open_kfid": "\\ud800"}', b"\xff"):
        assert await raw_error(corp, "POST", "kf/sync_msg", params=params, data=data) == 40058
    assert await raw_error(corp, "GET", "kf/sync_msg", params=params) == 40058
    assert await raw_error(corp, "POST", "kf/nothing", params=params, json={}) == 40058
    await corp.switch(reject_unicode_escapes=True)
    assert await raw_error(corp, "POST", "kf/sync_msg", params=params, data=b'{"open_kfid": "\\u513f"}') == 40033


async def test_calls_are_counted_by_minute_and_the_block_ends_with_it(corp):
    await corp.switch(api_per_minute=2)
    for errcode in (0, 0, 45009):
        await corp.call("getcallbackip", errcode=errcode)
    await corp.call("get_api_domain_ip")
    await corp.pass_time(60)
    assert (await corp.call("getcallbackip"))["ip_list"]


async def test_tickets_are_per_app_and_kind(corp):
    corp_ticket = (await corp.call("get_jsapi_ticket"))["ticket"]
    app_ticket = (await corp.call("ticket/get", type="agent_config"))["ticket"]
    assert corp_ticket != app_ticket
    assert (await corp.call("get_jsapi_ticket"))["ticket"] == corp_ticket
    await corp.call("ticket/get", type="other", errcode=40005)
    await corp.pass_time(7201)
    assert (await corp.call("get_jsapi_ticket"))["ticket"] != corp_ticket


async def test_a_login_code_works_once_for_five_minutes(corp):
    async def code():
        return (await corp.control("POST", "members/linyue/oauth_code", {"agentid": 1000002}))["code"]

    first = await code()
    assert (await corp.call("auth/getuserinfo", code=first))["userid"] == "linyue"
    await corp.call("auth/getuserinfo", code=first, errcode=42022)
    late = await code()
    await corp.pass_time(301)
    await corp.call("auth/getuserinfo", code=late, errcode=42003)
    await corp.call("auth/getuserinfo", code="made-up", errcode=40029)
    await corp.call("auth/getuserinfo", code=await code(), secret="message-only", errcode=40029)


def test_every_text_is_a_short_sentence():
    assert all(text and len(text) < 80 for text in TEXTS.values())
