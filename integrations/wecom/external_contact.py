"""客户联系: members' friends among patients (doc:92114, 92994, 92115). A kf customer is not automatically one of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import bad_request
from integrations.wecom.reply import Reply, given, read


class ExternalContact(Reply):
    """A person: ``wm…`` ids are WeChat users (type 1), ``wo…`` WeCom users (type 2). ``unionid`` joins other WeChat channels."""

    external_userid: str
    name: str = ""
    type: int = 1
    avatar: str = ""
    gender: int = 0
    unionid: str | None = None
    position: str = ""
    corp_name: str = ""


class FollowTag(Reply):
    """A tag as one member sees it; type 1 corp (企业标签), 2 the member's own (no id), 3 strategy."""

    group_name: str = ""
    tag_name: str = ""
    tag_id: str | None = None
    type: int = 1


class FollowUser(Reply):
    """One member's relation to the person. ``tags`` comes with ``get``, ``tag_id`` with the batch; ``state`` from the QR code used."""

    userid: str
    remark: str = ""
    description: str = ""
    createtime: datetime | None = None
    tags: tuple[FollowTag, ...] = ()
    tag_id: tuple[str, ...] = ()
    remark_corp_name: str = ""
    remark_mobiles: tuple[str, ...] = ()
    oper_userid: str = ""
    add_way: int | None = None
    state: str | None = None


class ContactDetail(Reply):
    """A person and one page of the members who know him; an empty ``next_cursor`` is the last page."""

    external_contact: ExternalContact
    follow_user: tuple[FollowUser, ...] = ()
    next_cursor: str = ""


class FollowedContact(Reply):
    """A person as one member knows him."""

    external_contact: ExternalContact
    follow_info: FollowUser


class ContactPage(Reply):
    """A page of ``batch_get_by_user``; an empty ``next_cursor`` is the last one."""

    external_contact_list: tuple[FollowedContact, ...] = ()
    next_cursor: str = ""


class _FollowUsers(Reply):
    follow_user: tuple[str, ...] = ()


class _ExternalUserids(Reply):
    external_userid: tuple[str, ...] = ()


class _Openid(Reply):
    openid: str


async def get_follow_user_list(client: WecomClient) -> tuple[str, ...]:
    """The members who may have customers."""
    return read(_FollowUsers, await client.get("externalcontact/get_follow_user_list")).follow_user


async def list_by_user(client: WecomClient, userid: str) -> tuple[str, ...]:
    """The external_userids of a member's customers. A member without any may raise ``not_a_friend`` (84061)."""
    return read(_ExternalUserids, await client.get("externalcontact/list", userid=userid)).external_userid


async def get(client: WecomClient, external_userid: str, cursor: str = "") -> ContactDetail:
    """A person and the members who know him, 500 a page."""
    params = {"external_userid": external_userid} | ({"cursor": cursor} if cursor else {})
    return read(ContactDetail, await client.get("externalcontact/get", **params))


async def batch_get_by_user(client: WecomClient, userids: Sequence[str], *, cursor: str = "", limit: int = 100) -> ContactPage:
    """A page of at most 100 customers of 1..100 members."""
    if not 1 <= len(userids) <= 100 or not 1 <= limit <= 100:
        raise bad_request("userids and limit: 1..100")
    body = {"userid_list": list(userids), "cursor": cursor, "limit": limit}
    return read(ContactPage, await client.post("externalcontact/batch/get_by_user", body))


async def remark(
    client: WecomClient,
    userid: str,
    external_userid: str,
    *,
    remark: str | None = None,
    description: str | None = None,
    remark_company: str | None = None,
    remark_mobiles: Sequence[str] | None = None,
    remark_pic_mediaid: str | None = None,
) -> None:
    """Set a member's notes on a customer: remark and company ≤20, description ≤150 characters, ≤5 mobiles.

    None leaves a field as it is; an empty list of mobiles clears them.
    """
    for name, value, most in (("remark", remark, 20), ("description", description, 150), ("remark_company", remark_company, 20)):
        if value is not None and len(value) > most:
            raise bad_request(f"{name}: at most {most} characters")
    if remark_mobiles is not None and len(remark_mobiles) > 5:
        raise bad_request("remark_mobiles: at most 5")
    body: dict[str, Any] = given(
        userid=userid,
        external_userid=external_userid,
        remark=remark,
        description=description,
        remark_company=remark_company,
        remark_mobiles=None if remark_mobiles is None else list(remark_mobiles),
        remark_pic_mediaid=remark_pic_mediaid,
    )
    await client.post("externalcontact/remark", body)


async def convert_to_openid(client: WecomClient, external_userid: str) -> str:
    """The openid of a WeChat customer (``wm…`` only)."""
    return read(_Openid, await client.post("externalcontact/convert_to_openid", {"external_userid": external_userid})).openid
