"""Corp tags (企业标签) and what marks a customer with them."""

from typing import Any

from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import Tag, TagGroup, pair
from integrations.wecom.simulator.validate import Int, Items, Obj, Text
from integrations.wecom.simulator.xml import Xml

MAX_TAGS = 3000
MAX_NAME = 30


def find_tag(sim: Simulator, tag_id: str) -> tuple[TagGroup, Tag] | None:
    """A tag and its group."""
    for group in sim.world.tag_groups.values():
        for tag in group.tags:
            if tag.id == tag_id:
                return group, tag
    return None


def _tell(call: Call, change_type: str, ident: str, tag_type: str) -> None:
    """A change_external_tag event to the other apps: an app does not hear of its own calls."""
    event: dict[str, Xml] = {
        "MsgType": "event",
        "Event": "change_external_tag",
        "Id": ident,
        "TagType": tag_type,
        "ChangeType": change_type,
    }
    for app in call.sim.config.apps:
        if "externalcontact" in app.rights and app.agentid != call.app.agentid:
            call.sim.callback(app, event, sender="sys")


def _tag_view(tag: Tag) -> dict[str, Any]:
    return {"id": tag.id, "name": tag.name, "create_time": tag.create_time, "order": tag.order}


def _group_view(group: TagGroup, tags: list[Tag]) -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "group_name": group.group_name,
        "create_time": group.create_time,
        "order": group.order,
        "tag": [_tag_view(tag) for tag in tags],
    }


def get_corp_tag_list(call: Call) -> dict[str, Any]:
    """All tags, or those named; tag ids win over group ids. Higher order comes first."""
    wanted_tags, wanted_groups = call.body.get("tag_id") or [], call.body.get("group_id") or []
    groups = []
    for group in sorted(call.sim.world.tag_groups.values(), key=lambda g: -g.order):
        tags = sorted(group.tags, key=lambda t: -t.order)
        if wanted_tags:
            tags = [tag for tag in tags if tag.id in wanted_tags]
        elif wanted_groups and group.group_id not in wanted_groups:
            continue
        if tags:
            view = _group_view(group, tags)
            groups.append({**view, "deleted": False, "tag": [{**tag, "deleted": False} for tag in view["tag"]]})
    return {"tag_group": groups}


def add_corp_tag(call: Call) -> dict[str, Any]:
    """New tags in a group that is found by id, or by name, or made. Equal names in a group are one tag."""
    sim, body, now = call.sim, call.body, int(call.sim.now)
    group = _group_for(sim, body)
    existing = {tag.name: tag for tag in group.tags} if group else {}
    fresh = {tag["name"] for tag in body["tag"]} - existing.keys()
    if sum(len(g.tags) for g in sim.world.tag_groups.values()) + len(fresh) > MAX_TAGS:
        raise ApiError(40126)
    if group is None:
        group = TagGroup(sim.new_id("et", 32), body["group_name"], now, body.get("order", 0))
        sim.world.tag_groups[group.group_id] = group
        _tell(call, "create", group.group_id, "tag_group")
    touched = []
    for given in body["tag"]:
        tag = existing.get(given["name"])
        if tag is None:
            tag = existing[given["name"]] = Tag(sim.new_id("et", 32), given["name"], now, given.get("order", 0))
            group.tags.append(tag)
            _tell(call, "create", tag.id, "tag")
        if tag not in touched:
            touched.append(tag)
    return {"tag_group": _group_view(group, touched)}


def _group_for(sim: Simulator, body: dict[str, Any]) -> TagGroup | None:
    if ident := body.get("group_id"):
        if ident not in sim.world.tag_groups:
            raise ApiError(40068)
        return sim.world.tag_groups[ident]
    name = body.get("group_name")
    if not name:
        raise ApiError(40063, "missing group_id or group_name")
    return next((group for group in sim.world.tag_groups.values() if group.group_name == name), None)


