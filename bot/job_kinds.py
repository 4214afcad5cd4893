"""The kinds of jobs that this version can do (bot/worker.py joins them to their handlers)."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

KINDS = frozenset(
    {
        "adapt", "apply_feed", "callback_event", "collect_messages", "compare_models", "deliver", "deliver_lane", "drain", "escalate",
        "find_carers", "forget_media", "mass", "media", "mini_program_login", "picture", "poll_feed", "pull", "push_contents", "retag",
        "run_families", "run_task", "train", "voice",
    }
)  # fmt: skip

_STRANGERS = text(
    "select task_name, count(*) from procrastinate_jobs where status = 'todo' and task_name <> all(cast(:kinds as text[]))"
    " group by 1 order by 1"
)


async def strangers(tx: AsyncSession) -> dict[str, int]:
    """How many jobs of each kind that this version does not know wait for a worker of a newer one."""
    return {name: count for name, count in await tx.execute(_STRANGERS, {"kinds": sorted(KINDS)})}
