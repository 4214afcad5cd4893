"""Every other second: what is due is handed to the engine, and what was lost on the way is made anew."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.adapt import JOB as ADAPT
from bot.bulk import lanes_waiting
from bot.contents import JOB as PUSHES
from bot.escalation import overdue
from bot.fhir.poll import feeds_to_poll
from bot.inbox import accounts_with_news, chats_left_waiting, look_again, media_left_behind, pictures_left_behind, voices_left_behind
from bot.intake.applying import lanes_to_apply
from bot.jobs import BULK, DANGER, NORMAL, Job, defer, lift, without_job
from bot.lines import LANE_JOB
from bot.mass_message import JOB as MASS
from bot.mass_message import masses_due
from bot.media import picture_job, voice_job
from bot.outbox import lines_left_waiting
from bot.retag import JOB as RETAG
from bot.retag import anybody_to_look_at
from plans.content.push import pushes_due
from plans.family import anything_due
from records.adaptation import any_event
from records.database import Database
from records.sending import sending
from records.wecom import CallbackEvent

# A message that nobody handled for this long lost its job.
LOST_AFTER = timedelta(seconds=20)
# How long an account may stay silent before we ask by ourselves. Short, because a red flag may wait there; long, because WeCom
# limits pulls without a callback's token more strictly, by a number that it does not publish (wecom-api §1.2).
LOOK_AGAIN = timedelta(minutes=1)
# Any fixed number: of many workers one sweeps at a time.
ONE_SWEEPER = 5279


async def sweep(db: Database, clock: Callable[[], datetime]) -> dict[str, int]:
    """One round; how many jobs of each kind were made. A doubled job finds nothing to do."""
    now = clock()
    async with db.transaction() as tx:
        if not await tx.scalar(select(func.pg_try_advisory_xact_lock(ONE_SWEEPER))):
            return {}
        await look_again(tx, LOOK_AGAIN)
        # Where more is said than can be answered, what was not heard yet may be a danger; once in a round, or nobody would be answered.
        await lift(tx, "pull", DANGER)
        # What waits for a person is not looked at again and again: a morning may have a hundred thousand of it.
        held = (await sending(tx)).waits
        rounds = {
            "escalate": await _defer(tx, [Job("escalate", str(flag), f"flag:{flag}") for flag in await overdue(tx, now)], DANGER),
            "pull": await _defer(tx, [Job("pull", account, f"pull:{account}") for account in await accounts_with_news(tx)], NORMAL),
            "drain": await _defer(
                tx, [Job("drain", str(chat), f"chat:{chat}") for chat in await chats_left_waiting(tx, now - LOST_AFTER)], NORMAL
            ),
            "deliver": await _deliver(tx, now, proactive=False) + await _deliver(tx, now, proactive=True),
            LANE_JOB: await _defer(tx, [] if held else await lanes_waiting(tx, now), BULK),
            "callback_event": await _defer(tx, [Job("callback_event", key) for key in await _unhandled(tx, now)], NORMAL),
            "media": await _defer(tx, [Job("media", str(one)) for one in await media_left_behind(tx, now)], BULK),
            "picture": await _defer(tx, [picture_job(one) for one in await pictures_left_behind(tx, now)], BULK),
            "voice": await _defer(tx, [voice_job(*one) for one in await voices_left_behind(tx, now)], NORMAL),
            "apply_feed": await _defer(tx, await lanes_to_apply(tx, now), BULK),
            "poll_feed": await _defer(tx, await feeds_to_poll(tx, now), BULK),
            MASS: await _defer(tx, [] if held else await masses_due(tx, now), BULK),
            "run_families": await _defer(
                tx, [Job("run_families", str(lane), f"families:{lane}") for lane in sorted(await anything_due(tx, now))], BULK
            ),
            ADAPT: await _defer(tx, [Job(ADAPT, "heard", ADAPT)] if await any_event(tx, now) else [], NORMAL),
            PUSHES: await _defer(tx, [Job(PUSHES, "due", PUSHES)] if await pushes_due(tx, now) else [], BULK),
            RETAG: await _defer(tx, [Job(RETAG, "due", RETAG)] if await anybody_to_look_at(tx, now) else [], BULK),
        }
    return {kind: count for kind, count in rounds.items() if count}


async def _deliver(tx: AsyncSession, now: datetime, *, proactive: bool) -> int:
    lines = await lines_left_waiting(tx, now, proactive=proactive)
    return await _defer(tx, [Job("deliver", line, line) for line in lines], BULK if proactive else NORMAL)


async def _defer(tx: AsyncSession, jobs: list[Job], priority: int) -> int:
    """Make the jobs that are not there yet: a backlog must not be doubled by every look."""
    missing = await without_job(tx, jobs)
    await defer(tx, missing, priority=priority)
    return len(missing)


async def _unhandled(tx: AsyncSession, now: datetime) -> list[str]:
    rows = await tx.scalars(
        select(CallbackEvent.key).where(CallbackEvent.handled_at.is_(None), CallbackEvent.received_at < now - LOST_AFTER).limit(500)
    )
    return list(rows)
