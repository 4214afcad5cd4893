"""Words to members' customers: the welcome, and the mass send that each member must confirm (doc:92137, 92135, 93338)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from integrations.wecom.checks import check_bytes, check_count
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import bad_request
from integrations.wecom.reply import Reply, given, read

# send_result: 0 not sent yet, 1 sent, 2 no longer a friend, 3 over the customer's cap of the month.
NOT_SENT, SENT, NOT_A_FRIEND, OVER_CAP = range(4)


class MassTask(Reply):
    """A created mass send; nothing goes out before the members confirm. ``fail_list``: customers it can never reach."""

    msgid: str
    fail_list: tuple[str, ...] = ()


class GroupMessage(Reply):
    """A mass send of the past. ``create_time`` as WeCom writes it; its documents disagree on the form."""

    msgid: str
    creator: str = ""
    create_time: str = ""
    create_type: int | None = None
    text: dict[str, Any] | None = None
    attachments: tuple[dict[str, Any], ...] = ()


class GroupMessages(Reply):
    """A page; an empty ``next_cursor`` is the last one."""

    group_msg_list: tuple[GroupMessage, ...] = ()
    next_cursor: str = ""


class MemberTask(Reply):
    """One member's part: ``status`` 0 waiting for the tap, 2 done."""

    userid: str
    status: int
    send_time: datetime | None = None


class MemberTasks(Reply):
    """A page; an empty ``next_cursor`` is the last one."""

    task_list: tuple[MemberTask, ...] = ()
    next_cursor: str = ""


class SendResult(Reply):
    """One customer (or group): ``status`` NOT_SENT, SENT, NOT_A_FRIEND or OVER_CAP."""

    external_userid: str | None = None
    chat_id: str | None = None
    userid: str = ""
    status: int
    send_time: datetime | None = None


class SendResults(Reply):
    """A page; an empty ``next_cursor`` is the last one."""

    send_list: tuple[SendResult, ...] = ()
    next_cursor: str = ""


async def send_welcome_msg(
    client: WecomClient, welcome_code: str, *, text: str | None = None, attachments: Sequence[dict[str, Any]] = ()
) -> None:
    """Greet a new friend: text ≤4000 bytes, ≤9 attachments, within 20 s of the event. Raises ``welcome_gone``: late, or not first."""
    await client.post("externalcontact/send_welcome_msg", {"welcome_code": welcome_code, **_content(text, attachments)})


async def add_msg_template(
    client: WecomClient,
    *,
    external_userids: Sequence[str] | None = None,
    chat_ids: Sequence[str] | None = None,
    tag_groups: Sequence[Sequence[str]] | None = None,
    sender: str | None = None,
    text: str | None = None,
    attachments: Sequence[dict[str, Any]] = (),
    allow_select: bool | None = None,
) -> MassTask:
    """Create a mass send to customers (≤10,000, or by tags: OR inside a group, AND between groups) or to groups (≤2000, with sender).

    The call is not repeated by itself: ``unknown_outcome`` means that the task may exist.
    """
    if chat_ids is not None and (external_userids or tag_groups or sender is None):
        raise bad_request("chat_ids: with sender, without customers and tags")
    if not (external_userids or chat_ids or tag_groups or sender):
        raise bad_request("no recipients")
    if len(external_userids or ()) > 10_000 or len(chat_ids or ()) > 2000 or any(len(group) > 100 for group in tag_groups or ()):
        raise bad_request("at most 10000 customers, 2000 groups, 100 tags in a group")
    body = given(
        chat_type="single" if chat_ids is None else "group",
        external_userid=list(external_userids) if external_userids else None,
        chat_id_list=list(chat_ids) if chat_ids else None,
        tag_filter={"group_list": [{"tag_list": list(group)} for group in tag_groups]} if tag_groups else None,
        sender=sender,
        allow_select=allow_select,
        **_content(text, attachments),
    )
    return read(MassTask, await client.post("externalcontact/add_msg_template", body))


async def get_groupmsg_list(
    client: WecomClient,
    chat_type: str,
    start: datetime,
    end: datetime,
    *,
    creator: str | None = None,
    filter_type: int | None = None,
    limit: int = 50,
    cursor: str = "",
) -> GroupMessages:
    """Mass sends between two times at most a month apart; ``chat_type`` single or group, ``limit`` ≤100."""
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end must be aware")
    span = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
    body = given(chat_type=chat_type, **span, creator=creator, filter_type=filter_type, limit=limit, cursor=cursor or None)
    return read(GroupMessages, await client.post("externalcontact/get_groupmsg_list_v2", body))


async def get_groupmsg_task(client: WecomClient, msgid: str, *, limit: int = 500, cursor: str = "") -> MemberTasks:
    """Which members have confirmed."""
    body = given(msgid=msgid, limit=limit, cursor=cursor or None)
    return read(MemberTasks, await client.post("externalcontact/get_groupmsg_task", body))


async def get_groupmsg_send_result(client: WecomClient, msgid: str, userid: str, *, limit: int = 500, cursor: str = "") -> SendResults:
    """What became of one member's part, customer by customer."""
    body = given(msgid=msgid, userid=userid, limit=limit, cursor=cursor or None)
    return read(SendResults, await client.post("externalcontact/get_groupmsg_send_result", body))


async def member_tasks(client: WecomClient, msgid: str) -> AsyncIterator[MemberTask]:
    """Every member's part, page by page. Raises ``being_sent`` as long as WeCom hands the tasks out."""
    cursor = ""
    while True:
        page = await get_groupmsg_task(client, msgid, cursor=cursor)
        for each in page.task_list:
            yield each
        if not page.next_cursor:
            return
        cursor = page.next_cursor


async def send_results(client: WecomClient, msgid: str, userid: str) -> AsyncIterator[SendResult]:
    """Every customer of one member's part, page by page; a customer whom the member left out stays NOT_SENT."""
    cursor = ""
    while True:
        page = await get_groupmsg_send_result(client, msgid, userid, cursor=cursor)
        for each in page.send_list:
            yield each
        if not page.next_cursor:
            return
        cursor = page.next_cursor


async def find_mass_task(client: WecomClient, text: str, start: datetime, end: datetime) -> str | None:
    """The msgid of the newest mass send to customers with exactly this ``text``, made between the two moments; None without one.

    For whoever has lost the answer of ``add_msg_template`` (``unknown_outcome``): a second call would ask the members a second time.
    """
    cursor, found = "", None
    while True:
        page = await get_groupmsg_list(client, "single", start, end, cursor=cursor)
        for each in page.group_msg_list:
            if (each.text or {}).get("content") == text and (found is None or each.create_time > found.create_time):
                found = each
        if not page.next_cursor:
            return found.msgid if found else None
        cursor = page.next_cursor


async def remind_groupmsg_send(client: WecomClient, msgid: str) -> None:
    """Remind the members who have not confirmed; the fourth time in 24 h raises ``reminded_enough``."""
    await client.post("externalcontact/remind_groupmsg_send", {"msgid": msgid})


async def cancel_groupmsg_send(client: WecomClient, msgid: str) -> None:
    """Stop what no member has confirmed yet; what was sent stays sent."""
    await client.post("externalcontact/cancel_groupmsg_send", {"msgid": msgid})


def _content(text: str | None, attachments: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if not text and not attachments:
        raise bad_request("one of text and attachments is needed")
    words = {"content": check_bytes("text", text, 4000)} if text else None
    return given(text=words, attachments=check_count("attachments", attachments, 9) or None)
