"""The right content for this child at this time, and why: by tags, day, age and condition, not what was read, and easier ones first."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from plans.content.lifecycle import take_back
from plans.content.match import Match, match
from plans.content.model import Block, Media
from plans.content.shipped import shipped_contents, take_in_shipped
from records.care_plan import CarePlan
from records.content_read import ContentRead, article_read
from records.encounter import Encounter
from records.tag import PatientTag, Tag
from tests.plans.conftest import ZONE
from tests.plans.content.conftest import Centre, article

TAGS = {"preterm": "早产儿", "chemo": "化疗中", "picc": "PICC置管", "line": "中心静脉置管", "literacy.low": "阅读困难"}


@pytest.fixture
async def centre(centre: Centre) -> Centre:
    for code, name in TAGS.items():
        centre.tx.add(Tag(code=code, name=name, kind="diagnosis", meaning=name, updated_at=centre.now))
    await centre.tx.flush()
    line, picc = [(await centre.tx.scalars(select(Tag).where(Tag.code == code))).one() for code in ("line", "picc")]
    picc.parent_id = line.id
    return centre


async def carries(centre: Centre, code: str) -> None:
    tag = (await centre.tx.scalars(select(Tag).where(Tag.code == code))).one()
    given = {"source": "his", "author": "his", "since": centre.now, "evidence_at": centre.now}
    centre.tx.add(PatientTag(patient_id=centre.family.patient.id, tag_id=tag.id, state="active", **given))
    await centre.tx.flush()


async def found(centre: Centre) -> list[Match]:
    return await match(centre.tx, centre.family.patient, centre.now, ZONE, limit=30)


async def codes(centre: Centre) -> list[str]:
    return [each.code for each in await found(centre)]


async def reads(centre: Centre, code: str, *, useful: bool | None = None, version: int = 1) -> None:
    kept = await article_read(centre.tx, centre.family.chat, centre.family.patient.id, code, version, centre.now, ask=False)
    assert kept is not None
    (await centre.tx.get_one(ContentRead, kept[0])).useful = useful
    await centre.tx.flush()


async def test_a_tag_that_is_carried_brings_its_contents(centre: Centre) -> None:
    await centre.published(article("preterm-care", tags=["preterm"]))
    await centre.published(article("chemo-care", tags=["chemo"]))
    assert await codes(centre) == []
    await carries(centre, "preterm")
    [one] = await found(centre)
    assert (one.code, one.version, one.why[0]) == ("preterm-care", 1, "早产儿")


async def test_a_narrower_tag_counts_as_the_wider_one(centre: Centre) -> None:
    await centre.published(article("line-care", tags=["line"]))
    await carries(centre, "picc")
    assert await codes(centre) == ["line-care"]


async def test_the_day_since_an_anchor_decides(centre: Centre) -> None:
    stage = {"anchor": "discharge", "first": 3, "last": 7}
    await centre.published(article(audience={"stage": stage}))
    assert await codes(centre) == []
    started, ended = centre.now - timedelta(days=9), centre.now - timedelta(days=3)
    stay = {"kind": "inpatient", "department": "新生儿科", "state": "finished", "started_at": started, "ended_at": ended}
    centre.tx.add(Encounter(patient_id=centre.family.patient.id, **stay))
    await centre.tx.flush()
    assert (await found(centre))[0].why[0] == "出院第 3 天"
    centre.later(days=5)
    assert await codes(centre) == []


async def test_a_chemo_day_of_the_plan_is_an_anchor_and_a_coming_one_is_none(centre: Centre) -> None:
    await centre.published(article(audience={"stage": {"anchor": "chemo_day", "first": 0, "last": 7}}))
    anchors: dict[str, Any] = {"chemo_day": ["2026-02-01", "2026-03-06", "2026-03-27"]}
    plan = {"template": "oncology", "template_version": 1, "anchors": anchors, "created_by": "x", "created_at": centre.now}
    centre.tx.add(CarePlan(patient_id=centre.family.patient.id, **plan))
    await centre.tx.flush()
    assert (await found(centre))[0].why[0] == "化疗第 3 天"


async def test_age_alone_is_no_reason_and_the_wrong_age_is_one_against(centre: Centre) -> None:
    await carries(centre, "preterm")
    await centre.published(article("for-babies", audience={"months": {"max": 3}}))
    await centre.published(article("for-preterm-babies", tags=["preterm"], audience={"months": {"max": 3}}))
    await centre.published(article("for-preterm-children", tags=["preterm"], audience={"months": {"min": 12}}))
    assert await codes(centre) == ["for-preterm-babies"]


async def test_what_was_read_does_not_come_again_until_it_is_new(centre: Centre) -> None:
    await carries(centre, "preterm")
    await centre.published(article(tags=["preterm"]))
    await reads(centre, "line-care")
    assert await codes(centre) == []
    await centre.published(article(tags=["preterm"], title="置管护理（新）"))
    [again] = await found(centre)
    assert "上次看的是第 1 版，已更新" in again.why


async def test_what_the_family_made_of_the_like_counts(centre: Centre) -> None:
    await carries(centre, "preterm")
    await carries(centre, "chemo")
    for code, tag in (("p-one", "preterm"), ("p-two", "preterm"), ("c-one", "chemo"), ("c-two", "chemo")):
        await centre.published(article(code, tags=[tag]))
    await reads(centre, "p-one", useful=False)
    await reads(centre, "c-one", useful=True)
    assert await codes(centre) == ["c-two", "p-two"]


async def test_easier_and_illustrated_texts_come_first_for_who_reads_with_difficulty(centre: Centre) -> None:
    await carries(centre, "preterm")
    await carries(centre, "literacy.low")
    hard = "中性粒细胞绝对值降低伴随发热时需警惕脓毒血症可能性应在经验性广谱抗菌药物启动前完成外周血及导管血培养标本采集，联系医护。"
    easy = "每天量体温。发烧就来医院。洗手。多喝水。有事请联系医护。喘不上气请拨打120。宝宝睡好。妈妈也要睡好。"
    picture = Block(picture=Media(file="a.png", sha256="0" * 64))
    await centre.published(article("b-hard", tags=["preterm"], body=hard))
    await centre.published(article("c-easy", tags=["preterm"], body=easy))
    await centre.published(article("d-shown", tags=["preterm"], body=easy, blocks=[picture]))
    matches = await found(centre)
    assert [each.code for each in matches] == ["d-shown", "c-easy"] and "有图或视频" in matches[0].why


async def test_what_is_withdrawn_or_another_team_s_is_not_offered(centre: Centre) -> None:
    await carries(centre, "preterm")
    other = await centre.tx.scalar(select(type(centre.family.team).id).where(type(centre.family.team).id != centre.family.team.id))
    await centre.published(article("ours", tags=["preterm"]), team_id=centre.family.team.id)
    await centre.published(article("gone", tags=["preterm"]))
    await take_back(centre.tx, "gone", by=centre.lin, now=centre.now, reason="x", wrong=True)
    theirs = await centre.published(article("theirs", tags=["preterm"]))
    from records.content import ContentItem

    (await centre.tx.get_one(ContentItem, theirs.content_id)).team_id = other
    await centre.tx.flush()
    assert await codes(centre) == ["ours"]


async def test_the_shipped_library_offers_a_newborn_what_fits(centre: Centre) -> None:
    await take_in_shipped(centre.tx, shipped_contents(), centre.now)
    offered = await codes(centre)
    assert {"cord-care", "jaundice", "safe-sleep", "newborn-feeding"} <= set(offered)
    assert not {"chemo-fever", "first-solids", "asthma-plan", "crisis-card"} & set(offered)
