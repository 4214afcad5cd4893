"""kf accounts, their servicers and links."""

import re
from typing import Any
from urllib.parse import quote

from integrations.wecom.simulator.config import KfAccountConfig
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.kf_bodies import check_media
from integrations.wecom.simulator.simulator import Call, Endpoint
from integrations.wecom.simulator.state import ContactWay, Servicer
from integrations.wecom.simulator.validate import Int, Items, Obj, Text

MAX_SERVICERS = 2000


def add(call: Call) -> dict[str, Any]:
    """A new account with an uploaded avatar."""
    check_media(call.sim, call.body["media_id"], "image")
    account = call.sim.add_account(KfAccountConfig(open_kfid=call.sim.new_id("wk", 32), name=call.body["name"]))
    account.avatar = f"https://wework.qpic.cn/wwhead/{call.body['media_id'][:40]}/0"
    return {"open_kfid": account.open_kfid}


def delete(call: Call) -> dict[str, Any]:
    """Remove an account; its chats stay visible to the control API only."""
    del call.sim.world.accounts[call.body["open_kfid"]]
    return {}


def update(call: Call) -> dict[str, Any]:
    """Change name or avatar."""
    account = call.sim.account(call.body["open_kfid"])
    if media_id := call.body.get("media_id"):
        check_media(call.sim, media_id, "image")
        account.avatar = f"https://wework.qpic.cn/wwhead/{media_id[:40]}/0"
    account.name = call.body.get("name") or account.name
    return {}


def list_accounts(call: Call) -> dict[str, Any]:
    """Accounts in pages of at most 100; `manage_privilege` says whether the calling app manages each."""
    offset, limit = call.body.get("offset") or 0, call.body.get("limit") or 100
    accounts = list(call.sim.world.accounts.values())[offset : offset + limit]
    granted = call.app.open_kfids
    return {
        "account_list": [
            {
                "open_kfid": a.open_kfid,
                "name": a.name,
                "avatar": a.avatar,
                "manage_privilege": granted is None or a.open_kfid in granted,
            }
            for a in accounts
        ]
    }


def add_contact_way(call: Call) -> dict[str, Any]:
    """The account's link; with a scene, `&scene_param=` may be appended to it."""
    sim, open_kfid, scene = call.sim, call.body["open_kfid"], call.body.get("scene") or ""
    ident = f"{open_kfid} {scene}"
    if ident not in sim.world.contact_ways:
        link = f"https://work.weixin.qq.com/kf/{sim.new_id('kfc', 20)}?enc_scene={quote(sim.new_id('ENC', 40))}"
        sim.world.contact_ways[ident] = ContactWay(ident, link, {"open_kfid": open_kfid, "scene": scene})
    return {"url": sim.world.contact_ways[ident].url}


def _change_servicers(call: Call, *, adding: bool) -> dict[str, Any]:
    sim, body = call.sim, call.body
    account = sim.account(body["open_kfid"])
    userids, departments = body.get("userid_list") or [], body.get("department_id_list") or []
    if not userids and not departments:
        raise ApiError(40063, "missing userid_list or department_id_list")
    results: list[dict[str, Any]] = []
    for userid in userids:
        member = sim.world.members.get(userid)
        if member is None:
            results.append({"userid": userid, "errcode": 60111, "errmsg": "userid not found"})
        elif not member.active:
            results.append({"userid": userid, "errcode": 95014, "errmsg": "user is not a servicer"})
        elif (userid in account.servicers) == adding:
            results.append({"userid": userid, "errcode": 0, "errmsg": "ignored"})
        else:
            if adding:
                account.servicers[userid] = Servicer(userid)
            else:
                del account.servicers[userid]
            results.append({"userid": userid, "errcode": 0, "errmsg": "success"})
    for number in departments:
        if number not in sim.world.departments:
            results.append({"department_id": number, "errcode": 60003, "errmsg": "department not found"})
        elif (number in account.departments) == adding:
            results.append({"department_id": number, "errcode": 0, "errmsg": "ignored"})
        else:
            if adding:
                account.departments.append(number)
            else:
                account.departments.remove(number)
            results.append({"department_id": number, "errcode": 0, "errmsg": "success"})
    if len(account.servicers) > MAX_SERVICERS:
        raise ApiError(40058, "too many servicers")
    return {"result_list": results}


def servicer_add(call: Call) -> dict[str, Any]:
    """Add members and departments; each has its own result."""
    return _change_servicers(call, adding=True)


def servicer_del(call: Call) -> dict[str, Any]:
    """Remove members and departments; each has its own result."""
    return _change_servicers(call, adding=False)


def servicer_list(call: Call) -> dict[str, Any]:
    """Servicers with their status, then departments."""
    open_kfid = call.query.get("open_kfid", "")
    if not open_kfid:
        raise ApiError(40058, "missing open_kfid")
    account = call.sim.account(open_kfid)
    if call.app.open_kfids is not None and open_kfid not in call.app.open_kfids:
        raise ApiError(48007)
    people: list[dict[str, Any]] = [
        {"userid": s.userid, "status": s.status, **({"stop_type": s.stop_type} if s.status else {})} for s in account.servicers.values()
    ]
    return {"servicer_list": people + [{"department_id": number} for number in account.departments]}


_KFID = Text(required=True, max_bytes=64)
_SERVICERS = Obj({"open_kfid": _KFID, "userid_list": Items(Text(required=True), hi=100), "department_id_list": Items(Int(), hi=100)})
ENDPOINTS: dict[str, Endpoint] = {
    "kf/account/add": Endpoint(
        add,
        Obj({"name": Text(required=True, max_chars=16, missing=95006, too_long=95006), "media_id": Text(required=True, max_bytes=128)}),
        right="kf",
    ),
    "kf/account/del": Endpoint(delete, Obj({"open_kfid": _KFID}), right="kf", kf_account="open_kfid"),
    "kf/account/update": Endpoint(
        update,
        Obj({"open_kfid": _KFID, "name": Text(max_chars=16, too_long=95006), "media_id": Text(max_bytes=128)}),
        right="kf",
        kf_account="open_kfid",
    ),
    "kf/account/list": Endpoint(list_accounts, Obj({"offset": Int(), "limit": Int(lo=1, hi=100)}), methods=("GET", "POST"), right="kf"),
    "kf/add_contact_way": Endpoint(
        add_contact_way,
        Obj({"open_kfid": _KFID, "scene": Text(max_bytes=32, pattern=re.compile(r"[0-9a-zA-Z_-]*"))}),
        right="kf",
        kf_account="open_kfid",
    ),
    "kf/servicer/add": Endpoint(servicer_add, _SERVICERS, right="kf", kf_account="open_kfid"),
    "kf/servicer/del": Endpoint(servicer_del, _SERVICERS, right="kf", kf_account="open_kfid"),
    "kf/servicer/list": Endpoint(servicer_list, methods=("GET",), right="kf", reads_body=False),
}
