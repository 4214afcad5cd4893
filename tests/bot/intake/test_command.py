"""`careloop feed` from the side of whoever types it."""

import asyncio
from datetime import datetime

import pytest

from bot.intake import command
from bot.intake.feeds import FeedError
from records.database import Database
from records.feed import message_row, store_messages
from tests.bot.intake.conftest import NOW
from tests.keys import KEYRING


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    monkeypatch.setattr("bot.cli_run.configure", lambda *_, **__: None)
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)
    monkeypatch.setenv("CARELOOP_WECOM__CORP_ID", "wwcorp")
    for name in ("SECRET", "CALLBACK_TOKEN", "CALLBACK_AES_KEY"):
        monkeypatch.setenv(f"CARELOOP_WECOM__{name}", "x")
    monkeypatch.setenv("CARELOOP_WECOM__AGENT_ID", "1")


def dead_letter(url: str) -> None:
    """One in the feed lis, of a message that names a child and plays with the terminal."""

    async def put() -> None:
        db = Database(url=url, pool_size=1, keyring=KEYRING)
        await db.open()
        async with db.transaction() as tx:
            row = message_row(
                feed_id=1, key="k", body="MSH|^~\\&|\rPID|||1||张三\x1b[2J".encode(), received_at=NOW, connection="mllp:10.1.2.3",
                kind="ADT^A01", order_key="1", control_id="C7", refused="unknown_type",
            )  # fmt: skip
            await store_messages(tx, [row])
        await db.close()

    asyncio.run(put())


def test_a_feed_is_registered_changed_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    command.add_command("lis", "hl7", ["peers=10.1.2.0/24", "silent_after=60"], sandbox=True, token=True)
    said = capsys.readouterr().out
    assert "sandbox" in said and 'peers=["10.1.2.0/24"]' in said and "Authorization: Bearer " in said
    command.set_command("lis", ["silent_after="], sandbox=False, active=None, token=False)
    said = capsys.readouterr().out
    assert "live" in said and "silent_after" not in said and "Bearer" not in said
    command.list_command()
    assert capsys.readouterr().out.startswith("lis  hl7  last never  received 0")
    with pytest.raises(FeedError, match="no feed pacs"):
        command.set_command("pacs", [], sandbox=None, active=None, token=False)


def test_dead_letters_are_listed_without_their_text_which_is_shown_on_request(
    capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    command.add_command("lis", "hl7", [], sandbox=False, token=False)
    dead_letter(database_url)
    capsys.readouterr()
    command.dead_command("lis", None, datetime(2026, 3, 2), None, 50)  # noqa: DTZ001 - as the command line gives it
    listed = capsys.readouterr().out
    assert "C7" in listed and "unknown_type" in listed
    command.show_command(1, raw=False)
    shown = capsys.readouterr().out
    assert "connection: mllp:10.1.2.3" in shown and "received_at: 2026-03-02T09:30:00+08:00" in shown
    assert "张三" not in listed + shown
    command.show_command(1, raw=True)
    raw = capsys.readouterr().out
    assert "张三\\x1b[2J" in raw and "\x1b" not in raw


def test_a_replay_says_how_many_and_wants_to_know_which(capsys: pytest.CaptureFixture[str], database_url: str) -> None:
    command.add_command("lis", "hl7", [], sandbox=False, token=False)
    dead_letter(database_url)
    with pytest.raises(FeedError, match="which messages"):
        command.replay_command([], None, None, None, None, "dead")
    capsys.readouterr()
    for count in (1, 0):
        command.replay_command([], "lis", None, None, None, "dead")
        assert capsys.readouterr().out == f"{count} messages will be applied again\n"
