"""What `careloop tag mirror` does."""

import asyncio
from collections.abc import Sequence

from bot.app import core, wecom_client
from bot.cli_run import command_settings
from bot.tag_mirror import bring_up_to_date, described, differences, read_mirror, wanted
from bot.texts import say


def mirror_command(kinds: Sequence[str], *, dry_run: bool) -> None:
    """Say what differs, and unless it is a dry run, mend it. Raises WecomError."""
    print("\n".join(asyncio.run(_mirror(kinds, dry_run=dry_run))))


async def _mirror(kinds: Sequence[str], *, dry_run: bool) -> list[str]:
    async with core(command_settings("tag"), role="tag", pool_size=1) as parts, wecom_client(parts) as client:
        async with parts.db.transaction() as tx:
            ours = await wanted(tx, kinds)
        mirror = await read_mirror(client, {userid for userid, _ in ours}, kinds)
        difference = differences(mirror, ours)
        lines = described(difference)
        if dry_run or difference.nothing:
            return [*lines, say("tag_mirror.dry" if dry_run else "tag_mirror.same")]
        done = await bring_up_to_date(client, mirror, difference)
        refused = [say("tag_mirror.refused", code=code, count=count) for code, count in sorted(done.refused.items())]
        return [*lines, say("tag_mirror.done", changed=done.changed), *refused]
