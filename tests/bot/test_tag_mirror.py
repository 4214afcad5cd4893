"""Tags as 企业标签 in the simulated WeCom, for families who are friends of a clinician."""

from bot.tag_mirror import KINDS, Difference, Mirror, Mirrored, bring_up_to_date, described, differences, read_mirror, wanted
from integrations.wecom import corp_tag, external_contact
from tagging.tags.catalogue import changed, put
from tagging.tags.door import open_door
from tests.bot.stage import Stage
from tests.tagging.tags.conftest import told

LIN, QIN = "linyue", "qinlan"


async def befriend(stage: Stage, userid: str, external_userid: str) -> None:
    await stage.control("POST", f"members/{userid}/contacts", external_userid=external_userid)


async def give(stage: Stage, patient: int, *codes: str) -> None:
    async with stage.db.transaction() as tx, open_door(tx, [patient], stage.clock()) as door:
        for code in codes:
            door[patient].support(code, told(at=stage.clock()))


async def look(stage: Stage, kinds: tuple[str, ...] = KINDS) -> tuple[Mirror, Difference]:
    async with stage.db.transaction() as tx:
        ours = await wanted(tx, kinds)
    mirror = await read_mirror(stage.client, {userid for userid, _ in ours}, kinds)
    return mirror, differences(mirror, ours)


async def mend(stage: Stage, kinds: tuple[str, ...] = KINDS) -> Mirrored:
    return await bring_up_to_date(stage.client, *await look(stage, kinds))


async def seen(stage: Stage, userid: str, external_userid: str) -> set[str]:
    """The names of the tags on a member's view of a customer."""
    names = {tag.id: tag.name for group in await corp_tag.get_corp_tag_list(stage.client) for tag in group.tag}
    page = await external_contact.batch_get_by_user(stage.client, [userid])
    mine = [each.follow_info for each in page.external_contact_list if each.external_contact.external_userid == external_userid]
    return {names[id] for follow in mine for id in follow.tag_id}


async def test_a_friends_view_is_brought_to_the_records_and_back(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await befriend(stage, LIN, mother.user)
    await give(stage, mother.patients[0], "asthma", "prefers.no_voice", "contact.week")
    _, difference = await look(stage)
    assert (
        described(difference)[0].startswith("好友关系1对，其中1对")
        and f"{LIN} {mother.user}  +哮喘 +不要发语音" in described(difference)[-1]
    )
    assert await seen(stage, LIN, mother.user) == set()
    assert (await mend(stage)).changed == 1
    assert await seen(stage, LIN, mother.user) == {"哮喘", "不要发语音"}
    assert (await look(stage))[1].nothing
    async with stage.db.transaction() as tx, open_door(tx, mother.patients, stage.clock()) as door:
        door[mother.patients[0]].end("asthma", by=LIN, why="已排除")
    assert (await mend(stage)).changed == 1
    assert await seen(stage, LIN, mother.user) == {"不要发语音"}


async def test_tags_that_are_not_ours_are_left_alone(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await befriend(stage, LIN, mother.user)
    other = await corp_tag.add_corp_tag(stage.client, [("老客户", 0)], group_name="门诊")
    await corp_tag.mark_tag(stage.client, LIN, mother.user, add=[other.tag[0].id])
    await give(stage, mother.patients[0], "literacy.low")
    await mend(stage)
    assert await seen(stage, LIN, mother.user) == {"老客户", "阅读困难"}


async def test_only_friends_only_their_own_patients_and_only_what_is_shared(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    stranger = await stage.family("wang", {"name": "豆豆", "days": 400})
    await befriend(stage, LIN, mother.user)
    await befriend(stage, QIN, mother.user)
    private = changed(
        None, {"name": "家庭矛盾", "kind": "management", "meaning": "只在本组可见", "team": "新生儿随访组", "shared": False}, "x"
    )
    async with stage.db.transaction() as tx:
        await put(tx, {"family_conflict": private}, by=LIN, now=stage.clock())
    await give(stage, mother.patients[0], "literacy.low", "family_conflict", "asthma")
    await give(stage, stranger.patients[0], "literacy.low")
    assert (await mend(stage, ("management",))).changed == 1
    assert await seen(stage, LIN, mother.user) == {"阅读困难"} and await seen(stage, QIN, mother.user) == set()


async def test_a_friendship_that_ended_meanwhile_stops_nobody_else(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    other = await stage.family("wang", {"name": "豆豆", "days": 400})
    for family in (mother, other):
        await befriend(stage, LIN, family.user)
        await give(stage, family.patients[0], "literacy.low")
    mirror, difference = await look(stage)
    await stage.control("DELETE", f"members/{LIN}/contacts/{mother.user}?by=member")
    done = await bring_up_to_date(stage.client, mirror, difference)
    assert done.changed == 1 and dict(done.refused) == {"not_a_friend": 1}
    assert await seen(stage, LIN, other.user) == {"阅读困难"}


def test_where_the_corp_is_full_what_most_carry_is_mirrored() -> None:
    pairs = [("linyue", f"wm{n}") for n in range(3)]
    mirror = Mirror({}, 2999, {pair: set() for pair in pairs})
    rare, common = ("management", "少见"), ("management", "常见")
    found = differences(mirror, {pairs[0]: {rare, common}, pairs[1]: {common}})
    assert (found.new, found.left_out) == ([common], [rare])
    assert found.add == {pairs[0]: [common], pairs[1]: [common]}
    assert any("3000" in line and "少见" in line for line in described(found))
