"""A message template is found by name in its published version, and filled with words that are never placeholders themselves."""

from datetime import date

import pytest

from plans.content.check import check_content
from plans.content.lifecycle import Draft, publish, review, save_draft
from plans.content.message import message_text
from plans.content.model import MessageContent
from plans.content.shipped import shipped_contents, take_in_shipped
from plans.content.words import ContentRefused
from tests.plans.conftest import ZONE
from tests.plans.content.conftest import Centre, article


async def test_it_is_filled(centre: Centre) -> None:
    await take_in_shipped(centre.tx, [each for each in shipped_contents() if each.content.kind == "message"], centre.now)
    told = await message_text(centre.tx, "please-call", centre.now, name="小满", doctor="{phone}", phone="010-1")
    assert told.startswith("小满家长您好，{phone}想和您说几句话，方便时请拨打010-1。")
    with pytest.raises(ContentRefused, match="缺少 doctor、phone 的内容"):
        await message_text(centre.tx, "please-call", centre.now, name="小满")


async def test_an_article_is_none_and_a_draft_is_not_there(centre: Centre) -> None:
    await centre.published(article())
    for code, why in (("line-care", "不是消息模板"), ("nothing", "没有编号")):
        with pytest.raises(ContentRefused, match=why):
            await message_text(centre.tx, code, centre.now)


async def test_a_team_s_template_is_its_own(centre: Centre) -> None:
    team = centre.family.team.id
    content = MessageContent(kind="message", code="ours", title="提醒", text="{name}，该复查了", source="本院", review_by=date(2027, 3, 1))
    checked = check_content(content)
    await save_draft(centre.tx, Draft(content, checked), team_id=team, by=centre.lin, now=centre.now, zone=ZONE)
    await review(centre.tx, "ours", by=centre.he, now=centre.now, checked=checked)
    await publish(centre.tx, "ours", by=centre.he, now=centre.now, zone=ZONE)
    assert await message_text(centre.tx, "ours", centre.now, team_id=team, name="小满") == "小满，该复查了"
    with pytest.raises(ContentRefused):
        await message_text(centre.tx, "ours", centre.now, team_id=team + 1, name="小满")


@pytest.mark.parametrize("text", ["{name}确诊了肺炎", "{name}请自行加量", "保证治好{name}"])
async def test_what_no_text_may_say_is_banned_here_too(text: str) -> None:
    content = MessageContent(kind="message", code="bad-one", title="提醒", text=text, source="本院", review_by=date(2027, 3, 1))
    assert check_content(content).banned
