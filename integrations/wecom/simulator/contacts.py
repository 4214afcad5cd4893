"""客户联系: the ties between members and customers, and what may be read and written about them."""

from typing import Any

from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.sealing import seal, unseal
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import ContactWay, Customer, Relation, pair
from integrations.wecom.simulator.tags import find_tag
from integrations.wecom.simulator.validate import Flag, Int, Items, Obj, Spec, Text
from integrations.wecom.simulator.xml import Xml

FOLLOWERS_PER_PAGE = 500
MAX_BATCH = 100
MAX_WAY_MEMBERS = 100


def relation(sim: Simulator, userid: str, external_userid: str) -> Relation:
    """A living tie; raises 60111, 40096 or 84061. One that only the customer has cut still counts for the member."""
    if userid not in sim.world.members:
        raise ApiError(60111)
    sim.customer(external_userid)
    found = sim.world.relations.get(pair(userid, external_userid))
    if found is None or found.ended_by == "member":
        raise ApiError(84061)
    return found


def relations_of(sim: Simulator, *, userid: str | None = None, external_userid: str | None = None) -> list[Relation]:
    """Ties of a member or of a customer that neither side's member has cut, oldest first."""
    return [
        tie
        for tie in sim.world.relations.values()
        if tie.ended_by != "member" and userid in (None, tie.userid) and external_userid in (None, tie.external_userid)
    ]


def tell(sim: Simulator, change_type: str, **fields: Xml) -> None:
    """A change_external_contact event to every app that may read contacts."""
    event: dict[str, Xml] = {"MsgType": "event", "Event": "change_external_contact", "ChangeType": change_type, **fields}
    for app in sim.config.apps:
        if "externalcontact" in app.rights:
            sim.callback(app, event, sender="sys")


def get_follow_user_list(call: Call) -> dict[str, Any]:
    """Members who may have customers: all active ones."""
    return {"follow_user": [m.userid for m in call.sim.world.members.values() if m.active]}


def list_contacts(call: Call) -> dict[str, Any]:
    """A member's customers; 84061 if he has none."""
    userid = call.query.get("userid", "")
    if not userid:
        raise ApiError(41009)
    if userid not in call.sim.world.members:
        raise ApiError(60111)
    ties = relations_of(call.sim, userid=userid)
    if not ties:
        raise ApiError(84061)
    return {"external_userid": [tie.external_userid for tie in ties]}


def contact_view(customer: Customer) -> dict[str, Any]:
    """A customer as contact calls show him; type 1 is a WeChat user."""
    view: dict[str, Any] = {
        "external_userid": customer.external_userid,
        "name": customer.nickname,
        "type": 1,
        "avatar": customer.avatar,
        "gender": customer.gender,
    }
    return {**view, "unionid": customer.unionid} if customer.unionid else view


def _follow_view(tie: Relation) -> dict[str, Any]:
    view: dict[str, Any] = {
        "userid": tie.userid,
        "remark": tie.remark,
        "description": tie.description,
        "createtime": int(tie.createtime),
        "remark_corp_name": tie.remark_company,
        "remark_mobiles": tie.remark_mobiles,
        "oper_userid": tie.userid,
        "add_way": 1,
    }
    return {**view, "state": tie.state} if tie.state else view


def _tag_views(sim: Simulator, tie: Relation) -> list[dict[str, Any]]:
    views = []
    for tag_id in tie.tag_ids:
        if found := find_tag(sim, tag_id):
            group, tag = found
            views.append({"group_name": group.group_name, "tag_name": tag.name, "tag_id": tag.id, "type": 1})
    return views


def get_contact(call: Call) -> dict[str, Any]:
    """A customer and his followers, 500 a page; tags stand here as objects."""
    sim, external_userid = call.sim, call.query.get("external_userid", "")
    if not external_userid:
        raise ApiError(41035)
    customer = sim.customer(external_userid)
    ties = relations_of(sim, external_userid=external_userid)
    if not ties:
        raise ApiError(84061)
    page, next_cursor = paginate(sim, ties, call.query.get("cursor"), FOLLOWERS_PER_PAGE, f"followers {external_userid}")
    answer: dict[str, Any] = {
        "external_contact": contact_view(customer),
        "follow_user": [{**_follow_view(tie), "tags": _tag_views(sim, tie)} for tie in page],
    }
    return {**answer, "next_cursor": next_cursor} if next_cursor else answer


