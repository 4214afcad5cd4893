"""What comes with the program is taken in once, and never takes the place of what a hospital made of it."""

import dataclasses
from collections import Counter

import pytest
from sqlalchemy import func, select

from plans.content.lifecycle import SHIPPED, take_back
from plans.content.shipped import Shipped, shipped_contents, take_in_shipped
from records.content import ContentItem, ContentVersion
from tagging.tags.library import shipped as shipped_tags
from tests.plans.content.conftest import Centre


@pytest.fixture(scope="module")
def everything() -> tuple[Shipped, ...]:
    return shipped_contents()


def changed(shipped: Shipped) -> Shipped:
    return dataclasses.replace(shipped, content=shipped.content.model_copy(update={"title": "新的标题"}), digest=shipped.digest[::-1])


@pytest.fixture
def some(everything: tuple[Shipped, ...]) -> list[Shipped]:
    return [each for each in everything if each.content.code in ("cord-care", "jaundice", "visit-reminder")]


async def titles(centre: Centre, code: str) -> list[tuple[int, str, str]]:
    return [(version.version, version.state, version.title) for version in await centre.versions(code)]


async def test_everything_is_published_and_marked_as_not_reviewed(centre: Centre, everything: tuple[Shipped, ...]) -> None:
    done = await take_in_shipped(centre.tx, everything, centre.now)
    assert done["published"] == len(everything) > 80
    assert await take_in_shipped(centre.tx, everything, centre.now) == Counter()
    rows = await centre.tx.execute(
        select(ContentVersion.version, ContentVersion.state, ContentVersion.needs_review, func.count()).group_by(
            ContentVersion.version, ContentVersion.state, ContentVersion.needs_review
        )
    )
    assert rows.all() == [(1, "published", True, len(everything))]


def test_every_tag_of_a_shipped_content_is_in_the_library(everything: tuple[Shipped, ...]) -> None:
    known = set(shipped_tags().entries)
    assert {tag for each in everything for tag in each.content.tags} <= known


async def test_a_changed_file_takes_the_place_of_what_nobody_touched(centre: Centre, some: list[Shipped]) -> None:
    await take_in_shipped(centre.tx, some, centre.now)
    await take_in_shipped(centre.tx, [changed(some[0]), *some[1:]], centre.now)
    code = some[0].content.code
    assert [state for _, state, _ in await titles(centre, code)] == ["expired", "published"]


async def test_beside_a_hospital_s_own_version_it_is_a_draft(centre: Centre, some: list[Shipped]) -> None:
    await take_in_shipped(centre.tx, some, centre.now)
    own = some[0].content.model_copy(update={"title": "本院的标题"})
    await centre.published(own)
    await take_in_shipped(centre.tx, [changed(some[0]), *some[1:]], centre.now)
    assert await titles(centre, own.code) == [
        (1, "expired", some[0].content.title),
        (2, "published", "本院的标题"),
        (3, "draft", "新的标题"),
    ]


async def test_what_the_hospital_reviewed_or_took_back_stays_as_it_is(centre: Centre, some: list[Shipped]) -> None:
    await take_in_shipped(centre.tx, some, centre.now)
    reviewed, gone = some[0].content.code, some[1].content.code
    version = await centre.review(reviewed, by=centre.lin)
    assert (version.version, version.author, version.reviewer, version.needs_review) == (2, SHIPPED, "nurse-lin", False)
    await centre.publish(reviewed)
    await take_back(centre.tx, gone, by=centre.lin, now=centre.now, reason="不适合本院", wrong=True)
    await take_in_shipped(centre.tx, [changed(some[0]), changed(some[1]), *some[2:]], centre.now)
    assert [state for _, state, _ in await titles(centre, reviewed)] == ["expired", "published", "draft"]
    assert [state for _, state, _ in await titles(centre, gone)] == ["withdrawn", "draft"]


async def test_a_team_s_own_item_of_that_name_is_left_alone(centre: Centre, some: list[Shipped]) -> None:
    own = some[0].content
    await centre.published(own, team_id=centre.family.team.id)
    assert (await take_in_shipped(centre.tx, some, centre.now))["kept"] == 1
    assert len(await centre.versions(own.code)) == 1
    assert await centre.tx.scalar(select(func.count()).select_from(ContentItem)) == len(some)
