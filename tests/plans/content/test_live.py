"""What is published is found within seconds in every process, what was taken back no longer, and nothing is found less well than before."""

import threading
from datetime import timedelta

import pytest

from plans.content import live
from plans.content.library import Library
from plans.content.lifecycle import take_back
from plans.content.live import LiveLibrary, take_in
from records.content_read import article_read
from records.database import Database
from tests.plans.content.conftest import NOW, article, make_centre
from tests.plans.content.test_library import IN_SCOPE, OFF_TOPIC


def first(library: Library, question: str, team: int | None = None) -> str | None:
    hits = library.search(question, 1, team=team)
    return hits[0].article.id if hits else None


async def test_the_centre_answers_as_the_files_did(db: Database) -> None:
    await take_in(db, lambda: NOW)
    living, files = LiveLibrary(), Library.load()
    assert await living.look(db, lambda: NOW)
    questions = [*IN_SCOPE, *OFF_TOPIC, *(asked for each in files.articles.values() for asked in each.questions)]
    assert len(questions) > 400
    assert [q for q in questions if first(living.library(), q) != first(files, q)] == []


async def test_a_new_article_is_found_by_two_processes_and_gone_when_it_is_taken_back(db: Database) -> None:
    one, two = LiveLibrary(), LiveLibrary()
    async with db.transaction() as tx:
        centre = await make_centre(tx)
        await centre.published(article())
    for process in (one, two):
        assert await process.look(db, lambda: NOW)
        assert not await process.look(db, lambda: NOW)
        assert first(process.library(), "置管以后能洗澡吗") == "line-care"
    async with db.transaction() as tx:
        lin = await tx.merge(centre.lin)
        await take_back(tx, "line-care", by=lin, now=NOW, reason="有误", wrong=True)
    assert await one.look(db, lambda: NOW) and await two.look(db, lambda: NOW)
    assert first(one.library(), "置管以后能洗澡吗") is None


async def test_the_index_is_made_off_the_event_loop(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    made_in = []
    build = Library.of
    monkeypatch.setattr(live.Library, "of", lambda *given: made_in.append(threading.current_thread()) or build(*given))
    async with db.transaction() as tx:
        await (await make_centre(tx)).published(article())
    await LiveLibrary().look(db, lambda: NOW)
    assert made_in and made_in[0] is not threading.main_thread()


async def test_a_team_s_article_is_found_in_its_own_chats_alone(db: Database) -> None:
    async with db.transaction() as tx:
        centre = await make_centre(tx)
        team = centre.family.team.id
        await centre.published(article(), team_id=team)
    process = LiveLibrary()
    await process.look(db, lambda: NOW)
    assert first(process.library(), "置管以后能洗澡吗", team) == "line-care"
    assert first(process.library(), "置管以后能洗澡吗", team + 1) is None
    assert first(process.library(), "置管以后能洗澡吗") is None


async def test_what_was_taken_back_a_moment_ago_is_not_shown(db: Database) -> None:
    """Another process may still hold it: the note that it is read refuses it in the transaction of the answer."""
    async with db.transaction() as tx:
        centre = await make_centre(tx)
        version = await centre.published(article(expires="2026-03-20"))
        given = {"ask": True, "version_id": version.id}
        assert await article_read(tx, centre.family.chat, None, "line-care", 1, NOW, **given) is not None
        assert await article_read(tx, centre.family.chat, None, "line-care", 1, NOW + timedelta(days=12), **given) is None
        await take_back(tx, "line-care", by=centre.lin, now=NOW, reason="有误", wrong=True)
        assert await article_read(tx, centre.family.chat, None, "line-care", 1, NOW, **given) is None


class Counting:
    """An encoder that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts):
        import numpy

        self.asked += texts
        return numpy.array([[float(len(text)), 1.0] for text in texts]) / 100


async def test_an_encoder_reads_only_what_is_new(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Counting()
    monkeypatch.setattr(live, "open_encoder", lambda name: encoder)
    process = LiveLibrary()
    process.use_encoder("counting")
    async with db.transaction() as tx:
        centre = await make_centre(tx)
        await centre.published(article())
    await process.look(db, lambda: NOW)
    assert len(encoder.asked) == 4
    async with db.transaction() as tx:
        centre.tx, centre.lin, centre.he = tx, await tx.merge(centre.lin), await tx.merge(centre.he)
        await centre.published(article("second-article", title="另一篇文章"))
    await process.look(db, lambda: NOW)
    assert encoder.asked[4:] == ["另一篇文章"]
