import asyncio
import logging
import random
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from integrations.wecom import kf, outbound
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import MEANINGS, WecomError
from integrations.wecom.limits import Limiter
from integrations.wecom.token import MemoryTokenStore, TokenStore, lifetime, token_key
from tests.integrations.wecom.fake import DROP, HANG, OK, Clock, FakeWecom, Status

HELLO = outbound.text("你好")
SENT = OK | {"msgid": "m1"}
BUSY = {"errcode": -1, "errmsg": "system busy"}
LOST = [DROP, HANG, Status(500), Status(502), b"<html>please log in</html>", b"", b"[]", b'{"msgid": "m1"}']
LOST_IDS = ["drop", "hang", "500", "502", "html", "empty", "list", "no errcode"]


async def failing(call: Any) -> WecomError:
    with pytest.raises(WecomError) as caught:
        await call
    return caught.value


async def test_a_call_carries_raw_chinese_and_the_token_only_in_the_query(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("kf/send_msg", SENT)
    assert await kf.send_msg(client, "wm1", "wk1", HELLO) == "m1"
    (asked,) = wecom.asked_for("kf/send_msg")
    assert asked.query == {"access_token": "token-1"}
    assert "你好".encode() in asked.raw and b"\\u" not in asked.raw and b"token" not in asked.raw
    assert asked.headers["Content-Type"].startswith("application/json")
    assert wecom.asked_for("gettoken")[0].query == {"corpid": "ww-corp", "corpsecret": "a-secret"}  # pragma: allowlist secret


async def test_many_calls_share_one_gettoken(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.slow = 0.01
    await asyncio.gather(*(client.get("kf/servicer/list", open_kfid=f"wk{i}") for i in range(40)))
    assert len(wecom.asked_for("gettoken")) == 1


async def test_a_revoked_token_is_fetched_once_for_many_calls(client: WecomClient, wecom: FakeWecom) -> None:
    await client.get("kf/servicer/list", open_kfid="wk1")
    wecom.revoke()
    wecom.asked.clear()
    wecom.slow = 0.01
    await asyncio.gather(*(client.get("kf/servicer/list", open_kfid=f"wk{i}") for i in range(40)))
    assert len(wecom.asked_for("gettoken")) == 1
    assert len(wecom.asked_for("kf/servicer/list")) == 80


@pytest.mark.parametrize("errcode", [40014, 42001])
async def test_a_token_that_stays_stale_is_renewed_once_and_then_given_up(client: WecomClient, wecom: FakeWecom, errcode: int) -> None:
    wecom.answer("kf/send_msg", {"errcode": errcode, "errmsg": "whatever"})
    error = await failing(kf.send_msg(client, "wm1", "wk1", HELLO))
    assert (error.code, error.errcode, error.permanent) == ("token_stale", errcode, False)
    assert len(wecom.asked_for("kf/send_msg")) == 2
    assert len(wecom.asked_for("gettoken")) == 2


async def test_the_token_is_renewed_five_minutes_early(client: WecomClient, wecom: FakeWecom, clock: Clock) -> None:
    await client.get("getcallbackip")
    clock.moment += timedelta(seconds=6899)
    await client.get("getcallbackip")
    assert len(wecom.asked_for("gettoken")) == 1
    clock.moment += timedelta(seconds=1)
    await client.get("getcallbackip")
    assert len(wecom.asked_for("gettoken")) == 2
    assert lifetime(60) == timedelta(seconds=30)


async def test_a_wrong_secret_does_not_storm_gettoken(client: WecomClient, wecom: FakeWecom, clock: Clock) -> None:
    wecom.answer("gettoken", {"errcode": 40001, "errmsg": "invalid credential"})
    errors = await asyncio.gather(*(failing(client.get("getcallbackip")) for _ in range(20)))
    errors.append(await failing(client.get("getcallbackip")))
    assert {(error.code, error.permanent) for error in errors} == {("bad_secret", True)}
    assert len(wecom.asked_for("gettoken")) == 1
    clock.moment += timedelta(minutes=1)
    await failing(client.get("getcallbackip"))
    assert len(wecom.asked_for("gettoken")) == 2


@pytest.mark.parametrize("bad", [*LOST, BUSY, OK], ids=[*LOST_IDS, "busy", "no token"])
async def test_gettoken_is_tried_again(wecom: FakeWecom, session: aiohttp.ClientSession, base_url: str, clock: Clock, bad: Any) -> None:
    client = WecomClient(session, base_url, "ww-corp", "a-secret", MemoryTokenStore(), clock, clock.sleep, timeout=0.3)
    wecom.answer("gettoken", bad, OK | {"access_token": "token-1", "expires_in": 7200})
    await client.get("getcallbackip")
    wecom.answer("gettoken", bad)
    clock.moment += timedelta(days=1)
    assert (await failing(client.get("getcallbackip"))).code in ("unreachable", "garbage_reply", "busy")
    # aiohttp by itself asks a GET once more when a kept connection turns out to be closed.
    assert 6 <= len(wecom.asked_for("gettoken")) <= (10 if bad == DROP else 6)


async def test_busy_is_tried_three_more_times_with_growing_waits(client: WecomClient, wecom: FakeWecom, clock: Clock) -> None:
    wecom.answer("kf/send_msg", BUSY, BUSY, BUSY, SENT)
    assert await kf.send_msg(client, "wm1", "wk1", HELLO) == "m1"
    assert len(clock.waits) == 3
    assert all(0.5 * base <= wait <= 1.5 * base for wait, base in zip(clock.waits, (0.5, 1, 2), strict=True))
    wecom.answer("kf/send_msg", BUSY)
    assert (await failing(kf.send_msg(client, "wm1", "wk1", HELLO))).code == "busy"
    assert len(wecom.asked_for("kf/send_msg")) == 8


async def test_patience_ends_before_a_senders_lease(
    wecom: FakeWecom, session: aiohttp.ClientSession, base_url: str, clock: Clock, tokens: TokenStore
) -> None:
    client = WecomClient(session, base_url, "ww-corp", "a-secret", tokens, clock, clock.sleep, random.Random(7), patience=1.0)
    wecom.answer("kf/sync_msg", BUSY)
    assert (await failing(kf.sync_msg(client, "wk1"))).code == "busy"
    assert len(wecom.asked_for("kf/sync_msg")) < 4 and sum(clock.waits) < 3


async def test_concurrency_waits_and_goes_on(client: WecomClient, wecom: FakeWecom, clock: Clock) -> None:
    wecom.answer("media/get", {"errcode": 45033, "errmsg": ""}, web.Response(body=b"GIF89a", content_type="image/gif"))
    assert (await client.download("m1")).data == b"GIF89a"
    assert len(clock.waits) == 1


async def test_rate_limit_tells_how_long_and_longer_when_that_did_not_help(client: WecomClient, wecom: FakeWecom, clock: Clock) -> None:
    wecom.answer("kf/sync_msg", {"errcode": 45009, "errmsg": "api freq out of limit"})
    pauses = []
    for _ in range(4):
        error = await failing(kf.sync_msg(client, "wk1"))
        assert (error.code, error.permanent) == ("rate_limited", False)
        assert error.retry_after is not None
        pauses.append(error.retry_after)
        clock.moment += timedelta(seconds=error.retry_after)
    assert pauses == [60, 3600, 86400, 86400]
    assert len(wecom.asked_for("kf/sync_msg")) == 4
    clock.moment += timedelta(days=9)
    assert (await failing(kf.sync_msg(client, "wk1"))).retry_after == 60
    clock.moment += timedelta(seconds=20)
    assert (await failing(kf.sync_msg(client, "wk1"))).retry_after == 40


def slow_server_client(session: aiohttp.ClientSession, base_url: str, clock: Clock) -> WecomClient:
    return WecomClient(session, base_url, "ww-corp", "a-secret", MemoryTokenStore(), clock, clock.sleep, random.Random(1), timeout=0.3)


@pytest.mark.parametrize("lost", LOST, ids=LOST_IDS)
async def test_a_read_is_tried_again(wecom: FakeWecom, session: aiohttp.ClientSession, base_url: str, clock: Clock, lost: Any) -> None:
    client = slow_server_client(session, base_url, clock)
    wecom.answer("kf/sync_msg", lost, lost, OK | {"next_cursor": "c", "has_more": 0, "msg_list": []})
    assert (await kf.sync_msg(client, "wk1")).next_cursor == "c"
    wecom.answer("kf/sync_msg", lost)
    error = await failing(kf.sync_msg(client, "wk1"))
    assert error.code in ("unreachable", "garbage_reply") and not error.permanent
    assert len(wecom.asked_for("kf/sync_msg")) == 7


@pytest.mark.parametrize("lost", LOST, ids=LOST_IDS)
async def test_a_send_whose_answer_is_lost_is_not_sent_again(
    wecom: FakeWecom, session: aiohttp.ClientSession, base_url: str, clock: Clock, lost: Any
) -> None:
    client = slow_server_client(session, base_url, clock)
    wecom.answer("kf/send_msg", lost)
    error = await failing(kf.send_msg(client, "wm1", "wk1", HELLO))
    assert (error.code, error.permanent) == ("unknown_outcome", False)
    assert len(wecom.asked_for("kf/send_msg")) == 1


@pytest.mark.parametrize("lost", LOST, ids=LOST_IDS)
async def test_a_send_with_a_msgid_is_tried_again_with_the_same_body(
    wecom: FakeWecom, session: aiohttp.ClientSession, base_url: str, clock: Clock, lost: Any
) -> None:
    client = slow_server_client(session, base_url, clock)
    wecom.answer("kf/send_msg", lost, SENT)
    assert await kf.send_msg(client, "wm1", "wk1", HELLO, msgid="m1") == "m1"
    first, second = wecom.asked_for("kf/send_msg")
    assert first.raw == second.raw
    wecom.answer("kf/send_msg", lost)
    assert (await failing(kf.send_msg(client, "wm1", "wk1", HELLO, msgid="m1"))).code == "unknown_outcome"


@pytest.mark.parametrize(
    ("errcode", "code"),
    [(95018, "unknown_outcome"), (95001, "unknown_outcome"), (40058, "duplicate_message"), (77777, "duplicate_message")],
)
async def test_a_refused_repeat_says_that_the_first_may_have_arrived(
    client: WecomClient, wecom: FakeWecom, errcode: int, code: str
) -> None:
    wecom.answer("kf/send_msg", Status(500), {"errcode": errcode, "errmsg": ""})
    error = await failing(kf.send_msg(client, "wm1", "wk1", HELLO, msgid="m1"))
    assert (error.code, error.errcode) == (code, errcode)
    error = await failing(kf.send_msg(client, "wm1", "wk1", HELLO, msgid="m1", repeat=True))
    assert (error.code, error.errcode) == (code, errcode)


async def test_a_first_refusal_is_a_plain_refusal(client: WecomClient, wecom: FakeWecom) -> None:
    for errcode, code in ((95018, "session_state"), (95001, "over_quota"), (40058, "bad_request"), (77777, "unknown_errcode")):
        wecom.answer("kf/send_msg", {"errcode": errcode, "errmsg": ""})
        assert (await failing(kf.send_msg(client, "wm1", "wk1", HELLO, msgid="m1"))).code == code


async def test_a_recall_is_not_taken_for_a_send(client: WecomClient, wecom: FakeWecom) -> None:
    wecom.answer("message/recall", Status(500), {"errcode": 77777, "errmsg": ""})
    assert (await failing(client.post("message/recall", {"msgid": "m1"}))).code == "unknown_errcode"


async def test_a_token_lost_during_a_doubtful_send_leaves_the_doubt(client: WecomClient, wecom: FakeWecom) -> None:
    await client.get("getcallbackip")
    wecom.answer("kf/send_msg", Status(500), {"errcode": 42001, "errmsg": ""})
    wecom.answer("gettoken", {"errcode": 40001, "errmsg": ""})
    assert (await failing(kf.send_msg(client, "wm1", "wk1", HELLO, msgid="m1"))).code == "unknown_outcome"


async def test_a_closed_port_is_known_not_to_have_sent(session: aiohttp.ClientSession, clock: Clock, unused_tcp_port: int) -> None:
    tokens = MemoryTokenStore()

    async def token() -> tuple[str, int]:
        return "token-1", 7200

    await tokens.refresh(token_key("ww-corp", "a-secret"), None, token, clock())
    client = WecomClient(session, f"http://127.0.0.1:{unused_tcp_port}", "ww-corp", "a-secret", tokens, clock, clock.sleep)
    error = await failing(kf.send_msg(client, "wm1", "wk1", HELLO))
    assert (error.code, error.permanent) == ("unreachable", False)
    assert len(clock.waits) == 3


async def test_no_error_carries_token_or_secret(
    wecom: FakeWecom, session: aiohttp.ClientSession, base_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    client = slow_server_client(session, base_url, clock)
    for lost in (*LOST, {"errcode": 95018, "errmsg": "hint"}):
        wecom.answer("kf/sync_msg", lost)
        try:
            await kf.sync_msg(client, "wk1")
        except WecomError:
            logging.getLogger("test").exception("failed")
        else:
            pytest.fail("should have failed")
    assert "token-1" not in caplog.text and "a-secret" not in caplog.text and caplog.text.count("Traceback") >= len(LOST)


async def test_half_a_surrogate_is_refused_before_the_call(client: WecomClient, wecom: FakeWecom) -> None:
    error = await failing(client.post("kf/send_msg", {"text": "\ud83d"}))
    assert (error.code, error.permanent) == ("bad_request", True)
    assert wecom.asked_for("kf/send_msg") == []


async def test_recorded_errors_have_a_class(client: WecomClient, wecom: FakeWecom, error_sample: dict[str, Any]) -> None:
    api, reply = error_sample["api"].split()[0], error_sample["response"]
    wecom.answer(api, reply)
    call = client.download("m1") if api == "media/get" else client.get("getcallbackip") if api == "gettoken" else client.post(api, {})
    error = await failing(call)
    expected = {95018: "session_state", 41016: "bad_request", 40007: "media_gone", 43003: "bad_request"}
    assert (error.code, error.errcode) == (expected[reply["errcode"]], reply["errcode"])
    assert "hint" not in str(error)


def test_every_listed_number_has_one_meaning() -> None:
    assert MEANINGS[95001].code == "over_quota" and MEANINGS[95002].code == "window_closed"
    assert MEANINGS[84061].permanent and not MEANINGS[95019].permanent
    assert 0 not in MEANINGS


async def test_a_cancelled_caller_leaves_the_fetch_to_the_others(tokens: TokenStore, clock: Clock) -> None:
    gate, fetched = asyncio.Event(), 0

    async def fetch() -> tuple[str, int]:
        nonlocal fetched
        fetched += 1
        await gate.wait()
        return "token-1", 7200

    first, second = (asyncio.create_task(tokens.refresh("k", None, fetch, clock())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == "token-1" and fetched == 1
    assert await tokens.get("k", clock()) == "token-1"


async def test_somebody_elses_fresh_token_is_taken(tokens: TokenStore, clock: Clock) -> None:
    async def fetch() -> tuple[str, int]:
        return "fresh", 7200

    async def never() -> tuple[str, int]:
        raise AssertionError("fetched again")

    await tokens.refresh("k", None, fetch, clock())
    assert await tokens.refresh("k", "stale", never, clock()) == "fresh"
    assert await tokens.refresh("k", None, never, clock()) == "fresh"


def test_two_secrets_with_one_head_have_two_slots() -> None:
    head = "0123456789"
    assert len({token_key("ww", head + "a"), token_key("ww", head + "b"), token_key("w", "w" + head + "a")}) == 3


class Everybody:
    """A limit of all processes on messages into chats, at which nobody has to wait."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bool]] = []

    def keeps(self, path: str) -> bool:
        return path == "kf/send_msg"

    async def take(self, path: str, *, bulk: bool) -> None:
        self.asked.append((path, bulk))


async def test_a_reply_does_not_wait_for_what_its_own_process_has_sent_in_bulk(
    session: aiohttp.ClientSession, base_url: str, wecom: FakeWecom, clock: Clock
) -> None:
    wecom.answer("kf/send_msg", SENT)
    everybody, own = Everybody(), Limiter(per_minute=10)
    client = WecomClient(
        session, base_url, "ww-corp", "a-secret", MemoryTokenStore(), clock, sleep=clock.sleep, limiter=own, pace=everybody
    )
    for _ in range(30):
        await kf.send_msg(client, "wm1", "wk1", HELLO, bulk=True)
    await kf.send_msg(client, "wm1", "wk1", HELLO)
    assert everybody.asked == [("kf/send_msg", True)] * 30 + [("kf/send_msg", False)]
    assert not clock.waits
    for _ in range(2):
        await client.get("kf/servicer/list", open_kfid="wk1")
    assert clock.waits