def edit_corp_tag(call: Call) -> dict[str, Any]:
    """Rename or reorder a tag or a group; 40071 if the name is taken."""
    sim, body = call.sim, call.body
    ident, name = body["id"], body.get("name")
    if ident in sim.world.tag_groups:
        group = sim.world.tag_groups[ident]
        if name and any(g.group_name == name for g in sim.world.tag_groups.values() if g is not group):
            raise ApiError(40071)
        group.group_name, group.order = name or group.group_name, body.get("order", group.order)
        _tell(call, "update", ident, "tag_group")
        return {}
    found = find_tag(sim, ident)
    if found is None:
        raise ApiError(40068)
    group, tag = found
    if name and any(t.name == name for t in group.tags if t is not tag):
        raise ApiError(40071)
    tag.name, tag.order = name or tag.name, body.get("order", tag.order)
    _tell(call, "update", ident, "tag")
    return {}


def del_corp_tag(call: Call) -> dict[str, Any]:
    """Delete tags and groups; a group goes with its last tag."""
    sim, tag_ids, group_ids = call.sim, call.body.get("tag_id") or [], call.body.get("group_id") or []
    if not tag_ids and not group_ids:
        raise ApiError(40063, "missing tag_id or group_id")
    found = [find_tag(sim, tag_id) for tag_id in tag_ids]
    if None in found or any(ident not in sim.world.tag_groups for ident in group_ids):
        raise ApiError(40068)
    for group, tag in filter(None, found):
        group.tags = [kept for kept in group.tags if kept is not tag]
        _tell(call, "delete", tag.id, "tag")
    for group in list(sim.world.tag_groups.values()):
        if group.group_id in group_ids or not group.tags:
            del sim.world.tag_groups[group.group_id]
            _tell(call, "delete", group.group_id, "tag_group")
    return {}


def mark_tag(call: Call) -> dict[str, Any]:
    """Mark one member's view of a customer; 84061 without a tie between the two."""
    sim, body = call.sim, call.body
    add, remove = body.get("add_tag") or [], body.get("remove_tag") or []
    if not add and not remove:
        raise ApiError(40063, "missing add_tag or remove_tag")
    if body["userid"] not in sim.world.members:
        raise ApiError(60111)
    sim.customer(body["external_userid"])
    tie = sim.world.relations.get(pair(body["userid"], body["external_userid"]))
    if tie is None or tie.ended_by == "member":
        raise ApiError(84061)
    if any(find_tag(sim, tag_id) is None for tag_id in [*add, *remove]):
        raise ApiError(40068)
    tie.tag_ids = list(dict.fromkeys([tag for tag in tie.tag_ids if tag not in remove] + add))
    return {}


_NAME = Text(required=True, max_chars=MAX_NAME, missing=40072, too_long=40072)
_ORDER = Int(hi=2**32 - 1)
_IDS = Items(Text(required=True))
ENDPOINTS: dict[str, Endpoint] = {
    "externalcontact/get_corp_tag_list": Endpoint(get_corp_tag_list, Obj({"tag_id": _IDS, "group_id": _IDS}), right="externalcontact"),
    "externalcontact/add_corp_tag": Endpoint(
        add_corp_tag,
        Obj(
            {
                "group_id": Text(),
                "group_name": Text(max_chars=MAX_NAME, too_long=40072),
                "order": _ORDER,
                "tag": Items(Obj({"name": _NAME, "order": _ORDER}), required=True, lo=1),
                "agentid": Int(),
            }
        ),
        right="externalcontact",
    ),
    "externalcontact/edit_corp_tag": Endpoint(
        edit_corp_tag,
        Obj(
            {
                "id": Text(required=True, missing=40068),
                "name": Text(max_chars=MAX_NAME, too_long=40072),
                "order": _ORDER,
                "agentid": Int(),
            }
        ),
        right="externalcontact",
    ),
    "externalcontact/del_corp_tag": Endpoint(
        del_corp_tag, Obj({"tag_id": _IDS, "group_id": _IDS, "agentid": Int()}), right="externalcontact"
    ),
    "externalcontact/mark_tag": Endpoint(
        mark_tag,
        Obj(
            {
                "userid": Text(required=True, missing=41009),
                "external_userid": Text(required=True, missing=41035),
                "add_tag": _IDS,
                "remove_tag": _IDS,
            }
        ),
        right="externalcontact",
    ),
}
