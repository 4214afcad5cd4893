"""The client's mass sends against the simulator: page by page, reminded, stopped, and found again when the answer was lost."""

from datetime import timedelta
from typing import Any

import pytest

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from integrations.wecom.mass_message import (
    NOT_SENT,
    SENT,
    add_msg_template,
    cancel_groupmsg_send,
    find_mass_task,
    get_groupmsg_task,
    member_tasks,
    remind_groupmsg_send,
    send_results,
)
from integrations.wecom.token import MemoryTokenStore

LIN, QIN = "linyue", "qinlan"
WORDS = "随访团队给您留了一条消息，请点开随访对话查看。"


@pytest.fixture
def client(corp: Any) -> WecomClient:
    async def no_sleep(seconds: float) -> None:
        """Retries need not wait in a test."""

    return WecomClient(corp.http, corp.url, corp.sim.config.corp_id, corp.app.secret, MemoryTokenStore(), corp.clock.now, no_sleep)


async def friends(corp: Any, count: int, userid: str = LIN) -> list[str]:
    found = [await corp.family(f"{userid} 的家属 {number}") for number in range(count)]
    for family in found:
        await corp.control("POST", f"members/{userid}/contacts", {"external_userid": family.id})
    return [family.id for family in found]


async def code_of(call: Any) -> str:
    with pytest.raises(WecomError) as refused:
        await call
    return refused.value.code


async def test_the_result_of_every_customer(corp: Any, client: WecomClient, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = await friends(corp, 3), await friends(corp, 2, QIN)
    task = await add_msg_template(client, external_userids=[*first, *second], text=WORDS, allow_select=True)
    assert [each.userid async for each in member_tasks(client, task.msgid)] == [LIN, QIN]
    body = {"without": [first[0]]}
    await corp.control("POST", f"members/{LIN}/groupmsg/{task.msgid}/confirm", body)
    page = await get_groupmsg_task(client, task.msgid, limit=1)
    assert len(page.task_list) == 1 and page.next_cursor
    monkeypatch.setattr("integrations.wecom.mass_message.get_groupmsg_send_result.__kwdefaults__", {"limit": 1, "cursor": ""})
    outcome = {each.external_userid: each.status async for each in send_results(client, task.msgid, LIN)}
    assert outcome == {first[0]: NOT_SENT, first[1]: SENT, first[2]: SENT}
    assert {each.status async for each in send_results(client, task.msgid, QIN)} == {NOT_SENT}


async def test_reminding_and_stopping(corp: Any, client: WecomClient) -> None:
    task = await add_msg_template(client, external_userids=await friends(corp, 1), text=WORDS)
    for _ in range(3):
        await remind_groupmsg_send(client, task.msgid)
    assert await code_of(remind_groupmsg_send(client, task.msgid)) == "reminded_enough"
    await corp.pass_time(86401)
    await remind_groupmsg_send(client, task.msgid)
    await cancel_groupmsg_send(client, task.msgid)
    assert await code_of(remind_groupmsg_send(client, task.msgid)) == "mass_send_stopped"
    assert await code_of(cancel_groupmsg_send(client, "unknown")) == "bad_request"


async def test_tasks_that_are_on_their_way(corp: Any, client: WecomClient) -> None:
    await corp.switch(mass_dispatch_seconds=30)
    task = await add_msg_template(client, external_userids=await friends(corp, 1), text=WORDS)
    with pytest.raises(WecomError) as refused:
        [each async for each in member_tasks(client, task.msgid)]
    assert (refused.value.code, refused.value.permanent) == ("being_sent", False)


async def test_a_mass_send_whose_answer_was_lost_is_found_again(corp: Any, client: WecomClient) -> None:
    who, began = await friends(corp, 1), corp.clock.now() - timedelta(seconds=1)
    await corp.control("POST", "faults", {"path": "externalcontact/add_msg_template", "drop": True, "after": True})
    assert await code_of(add_msg_template(client, external_userids=who, text=WORDS)) == "unknown_outcome"
    ends = corp.clock.now() + timedelta(minutes=1)
    msgid = await find_mass_task(client, WORDS, began, ends)
    assert msgid is not None and [each.userid async for each in member_tasks(client, msgid)] == [LIN]
    assert await find_mass_task(client, WORDS + "。", began, ends) is None