def batch_get_by_user(call: Call) -> dict[str, Any]:
    """Customers of several members; tags stand here as bare ids."""
    sim, userids = call.sim, call.body["userid_list"]
    for userid in userids:
        if userid not in sim.world.members:
            raise ApiError(60111)
    ties = [tie for userid in userids for tie in relations_of(sim, userid=userid)]
    page, next_cursor = paginate(sim, ties, call.body.get("cursor"), call.body.get("limit") or 50, "batch " + "|".join(userids))
    return {
        "external_contact_list": [
            {
                "external_contact": contact_view(sim.customer(tie.external_userid)),
                "follow_info": {**_follow_view(tie), "tag_id": [t for t in tie.tag_ids if find_tag(sim, t)]},
            }
            for tie in page
        ],
        "next_cursor": next_cursor,
    }


def paginate(sim: Simulator, items: list[Any], cursor: str | None, size: int, scope: str) -> tuple[list[Any], str]:
    """A page of a list and the cursor of the next one ("" at the end); raises 40058 for a cursor of another list."""
    start = 0
    if cursor:
        position = unseal(cursor, key=sim.world.seal, scope=scope)
        if position is None:
            raise ApiError(40058, "invalid cursor")
        start = position
    stop = start + size
    return items[start:stop], seal(stop, key=sim.world.seal, scope=scope) if stop < len(items) else ""


def remark(call: Call) -> dict[str, Any]:
    """The member's own notes on a customer; only the fields given change."""
    body = call.body
    tie = relation(call.sim, body["userid"], body["external_userid"])
    for name in ("remark", "description", "remark_company", "remark_mobiles"):
        if name in body:
            setattr(tie, name, body[name])
    tell(call.sim, "edit_external_contact", UserID=tie.userid, ExternalUserID=tie.external_userid, State=tie.state)
    return {}


def send_welcome_msg(call: Call) -> dict[str, Any]:
    """The greeting of a new friend: 20 s, once, and only before they have begun to talk."""
    sim, body = call.sim, call.body
    code = sim.world.welcome_codes.get(body["welcome_code"])
    if code is None or not code.at <= sim.now < code.at + 20:
        raise ApiError(41050)
    if code.used:
        raise ApiError(41051)
    check_content(sim, body)
    code.used = True
    return {}


def check_content(sim: Simulator, body: dict[str, Any]) -> None:
    """Text or attachments of a greeting or mass message; raises 40063, 41065, 40007."""
    if not (body.get("text") or {}).get("content") and not body.get("attachments"):
        raise ApiError(40063, "text and attachments are both empty")
    for attachment in body.get("attachments") or []:
        kind = attachment.get("msgtype")
        if kind not in ATTACHMENTS or not attachment.get(kind):
            raise ApiError(41065)
        for name in ("media_id", "pic_media_id"):
            media_id = attachment[kind].get(name)
            if media_id and (media_id not in sim.world.media or sim.now - sim.world.media[media_id].at >= 3 * 86400):
                raise ApiError(40007)


def convert_to_openid(call: Call) -> dict[str, Any]:
    """The openid of a WeChat user."""
    return {"openid": call.sim.customer(call.body["external_userid"]).openid}


def add_contact_way(call: Call) -> dict[str, Any]:
    """A 「联系我」 code."""
    sim, body = call.sim, call.body
    users = body.get("user") or []
    if len(users) > MAX_WAY_MEMBERS:
        raise ApiError(40058, "too many members")
    if any(userid not in sim.world.members for userid in users):
        raise ApiError(60111)
    way = sim.new_id("", 32)
    sim.world.contact_ways[way] = ContactWay(way, f"https://wework.qpic.cn/wwpic/{way}/0", dict(body))
    return {"config_id": way, "qr_code": sim.world.contact_ways[way].url}


