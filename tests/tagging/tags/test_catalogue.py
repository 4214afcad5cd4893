"""The library in the records."""

import pytest
from sqlalchemy import func, select

from records.database import Database
from records.tag import Tag, TagVersion
from tagging.tags.catalogue import changed, entries, put, retire, tags
from tagging.tags.door import open_door
from tagging.tags.errors import TagError
from tagging.tags.library import shipped
from tests.tagging.tags.conftest import NOW, Ward, told


async def test_what_ships_is_brought_in_once(db: Database) -> None:
    for _ in range(2):
        async with db.transaction() as tx:
            known = await tags(tx, NOW)
    assert set(known) == set(shipped().entries)
    async with db.transaction() as tx:
        assert await tx.scalar(select(func.count()).select_from(TagVersion)) == len(known)
        assert await entries(tx, NOW) == dict(shipped().entries)
        jia = known["jia"]
        assert jia.parent_id == known["rheuma"].id and jia.version == 1 and jia.shared


async def test_a_later_release_changes_its_own_tags_and_leaves_the_hospitals_alone(db: Database) -> None:
    async with db.transaction() as tx:
        known = await tags(tx, NOW)
        known["asthma"].meaning = "旧的说法"
        own = changed((await entries(tx, NOW))["epilepsy"], {"meaning": "本院的说法是这样"}, "epilepsy")
        assert await put(tx, {"epilepsy": own}, by="linyue", now=NOW) == {"epilepsy": "changed"}
    async with db.transaction() as tx:
        known = await tags(tx, NOW)
        assert known["asthma"].meaning == shipped().entries["asthma"].meaning and known["asthma"].version == 2
        assert known["epilepsy"].meaning == "本院的说法是这样" and known["epilepsy"].version == 2
        versions = await tx.execute(select(TagVersion.version, TagVersion.by).where(TagVersion.tag_id == known["epilepsy"].id))
        assert set(versions) == {(1, "careloop"), (2, "linyue")}


async def test_a_hospitals_own_tag_is_added_changed_and_retired(db: Database, ward: Ward) -> None:
    entry = changed(None, {"name": "母乳强化", "kind": "treatment", "meaning": "母乳强化剂喂养", "parent": "tube_feeding"}, "fortifier")
    async with db.transaction() as tx:
        assert await put(tx, {"fortifier": entry}, by="linyue", now=NOW) == {"fortifier": "new"}
        assert await put(tx, {"fortifier": entry}, by="linyue", now=NOW) == {"fortifier": "same"}
        async with open_door(tx, [ward.xiaoman], NOW) as door:
            door[ward.xiaoman].support("fortifier", told())
    async with db.transaction() as tx:
        with pytest.raises(TagError, match="its parent tube_feeding is not in the library"):
            await retire(tx, "tube_feeding", by="linyue", now=NOW)
        assert await retire(tx, "fortifier", by="linyue", now=NOW) == 1
    async with db.transaction() as tx:
        async with open_door(tx, [ward.xiaoman], NOW) as door:
            assert not door[ward.xiaoman].support("fortifier", told(ref_id=2))
            assert door[ward.xiaoman].expire() == ["fortifier"]
        assert not (await tx.scalars(select(Tag.active).where(Tag.code == "fortifier"))).one()


@pytest.mark.parametrize(
    ("code", "said", "why"),
    [
        ("asthma", {"kind": "treatment"}, "its kind is diagnosis"),
        ("asthma", {"triage": False}, "what triage reads is CareLoop's to say"),
        ("new_one", {"name": "新", "kind": "diagnosis", "meaning": "一种新病", "triage": True}, "what triage reads"),
        ("new_one", {"name": "哮喘", "kind": "diagnosis", "meaning": "又一种哮喘"}, "has the name 哮喘 already"),
        ("new_one", {"name": "新", "kind": "management", "meaning": "属于某一组", "team": "无此组"}, "there is no team 无此组"),
    ],
)
async def test_a_change_that_contradicts_is_refused(db: Database, code: str, said: dict[str, object], why: str) -> None:
    async with db.transaction() as tx:
        with pytest.raises(TagError, match=why):
            await put(tx, {code: changed((await entries(tx, NOW)).get(code), said, code)}, by="linyue", now=NOW)


async def test_triages_tags_cannot_be_retired(db: Database) -> None:
    async with db.transaction() as tx:
        with pytest.raises(TagError, match="Triage reads chemo"):
            await retire(tx, "chemo", by="linyue", now=NOW)
        with pytest.raises(TagError, match="no tag 'x' in use"):
            await retire(tx, "x", by="linyue", now=NOW)
