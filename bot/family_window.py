"""A family's word opens WeCom's window anew, and what we sent since it was written counts as used: WeCom had it before we did."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from records.chat import WINDOW_MESSAGES, Chat
from records.message import Inbound

# Of the last few rows of a chat those that were sent since, or are on their way and may have been.
_SENT = text(
    """
    select last.chat_id, case last.state when 'sent' then last.sent_at else :now end as at
    from unnest(cast(:chats as bigint[]), cast(:since as timestamptz[])) as word(chat_id, since)
    cross join lateral (
        select chat_id, state, sent_at, attempts, route from outbound where outbound.chat_id = word.chat_id order by seq desc limit :most
    ) last
    where last.route = 'kf' and (last.state = 'sent' and last.sent_at >= word.since
        or last.state in ('queued', 'sending') and last.attempts > 0)
    order by 1, 2
    """
).bindparams(
    bindparam("chats", type_=ARRAY(BigInteger)),
    bindparam("since", type_=ARRAY(DateTime(timezone=True))),
    bindparam("now", type_=DateTime(timezone=True)),
)
# More than a window holds, for rows that wait or went by another route.
_LAST = 4 * WINDOW_MESSAGES


async def sent_since(tx: AsyncSession, since: Mapping[int, datetime], now: datetime) -> dict[int, list[datetime]]:
    """When messages went out into these chats since the given moments; `now` for those that are on their way. One statement."""
    found: dict[int, list[datetime]] = defaultdict(list)
    if since:
        rows = await tx.execute(_SENT, {"chats": list(since), "since": list(since.values()), "most": _LAST, "now": now})
        for chat_id, at in rows:
            found[chat_id].append(at)
    return found


def open_window(chat: Chat, message: Inbound, sent: Sequence[datetime]) -> None:
    """A customer's message opens WeCom's window anew, and a session that had ended. `sent`: see sent_since.

    WeCom tells whole seconds, so that what went out in the same second before it counts too: rather one too many than one too few.
    """
    if chat.window_from is None or message.sent_at >= chat.window_from:
        chat.window_from, chat.window_used = message.sent_at, sum(at >= message.sent_at for at in sent)
    if chat.service_state == 4:
        chat.service_state = 0
