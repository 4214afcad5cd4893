"""Who may send, and which feed a sender's messages belong to."""

from typing import Any

import pytest
from sqlalchemy import text

from bot.intake.command import changed, parse_changes
from bot.intake.feeds import Feed, FeedError, FeedSettings, Known, add_feed, choose, hash_token, make_first, read_feeds
from records.database import Database
from tests.bot.intake.conftest import NOW


def feed(number: int = 1, *, token: str | None = None, **settings: Any) -> Feed:
    return Feed(number, f"feed{number}", "hl7", False, token, FeedSettings(**settings))


@pytest.mark.parametrize(
    ("peers", "peer", "allowed"),
    [
        ([], "127.0.0.1", True),
        ([], "::1", True),
        ([], "::ffff:127.0.0.1", True),
        ([], "10.1.2.3", False),
        (["10.1.2.0/24"], "10.1.2.3", True),
        (["10.1.2.0/24"], "10.1.3.3", False),
        (["10.1.2.0/24"], "127.0.0.1", False),
        (["10.1.2.3"], "::ffff:10.1.2.3", True),
        (["fd00::/8"], "fd00::1", True),
        (["0.0.0.0/0"], "fd00::1", False),
        (["0.0.0.0/0"], "", False),
    ],
)
def test_only_machines_that_a_feed_names_may_connect(peers: list[str], peer: str, allowed: bool) -> None:
    assert feed(peers=peers).allows(peer) is allowed


def test_a_feed_that_names_the_sender_goes_before_one_that_takes_all() -> None:
    everybody, lis, two = feed(1), feed(2, senders=["LIS"]), feed(3, senders=["HIS|EAST"])
    feeds = [everybody, lis, two]
    assert choose(feeds, "LIS", "") == lis
    assert choose(feeds, "HIS", "EAST") == two
    assert choose(feeds, "HIS", "WEST") == everybody
    assert choose([lis, two], "HIS", "WEST") is None


def test_a_token_opens_its_own_feed_only() -> None:
    assert feed(token=hash_token("right")).opens("right")
    assert not feed(token=hash_token("right")).opens("wrong")
    assert not feed().opens("")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (["peers=10.1.0.0/16, 10.2.0.3"], {"peers": ["10.1.0.0/16", "10.2.0.3"]}),
        (["silent_after=30", "refuse_without_control_id=false"], {"silent_after": 30, "refuse_without_control_id": False}),
        (['identifiers={"EPI:MR": "empi"}'], {"identifiers": {"EPI:MR": "empi"}}),
        (["senders=1"], {"senders": ["1"]}),
        (["charset=gb18030"], {"charset": "gb18030"}),
        (["charset="], {"charset": None}),
    ],
)
def test_changes_are_read_as_people_write_them(changes: list[str], found: dict[str, Any]) -> None:
    assert parse_changes(changes) == found


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("peers=10.1.0.0/99", "peers"),
        ("charset=klingon", "charset"),
        ('items={"X03": "no_such_item"}', "no_such_item"),
        ("silent_after=0", "silent_after"),
        ("pears=x", "pears"),
        ("x", "key=value"),
    ],
)
def test_a_wrong_setting_is_named(change: str, named: str) -> None:
    with pytest.raises(FeedError, match=named):
        changed("hl7", {}, [change])


def test_a_setting_can_be_taken_away() -> None:
    assert changed("hl7", {"charset": "gb18030", "silent_after": 5}, ["charset="]) == {"silent_after": 5}


async def test_feeds_have_names_that_can_stand_in_an_address(db: Database) -> None:
    async with db.transaction() as tx:
        await add_feed(tx, "lis-2", "hl7", {}, now=NOW)
        for name, kind in (("lis-2", "hl7"), ("检验", "hl7"), ("a/b", "hl7"), ("", "hl7"), ("new", "hl8")):
            with pytest.raises(FeedError):
                await add_feed(tx, name, kind, {}, now=NOW)


async def test_a_first_feed_is_made_once_and_takes_only_this_machine(db: Database) -> None:
    for _ in range(2):
        await make_first(db, NOW)
    async with db.transaction() as tx:
        (first,) = await read_feeds(tx)
    assert first.allows("127.0.0.1") and not first.allows("192.168.1.5")


async def test_a_feed_whose_settings_were_spoiled_is_left_out(db: Database) -> None:
    async with db.transaction() as tx:
        (await add_feed(tx, "bad", "hl7", {}, now=NOW)).settings = {"peers": ["nowhere"]}
        await add_feed(tx, "good", "hl7", {}, now=NOW)
    async with db.transaction() as tx:
        assert [each.name for each in await read_feeds(tx)] == ["good"]


async def test_while_the_database_is_away_the_feeds_that_were_known_stay_in_force(db: Database) -> None:
    await make_first(db, NOW)
    clock = [0.0]
    known = Known(db, lambda: clock[0])
    assert await known.of_peer("127.0.0.1")
    async with db.transaction() as tx:
        await tx.execute(text("alter table feed rename to elsewhere"))
    for clock[0] in (5.0, 6.0, 30.0):
        assert await known.named("hl7")
    async with db.transaction() as tx:
        await tx.execute(text("alter table elsewhere rename to feed"))
        await tx.execute(text("update feed set active = false"))
    assert await known.named("hl7")
    clock[0] = 60.0
    assert await known.named("hl7") is None
