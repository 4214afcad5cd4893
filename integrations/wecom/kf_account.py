"""微信客服 accounts, the links into them, and their servicers (接待人员)."""

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, quote, urlsplit

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError, bad_request
from integrations.wecom.reply import Reply, given, read


class KfAccount(Reply):
    """A service account; ``manage_privilege`` says whether this app may manage its sessions (None: not told)."""

    open_kfid: str
    name: str = ""
    avatar: str = ""
    manage_privilege: bool | None = None


class Servicer(Reply):
    """A member (``userid``) or a whole department. ``status`` 0 at work, 1 stopped; None when the app does not manage the account.
    ``stop_type`` 0 stopped, 1 away for a while."""

    userid: str | None = None
    department_id: int | None = None
    status: int | None = None
    stop_type: int | None = None


class ServicerResult(Reply):
    """What became of one member or department of a request; ``errcode`` 0 also when it was ignored as already so."""

    userid: str | None = None
    department_id: int | None = None
    errcode: int = 0
    errmsg: str = ""


class _Accounts(Reply):
    account_list: tuple[KfAccount, ...] = ()


class _Servicers(Reply):
    servicer_list: tuple[Servicer, ...] = ()


class _ServicerResults(Reply):
    result_list: tuple[ServicerResult, ...] = ()


async def account_add(client: WecomClient, name: str, media_id: str) -> str:
    """A new account with ``name`` (1..16 characters) and the uploaded picture ``media_id``; its open_kfid (doc:94662)."""
    if not 1 <= len(name) <= 16:
        raise bad_request("name: 1..16 characters")
    return read(KfAccount, await client.post("kf/account/add", {"name": name, "media_id": media_id})).open_kfid


async def account_del(client: WecomClient, open_kfid: str) -> None:
    """Delete an account (doc:94663)."""
    await client.post("kf/account/del", {"open_kfid": open_kfid})


async def account_update(client: WecomClient, open_kfid: str, *, name: str | None = None, media_id: str | None = None) -> None:
    """Change an account's name or picture (doc:94664)."""
    if name is not None and not 1 <= len(name) <= 16:
        raise bad_request("name: 1..16 characters")
    await client.post("kf/account/update", given(open_kfid=open_kfid, name=name, media_id=media_id))


async def account_list(client: WecomClient, *, offset: int = 0, limit: int = 100) -> tuple[KfAccount, ...]:
    """One page of the accounts this app may call, at most 100; the last page is shorter than ``limit`` (doc:94661)."""
    return read(_Accounts, await client.post("kf/account/list", {"offset": offset, "limit": limit})).account_list


async def add_contact_way(client: WecomClient, open_kfid: str, scene: str | None = None) -> str:
    """A link that opens the account's chat; ``scene`` (≤32 of ``0-9a-zA-Z_-``) comes back in ``enter_session`` (doc:94665)."""
    if scene is not None and not re.fullmatch(r"[0-9a-zA-Z_-]{0,32}", scene):
        raise bad_request("scene: at most 32 of 0-9a-zA-Z_-")
    reply = await client.post("kf/add_contact_way", given(open_kfid=open_kfid, scene=scene))
    url = reply.get("url")
    if not isinstance(url, str) or not url:
        raise WecomError("garbage_reply", detail="kf/add_contact_way: url")
    return url


def contact_link(url: str, scene_param: str) -> str:
    """``url`` of ``add_contact_way`` with ``scene_param`` (1..128 bytes of UTF-8) appended.

    Lawful only on a link made with a scene; nothing else in the link is touched, or WeCom would send no ``enter_session``.
    """
    if not 1 <= len(scene_param.encode()) <= 128:
        raise bad_request("scene_param: 1..128 bytes")
    names = [name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)]
    if "enc_scene" not in names or "scene_param" in names or "#" in url:
        raise bad_request("url: not a link made with a scene")
    return f"{url}&scene_param={quote(scene_param, safe='')}"


async def servicer_add(
    client: WecomClient, open_kfid: str, *, userids: Sequence[str] | None = None, department_ids: Sequence[int] | None = None
) -> tuple[ServicerResult, ...]:
    """Let members (≤100) or departments (≤20) serve the account; a result for each (doc:94646)."""
    return await _change_servicers(client, "kf/servicer/add", open_kfid, userids, department_ids)


async def servicer_del(
    client: WecomClient, open_kfid: str, *, userids: Sequence[str] | None = None, department_ids: Sequence[int] | None = None
) -> tuple[ServicerResult, ...]:
    """Take members (≤100) or departments (≤20) off the account; a result for each (doc:94647)."""
    return await _change_servicers(client, "kf/servicer/del", open_kfid, userids, department_ids)


async def servicer_list(client: WecomClient, open_kfid: str) -> tuple[Servicer, ...]:
    """Who serves the account, and whether they are at work (doc:94645)."""
    return read(_Servicers, await client.get("kf/servicer/list", open_kfid=open_kfid)).servicer_list


async def _change_servicers(
    client: WecomClient, path: str, open_kfid: str, userids: Sequence[str] | None, department_ids: Sequence[int] | None
) -> tuple[ServicerResult, ...]:
    if not userids and not department_ids:
        raise bad_request("one of userids and department_ids is needed")
    # Sources differ on departments (20 or 100 a call); 20 is also what an account may hold.
    if len(userids or ()) > 100 or len(department_ids or ()) > 20:
        raise bad_request("at most 100 userids and 20 department_ids")
    body = given(
        open_kfid=open_kfid,
        userid_list=list(userids) if userids else None,
        department_id_list=list(department_ids) if department_ids else None,
    )
    return read(_ServicerResults, await client.post(path, body)).result_list
