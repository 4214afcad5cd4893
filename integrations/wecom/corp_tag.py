"""企业标签: the corp's tags on customers (doc:92117, 92118). A mirror only; our own store holds the truth."""

from collections.abc import Sequence
from datetime import datetime

from integrations.wecom.client import WecomClient
from integrations.wecom.errors import bad_request
from integrations.wecom.reply import Reply, given, read


class CorpTag(Reply):
    """A tag; ``order`` is larger for the one shown first."""

    id: str
    name: str
    create_time: datetime | None = None
    order: int = 0
    deleted: bool = False


class CorpTagGroup(Reply):
    """A group with its tags; there is none without."""

    group_id: str
    group_name: str
    create_time: datetime | None = None
    order: int = 0
    deleted: bool = False
    tag: tuple[CorpTag, ...] = ()


class _Groups(Reply):
    tag_group: tuple[CorpTagGroup, ...] = ()


class _Group(Reply):
    tag_group: CorpTagGroup


async def get_corp_tag_list(
    client: WecomClient, *, tag_ids: Sequence[str] | None = None, group_ids: Sequence[str] | None = None
) -> tuple[CorpTagGroup, ...]:
    """The groups with the named tags, or the named groups, or all."""
    body = given(tag_id=list(tag_ids) if tag_ids else None, group_id=list(group_ids) if group_ids else None)
    return read(_Groups, await client.post("externalcontact/get_corp_tag_list", body)).tag_group


async def add_corp_tag(
    client: WecomClient,
    tags: Sequence[tuple[str, int]],
    *,
    group_id: str | None = None,
    group_name: str | None = None,
    order: int | None = None,
    agentid: int | None = None,
) -> CorpTagGroup:
    """Add tags (name ≤30 characters, order) to a group; the group as it is now.

    ``group_id`` wins over ``group_name``; an existing name is extended and equal tags are merged, so a repeat is harmless.
    Raises ``limit_reached`` at 3000 tags.
    """
    if not tags or (group_id is None and group_name is None):
        raise bad_request("tags and one of group_id, group_name are needed")
    if any(not 1 <= len(name) <= 30 for name in (*(name for name, _ in tags), *([group_name] if group_name is not None else []))):
        raise bad_request("name: 1..30 characters")
    listed = [{"name": name, "order": place} for name, place in tags]
    body = given(group_id=group_id, group_name=group_name, order=order, tag=listed, agentid=agentid)
    return read(_Group, await client.post("externalcontact/add_corp_tag", body)).tag_group


async def edit_corp_tag(
    client: WecomClient, tag_or_group_id: str, *, name: str | None = None, order: int | None = None, agentid: int | None = None
) -> None:
    """Rename or reorder a tag or a group."""
    if name is not None and not 1 <= len(name) <= 30:
        raise bad_request("name: 1..30 characters")
    await client.post("externalcontact/edit_corp_tag", given(id=tag_or_group_id, name=name, order=order, agentid=agentid))


async def del_corp_tag(
    client: WecomClient, *, tag_ids: Sequence[str] | None = None, group_ids: Sequence[str] | None = None, agentid: int | None = None
) -> None:
    """Delete tags or whole groups; a group goes with its last tag."""
    if not tag_ids and not group_ids:
        raise bad_request("one of tag_ids and group_ids is needed")
    body = given(tag_id=list(tag_ids) if tag_ids else None, group_id=list(group_ids) if group_ids else None, agentid=agentid)
    await client.post("externalcontact/del_corp_tag", body)


async def mark_tag(client: WecomClient, userid: str, external_userid: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
    """Change the tags of the pair (member, customer); another member's view keeps its own. Raises ``not_a_friend``."""
    if not add and not remove:
        raise bad_request("one of add and remove is needed")
    body = given(userid=userid, external_userid=external_userid, add_tag=list(add) or None, remove_tag=list(remove) or None)
    await client.post("externalcontact/mark_tag", body)
