"""How fast the gateway acknowledges WeCom's callbacks while a worker takes turns."""

import asyncio
import time
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import Progress
from sqlalchemy import func, select

from bot.app import WecomAccess
from bot.bench.load import conversations
from bot.bench.processes import BenchError, run_to_the_end
from bot.bench.report import Result, percentiles, result
from bot.bench.service import Service, at_a_steady_pace, service
from integrations.wecom.callback import Callback
from integrations.wecom.signed import signature
from records.message import Inbound
from records.wecom import KfAccount

PER_SECOND, MESSAGES_PER_SECOND = 200.0, 10.0
ACCOUNTS, FAMILIES, PATIENCE = 8, 50, 15.0
P99_MS, GATEWAY_MB = 50.0, 120.0

# Query and body of a callback.
Sealed = tuple[dict[str, str], bytes]


def run(*, seconds: float = 15.0, with_worker: bool = True) -> Result:
    """Send 200 encrypted, signed callbacks a second for `seconds` over kept-alive connections, whatever became of the ones before,
    while a worker answers 10 messages a second. Raises BenchError."""
    return run_to_the_end(_run(seconds, with_worker))


async def _run(seconds: float, with_worker: bool) -> Result:
    count = round(seconds * PER_SECOND)
    async with service(accounts=ACCOUNTS, families=FAMILIES, workers=int(with_worker)) as running:
        bodies = seal(running.access, await news_tokens(running), count, datetime.now(UTC))
        took: list[float] = []
        codes: dict[int, int] = {}
        with Progress(console=Console(stderr=True), transient=True, refresh_per_second=1) as progress:
            bar = progress.add_task("callbacks", total=count)

            async def post(sealed: Sealed) -> None:
                seconds, status = await knock(running, sealed)
                took.append(seconds)
                codes[status] = codes.get(status, 0) + 1
                progress.advance(bar)

            # Connections, plans and pools are made before anything is measured.
            await at_a_steady_pace(50, PER_SECOND / 2, lambda number: post(bodies[number % count]))
            took.clear()
            codes.clear()
            progress.reset(bar)
            watching = asyncio.create_task(running.watch())
            talking = asyncio.create_task(_talk(running, seconds)) if with_worker else None
            lags = await at_a_steady_pace(count, PER_SECOND, lambda number: post(bodies[number]))
            said = await talking if talking is not None else 0
            handled = await _handled(running)
            watching.cancel()
    worst = percentiles(took, "acknowledged", 0.5, 0.99)
    refused = sum(number for status, number in codes.items() if status != 200)
    figures = {
        "callbacks": len(took),
        "refused": refused,
        **worst,
        "acknowledged_max_ms": round(1000 * max(took), 1),
        **percentiles(lags, "sender_lag", 0.5, 0.99),
        "messages_said": said,
        "messages_handled_at_the_end": handled,
        "gateway_rss_mb": running.rss.get("gateway", 0.0),
    }
    meets = {
        "p99_below_50ms": not refused and len(took) == count and worst["acknowledged_p99_ms"] < P99_MS,
        "gateway_below_120mb": 0 < figures["gateway_rss_mb"] < GATEWAY_MB,
    }
    return result("callback", figures, meets)


async def knock(running: Service, sealed: Sealed) -> tuple[float, int]:
    """Post one callback to the gateway; how many seconds its answer took, and the answer's status. Raises aiohttp.ClientError."""
    query, body = sealed
    begin = time.perf_counter()
    async with running.session.post(f"{running.gateway_url}/wecom/callback", params=query, data=body) as answer:
        await answer.read()
    return time.perf_counter() - begin, answer.status


async def news_tokens(running: Service) -> dict[str, str]:
    """The token of each account's last genuine callback, good for ten minutes: a family writes to each, and the gateway keeps it.

    Raises BenchError when they do not arrive.
    """
    for account in running.accounts:
        await running.say(running.families[0], "1", account=account)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        async with running.db.transaction() as tx:
            rows = await tx.execute(select(KfAccount.open_kfid, KfAccount.news_token))
            found = {account: token for account, token in rows if token}
        if len(found) == len(running.accounts):
            return found
        await asyncio.sleep(0.1)
    raise BenchError("The simulator's own callbacks did not arrive at the gateway.")


def seal(access: WecomAccess, tokens: dict[str, str], count: int, now: datetime) -> list[Sealed]:
    """`count` callbacks "account X has news", the accounts of `tokens` in turn, each encrypted and signed by itself as WeCom does."""
    accounts = list(tokens.items())
    address = Callback(access.callback_token, access.callback_aes_key, access.corp_id)
    stamp = str(int(now.timestamp()))
    made = []
    for number in range(count):
        account, token = accounts[number % len(accounts)]
        plain = (
            f"<xml><ToUserName><![CDATA[{access.corp_id}]]></ToUserName><CreateTime>{stamp}</CreateTime>"
            "<MsgType><![CDATA[event]]></MsgType><Event><![CDATA[kf_msg_or_event]]></Event>"
            f"<Token><![CDATA[{token}]]></Token><OpenKfId><![CDATA[{account}]]></OpenKfId></xml>"
        )
        encrypted, nonce = address.encrypt(plain), f"{number:010d}"
        query = {"msg_signature": signature(access.callback_token, stamp, nonce, encrypted), "timestamp": stamp, "nonce": nonce}
        body = (
            f"<xml><ToUserName><![CDATA[{access.corp_id}]]></ToUserName><AgentID><![CDATA[{access.agent_id}]]></AgentID>"
            f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
        )
        made.append((query, body.encode()))
    return made


async def _talk(running: Service, seconds: float) -> int:
    """Families write, 10 messages a second; how many."""
    said = [each for talk in conversations(FAMILIES, 9) for each in talk]
    count = round(seconds * MESSAGES_PER_SECOND)

    async def say(number: int) -> None:
        await running.say(running.families[number % FAMILIES], said[number % len(said)].text)

    await at_a_steady_pace(count, MESSAGES_PER_SECOND, say)
    return count


async def _handled(running: Service) -> int:
    async with running.db.transaction() as tx:
        return await tx.scalar(select(func.count()).where(Inbound.origin == 3, Inbound.state == "done")) or 0
