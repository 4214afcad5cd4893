"""Two people stand behind every text that a family reads, and every step is on file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from plans.content.lifecycle import SHIPPED, drop, expire_due, last_move, sent_back, take_back
from plans.content.words import ContentRefused
from records.content import CONTENT_MOVES, generation
from records.state import StateChange
from tests.plans.content.conftest import Centre, article


async def refused(step, code: str) -> str:
    with pytest.raises(ContentRefused) as caught:
        await step
    assert caught.value.code == code and caught.value.permanent
    return str(caught.value)


async def test_from_draft_to_expired(centre: Centre) -> None:
    version = await centre.draft(article())
    assert (version.version, version.state, version.author, version.reading_level) == (1, "draft", "nurse-lin", 2)
    await refused(centre.publish(), "no_version")
    reviewed = await centre.review(by=centre.he)
    assert (reviewed.state, reviewed.reviewer, reviewed.reviewed_at) == ("reviewed", "doctor-he", centre.now)
    before = await generation(centre.tx)
    assert (await centre.publish()).state == "published"
    assert await generation(centre.tx) == before + 1
    ended = await take_back(centre.tx, "line-care", by=centre.lin, now=centre.now, reason="换了敷料", wrong=False)
    assert ended.state == "expired" and await generation(centre.tx) == before + 2
    await centre.tx.flush()
    steps = await centre.tx.scalars(select(StateChange).where(StateChange.entity == "content_version").order_by(StateChange.id))
    assert [(step.old, step.new, step.by) for step in steps] == [
        (None, "draft", "nurse-lin"),
        ("draft", "reviewed", "doctor-he"),
        ("reviewed", "published", "doctor-he"),
        ("published", "expired", "nurse-lin"),
    ]


async def test_nobody_reviews_what_he_wrote_or_changed(centre: Centre) -> None:
    await centre.draft(article(), by=centre.lin)
    assert "必须由另一个人" in await refused(centre.review(by=centre.lin), "four_eyes")
    await centre.draft(article(title="置管护理要点"), by=centre.he)
    await refused(centre.review(by=centre.he), "four_eyes")
    await refused(centre.review(by=centre.lin), "four_eyes")
    assert (await centre.review(by=centre.qin)).state == "reviewed"


async def test_a_reviewed_text_that_is_changed_is_reviewed_again(centre: Centre) -> None:
    await centre.draft(article())
    await centre.review()
    changed = await centre.draft(article(title="置管护理要点"))
    assert (changed.version, changed.state, changed.reviewer) == (1, "draft", None)
    await refused(centre.publish(), "no_version")


async def test_a_reviewer_sends_it_back_with_a_reason(centre: Centre) -> None:
    await centre.draft(article())
    await centre.review()
    await refused(centre.review(approve=False, note=" "), "reason")
    assert (await centre.review(approve=False, note="太长")).state == "draft"


async def test_a_draft_that_is_sent_back_keeps_the_note_and_waits_for_its_author(centre: Centre) -> None:
    version = await centre.draft(article())
    assert not sent_back(await last_move(centre.tx, version))
    await centre.review(approve=False, note="太长")
    last = await last_move(centre.tx, version)
    assert last is not None and sent_back(last) and (last.reason, last.by) == ("太长", centre.he.userid)
    await centre.draft(article(title="置管护理"))
    assert not sent_back(await last_move(centre.tx, version))
    assert (await centre.review()).state == "reviewed"


async def test_a_new_version_takes_the_place_of_the_old_one(centre: Centre) -> None:
    await centre.published(article())
    await refused(centre.draft(article()), "same")
    await centre.published(article(title="置管护理要点"))
    first, second = await centre.versions()
    assert [(first.version, first.state), (second.version, second.state)] == [(1, "expired"), (2, "published")]
    assert first.title == "置管在家怎么护"


async def test_banned_advice_is_not_reviewed(centre: Centre) -> None:
    await centre.draft(article(body=article().body + "疼的话吃布洛芬 5 mg/kg。"))
    assert "药量" in await refused(centre.review(), "banned")


async def test_a_team_s_content_is_its_own(centre: Centre) -> None:
    team = centre.family.team.id
    await refused(centre.draft(article(), by=centre.qin, team_id=team), "not_allowed")
    await centre.draft(article(), team_id=team)
    for step in (centre.review(by=centre.qin), centre.draft(article(), by=centre.qin), centre.publish(by=centre.qin)):
        await refused(step, "not_allowed")
    await refused(centre.draft(article()), "other_team")
    centre.he.active = False
    await refused(centre.review(by=centre.he), "not_allowed")


async def test_dates_that_have_passed_are_not_published(centre: Centre) -> None:
    await centre.draft(article(review_by="2026-03-09"))
    await centre.review()
    await refused(centre.publish(), "overdue")
    await centre.draft(article(expires="2026-03-08"))
    await centre.review()
    await refused(centre.publish(), "expired")


async def test_it_ends_with_the_day_that_is_written(centre: Centre) -> None:
    version = await centre.published(article(expires="2026-03-10"))
    centre.later(hours=36)
    assert await expire_due(centre.tx, centre.now) == 0
    centre.later(hours=2.1)
    assert await expire_due(centre.tx, centre.now) == 1
    assert version.state == "expired"


async def test_taking_back_needs_a_reason(centre: Centre) -> None:
    await refused(take_back(centre.tx, "nothing", by=centre.lin, now=centre.now, reason="x", wrong=True), "not_found")
    await centre.published(article())
    await refused(take_back(centre.tx, "line-care", by=centre.lin, now=centre.now, reason=" ", wrong=True), "reason")
    assert (await take_back(centre.tx, "line-care", by=centre.lin, now=centre.now, reason="剂量有误", wrong=True)).state == "withdrawn"
    await refused(take_back(centre.tx, "line-care", by=centre.lin, now=centre.now, reason="x", wrong=True), "no_version")


STEPS = ("draft", "change", "review", "send back", "publish", "expire", "withdraw", "drop")


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=12))
def test_whatever_is_done_follows_the_table(steps: list[str]) -> None:
    """The moves alone: from any state no path leads to families that does not pass a review, and none leads back from an end."""
    state = "draft"
    reviewed = False
    wanted = {"review": "reviewed", "change": "draft", "send back": "draft", "publish": "published"}
    wanted |= {"expire": "expired", "withdraw": "withdrawn", "drop": "dropped", "draft": "draft"}
    for step in steps:
        if wanted[step] in CONTENT_MOVES[state]:
            state = wanted[step]
            reviewed = state == "reviewed" or (reviewed and state != "draft")
        assert state != "published" or reviewed
    for end in ("expired", "withdrawn", "dropped"):
        assert CONTENT_MOVES[end] == frozenset()


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_of_steps_leaves_one_published_and_one_open_at_most(centre: Centre, seed: int) -> None:
    import random

    draw = random.Random(seed)
    people = [centre.lin, centre.he, centre.qin]
    for number in range(40):
        by, step = draw.choice(people), draw.choice(STEPS)
        try:
            match step:
                case "draft" | "change":
                    await centre.draft(article(title=f"置管护理{number}"), by=by)
                case "review":
                    await centre.review(by=by)
                case "send back":
                    await centre.review(by=by, approve=False, note="改")
                case "publish":
                    await centre.publish(by=by)
                case "expire" | "withdraw":
                    await take_back(centre.tx, "line-care", by=by, now=centre.now, reason="x", wrong=step == "withdraw")
                case "drop":
                    await drop(centre.tx, "line-care", by=by, now=centre.now, reason="")
        except ContentRefused as err:
            assert err.code in ("not_found", "no_version", "four_eyes", "same")
        versions = await centre.versions()
        states = [version.state for version in versions]
        assert states.count("published") <= 1 and states.count("draft") + states.count("reviewed") <= 1
        for version in versions:
            if version.state in ("published", "reviewed"):
                assert version.reviewer not in (None, SHIPPED, *version.editors)