def get_contact_way(call: Call) -> dict[str, Any]:
    """A 「联系我」 code as it was made."""
    way = call.sim.world.contact_ways.get(call.body["config_id"])
    if way is None or "open_kfid" in way.fields:
        raise ApiError(41044)
    return {"contact_way": {"config_id": way.id, "qr_code": way.url, **way.fields}}


_IDS: dict[str, Spec] = {
    "userid": Text(required=True, max_bytes=64, missing=41009),
    "external_userid": Text(required=True, missing=41035),
}
ATTACHMENTS: dict[str, Obj] = {
    "image": Obj({"media_id": Text(), "pic_url": Text()}),
    "link": Obj({"title": Text(required=True, max_bytes=128), "picurl": Text(), "desc": Text(max_bytes=512), "url": Text(required=True)}),
    "miniprogram": Obj(
        {
            "title": Text(required=True, max_bytes=64),
            "pic_media_id": Text(required=True),
            "appid": Text(required=True),
            "page": Text(required=True),
        }
    ),
    "video": Obj({"media_id": Text(required=True)}),
    "file": Obj({"media_id": Text(required=True)}),
}
CONTENT: dict[str, Spec] = {
    "text": Obj({"content": Text(max_bytes=4000, too_long=45002)}),
    "attachments": Items(Obj({"msgtype": Text(), **ATTACHMENTS}), hi=9, size=41064),
}
ENDPOINTS: dict[str, Endpoint] = {
    "externalcontact/get_follow_user_list": Endpoint(
        get_follow_user_list, methods=("GET", "POST"), right="externalcontact", reads_body=False
    ),
    "externalcontact/list": Endpoint(list_contacts, methods=("GET",), right="externalcontact", reads_body=False),
    "externalcontact/get": Endpoint(get_contact, methods=("GET",), right="externalcontact", reads_body=False),
    "externalcontact/batch/get_by_user": Endpoint(
        batch_get_by_user,
        Obj({"userid_list": Items(Text(), required=True, lo=1, hi=MAX_BATCH), "cursor": Text(), "limit": Int(lo=1, hi=MAX_BATCH)}),
        right="externalcontact",
    ),
    "externalcontact/remark": Endpoint(
        remark,
        Obj(
            {
                **_IDS,
                "remark": Text(max_chars=20),
                "description": Text(max_chars=150),
                "remark_company": Text(max_chars=20),
                "remark_mobiles": Items(Text(), hi=5),
                "remark_pic_mediaid": Text(),
            }
        ),
        right="externalcontact",
    ),
    "externalcontact/send_welcome_msg": Endpoint(
        send_welcome_msg, Obj({"welcome_code": Text(required=True, missing=41050), **CONTENT}), right="externalcontact"
    ),
    "externalcontact/convert_to_openid": Endpoint(
        convert_to_openid, Obj({"external_userid": Text(required=True, missing=41035)}), right="externalcontact"
    ),
    "externalcontact/add_contact_way": Endpoint(
        add_contact_way,
        Obj(
            {
                "type": Int(required=True, lo=1, hi=2, missing=41037, invalid=41039),
                "scene": Int(required=True, lo=1, hi=2, missing=41038, invalid=41040),
                "style": Int(),
                "remark": Text(max_chars=30),
                "skip_verify": Flag(),
                "state": Text(max_chars=30),
                "user": Items(Text()),
                "party": Items(Int()),
                "is_temp": Flag(),
                "expires_in": Int(),
                "chat_expires_in": Int(),
                "unionid": Text(),
                "is_exclusive": Flag(),
                "conclusions": Obj(CONTENT),
            }
        ),
        right="externalcontact",
    ),
    "externalcontact/get_contact_way": Endpoint(
        get_contact_way, Obj({"config_id": Text(required=True, missing=41043)}), right="externalcontact"
    ),
}
