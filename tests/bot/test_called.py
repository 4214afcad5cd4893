"""A call for a person is over when a person has answered, not only when a card was tapped."""

from datetime import timedelta

from tests.bot.stage import Stage


async def test_a_nurse_who_simply_answers_has_taken_the_call(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("转人工")
    assert [flag.state for flag in await stage.flags()] == ["delivered"]
    await stage.control("POST", f"{mother.path}/servicer", userid="linyue", act="say", msgtype="text", text={"content": "您好，我是林悦"})
    await stage.settle()
    assert [flag.state for flag in await stage.flags()] == ["acknowledged"]
    await stage.move(timedelta(hours=1))
    assert len(await stage.cards("linyue")) == 1
    assert await stage.cards("hemin") == []


async def test_a_session_that_the_nurse_ends_closes_the_call_and_a_new_one_can_be_made(stage: Stage) -> None:
    mother = await stage.family("zhao", {"name": "小满", "days": 400})
    await mother.says("转人工")
    await stage.control("POST", f"{mother.path}/servicer", userid="linyue", act="end")
    await stage.settle()
    assert [(flag.state, flag.outcome) for flag in await stage.flags()] == [("closed", "answered")]
    await mother.says("再帮我转人工")
    assert [flag.state for flag in await stage.flags()] == ["closed", "delivered"]
