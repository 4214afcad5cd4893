"""微信客服: who the customers are, the upgrade to a member's own service, and the statistics."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import bad_request
from integrations.wecom.reply import Reply, given, read


class EnterSession(Reply):
    """How a customer last came in; ``scene_param`` is what our link carried."""

    scene: str = ""
    scene_param: str = ""
    wechat_channels: dict[str, Any] | None = None


class KfCustomer(Reply):
    """A WeChat user who wrote to an account. ``gender`` 0 unknown, 1 male, 2 female; ``unionid`` only with a bound open platform."""

    external_userid: str
    nickname: str = ""
    avatar: str = ""
    gender: int = 0
    unionid: str | None = None
    enter_session_context: EnterSession | None = None


class KfCustomers(Reply):
    """Found customers, and the ids that are none."""

    customer_list: tuple[KfCustomer, ...] = ()
    invalid_external_userid: tuple[str, ...] = ()


class _MemberRange(Reply):
    userid_list: tuple[str, ...] = ()
    department_id_list: tuple[int, ...] = ()


class _GroupchatRange(Reply):
    chat_id_list: tuple[str, ...] = ()


class UpgradeServiceConfig(Reply):
    """Members, departments and groups that the console allows as targets of an upgrade."""

    member_range: _MemberRange = _MemberRange()
    groupchat_range: _GroupchatRange = _GroupchatRange()


class DayStatistic(Reply):
    """One day. A missing rate means that it cannot be computed, not zero."""

    stat_time: datetime
    statistic: Mapping[str, float]


class _Statistics(Reply):
    statistic_list: tuple[DayStatistic, ...] = ()


async def customer_batchget(client: WecomClient, external_userids: Sequence[str], *, enter_session_context: bool = False) -> KfCustomers:
    """Names, pictures and unionids of 1..100 customers (doc:95159)."""
    if not 1 <= len(external_userids) <= 100:
        raise bad_request("external_userids: 1..100")
    body = {"external_userid_list": list(external_userids), "need_enter_session_context": int(enter_session_context)}
    return read(KfCustomers, await client.post("kf/customer/batchget", body))


async def get_upgrade_service_config(client: WecomClient) -> UpgradeServiceConfig:
    """The allowed targets of ``upgrade_service`` (doc:94674)."""
    return read(UpgradeServiceConfig, await client.get("kf/customer/get_upgrade_service_config"))


async def upgrade_to_member(client: WecomClient, open_kfid: str, external_userid: str, userid: str, wording: str = "") -> None:
    """Hint to the servicer that the customer be handed to member ``userid`` (专员); sends nothing by itself."""
    body = {"open_kfid": open_kfid, "external_userid": external_userid, "type": 1, "member": {"userid": userid, "wording": wording}}
    await client.post("kf/customer/upgrade_service", body)


async def upgrade_to_groupchat(client: WecomClient, open_kfid: str, external_userid: str, chat_id: str, wording: str = "") -> None:
    """Hint to the servicer that the customer be invited to group ``chat_id``; sends nothing by itself."""
    body = {"open_kfid": open_kfid, "external_userid": external_userid, "type": 2, "groupchat": {"chat_id": chat_id, "wording": wording}}
    await client.post("kf/customer/upgrade_service", body)


async def cancel_upgrade_service(client: WecomClient, open_kfid: str, external_userid: str) -> None:
    """Take the hint back."""
    await client.post("kf/customer/cancel_upgrade_service", {"open_kfid": open_kfid, "external_userid": external_userid})


async def get_corp_statistic(client: WecomClient, open_kfid: str, start: datetime, end: datetime) -> tuple[DayStatistic, ...]:
    """Day figures of an account; both ends are starts of days, at most 31 days, yesterday to 180 days back (doc:95489)."""
    body = {"open_kfid": open_kfid, **_span(start, end)}
    return read(_Statistics, await client.post("kf/get_corp_statistic", body)).statistic_list


async def get_servicer_statistic(
    client: WecomClient, open_kfid: str, start: datetime, end: datetime, servicer_userid: str | None = None
) -> tuple[DayStatistic, ...]:
    """Day figures of one servicer, or of all together (doc:95490)."""
    body = given(open_kfid=open_kfid, servicer_userid=servicer_userid, **_span(start, end))
    return read(_Statistics, await client.post("kf/get_servicer_statistic", body)).statistic_list


def _span(start: datetime, end: datetime) -> dict[str, int]:
    if start.tzinfo is None or end.tzinfo is None:
        raise ValueError("start and end must be aware")
    if not 0 <= (end - start).days <= 31:
        raise bad_request("at most 31 days")
    return {"start_time": int(start.astimezone(UTC).timestamp()), "end_time": int(end.astimezone(UTC).timestamp())}
