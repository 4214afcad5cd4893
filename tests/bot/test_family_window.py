"""What goes out between a family's word and our hearing it is WeCom's first answer to that word, and counts."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from bot.family_window import open_window, sent_since
from plans.reach.window import left
from records.chat import Chat
from records.database import Database
from records.message import Inbound, Outbound
from records.staff import Team
from records.wecom import KfAccount

WORD = datetime(2026, 3, 2, 2, 0, 5, tzinfo=UTC)


def a_row(number: int, state: str, *, sent_at: datetime | None = None, attempts: int = 1, route: str = "kf") -> Outbound:
    return Outbound(
        key=f"task:{number}:opening", line="chat:1", route=route, payload={}, purpose="task", chat_id=1, state=state, attempts=attempts,
        sent_at=sent_at, not_before=WORD, created_at=WORD,
    )  # fmt: skip


async def test_what_was_sent_since_the_word_and_what_is_on_its_way_counts(db: Database) -> None:
    now = WORD + timedelta(seconds=2)
    async with db.transaction() as tx:
        team = Team(name="随访组")
        tx.add(team)
        await tx.flush()
        tx.add(KfAccount(open_kfid="wk", name="随访", team_id=team.id))
        await tx.flush()
        tx.add(Chat(id=1, open_kfid="wk", external_userid="wm", team_id=team.id, opened_at=WORD))
        await tx.flush()
        tx.add_all(
            [
                a_row(1, "sent", sent_at=WORD - timedelta(minutes=1)),
                a_row(2, "sent", sent_at=WORD + timedelta(seconds=1)),
                a_row(3, "sending"),
                a_row(4, "queued", attempts=0),
                a_row(5, "sent", sent_at=now, route="kf_event"),
            ]
        )
        await tx.flush()
        assert await sent_since(tx, {1: WORD}, now) == {1: [WORD + timedelta(seconds=1), now]}
        assert await sent_since(tx, {}, now) == {}
        chat = (await tx.scalars(select(Chat))).one()
        chat.window_from, chat.window_used = WORD - timedelta(hours=5), 4
        open_window(chat, Inbound(sent_at=WORD), [WORD + timedelta(seconds=1), now])
        assert (chat.window_used, left(chat, "task", now), left(chat, "alert", now)) == (2, 2, 3)
        # The next word of the same burst came after the first of them.
        open_window(chat, Inbound(sent_at=now), [WORD + timedelta(seconds=1), now])
        assert chat.window_used == 1


def test_a_word_that_is_older_than_the_window_changes_nothing() -> None:
    chat = Chat(window_from=WORD, window_used=3, service_state=1)
    open_window(chat, Inbound(sent_at=WORD - timedelta(seconds=1)), [])
    assert (chat.window_from, chat.window_used) == (WORD, 3)
