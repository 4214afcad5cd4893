"""Messages of an application to members (doc:90236), and changes to them afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations.wecom.card import check_card
from integrations.wecom.checks import check_bytes, check_url
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import bad_request
from integrations.wecom.reply import Reply, given, read

Message = dict[str, Any]

MAX_REPEAT_WINDOW = 4 * 3600


@dataclass(frozen=True)
class Sent:
    """What became of a message. Accepted may still mean that nobody gets it: read ``invalid_users``.

    The lists hold ids in lower case, as WeCom gives them back. ``response_code`` (cards with a callback) updates the card once,
    within 72 h; ``msgid`` recalls the message within 24 h.
    """

    invalid_users: tuple[str, ...]
    invalid_parties: tuple[str, ...]
    invalid_tags: tuple[str, ...]
    unlicensed_users: tuple[str, ...]
    response_code: str | None
    msgid: str | None

    def reached(self, userids: Sequence[str]) -> tuple[str, ...]:
        """Those of ``userids`` that WeCom did not refuse."""
        refused = {userid.lower() for userid in (*self.invalid_users, *self.unlicensed_users)}
        return tuple(userid for userid in userids if userid.lower() not in refused)


class _SendReply(Reply):
    invaliduser: str = ""
    invalidparty: str = ""
    invalidtag: str = ""
    unlicenseduser: str = ""
    response_code: str | None = None
    msgid: str | None = None


class _UpdateReply(Reply):
    invaliduser: tuple[str, ...] | str = ()


def text(content: str) -> Message:
    """A text of 1..2048 bytes; ``<a href>`` is allowed."""
    return {"msgtype": "text", "text": {"content": check_bytes("content", content, 2048, 1)}}


def textcard(title: str, description: str, url: str, btntxt: str | None = None) -> Message:
    """A card with a link: title ≤128 and description ≤512 bytes, btntxt ≤4 characters."""
    if btntxt is not None and not 1 <= len(btntxt) <= 4:
        raise bad_request("btntxt: 1..4 characters")
    body = {
        "title": check_bytes("title", title, 128, 1),
        "description": check_bytes("description", description, 512, 1),
        "url": check_url("url", url),
    }
    return {"msgtype": "textcard", "textcard": body | given(btntxt=btntxt)}


def markdown(content: str) -> Message:
    """Markdown of 1..2048 bytes; members who read in WeChat do not see it."""
    return {"msgtype": "markdown", "markdown": {"content": check_bytes("content", content, 2048, 1)}}


def template_card(card: Message) -> Message:
    """A card built by ``card``."""
    return {"msgtype": "template_card", "template_card": check_card(card)}


async def send(
    client: WecomClient,
    agentid: int,
    message: Message,
    *,
    touser: Sequence[str] = (),
    toparty: Sequence[str] = (),
    totag: Sequence[str] = (),
    safe: int = 0,
    enable_id_trans: bool = False,
    duplicate_check: int | None = None,
) -> Sent:
    """Send ``message`` from app ``agentid`` to members (≤1000, or ``["@all"]``), departments and tags (≤100 each).

    ``duplicate_check`` (seconds, ≤4 h): the same request is not delivered again within that time, which also makes a lost answer
    safe to try again; without it such a call raises ``unknown_outcome``. Waits when a member's share (30 a minute) is used up,
    because WeCom drops the excess silently. Raises ``no_recipient`` when all were refused.
    """
    if not (touser or toparty or totag):
        raise bad_request("one of touser, toparty, totag is needed")
    if len(touser) > 1000 or len(toparty) > 100 or len(totag) > 100:
        raise bad_request("at most 1000 members, 100 departments, 100 tags")
    if duplicate_check is not None and not 1 <= duplicate_check <= MAX_REPEAT_WINDOW:
        raise bad_request("duplicate_check: 1..14400 s")
    body = given(
        touser="|".join(touser) or None,
        toparty="|".join(toparty) or None,
        totag="|".join(totag) or None,
        agentid=agentid,
        **message,
        safe=safe,
        enable_id_trans=int(enable_id_trans),
        enable_duplicate_check=int(duplicate_check is not None),
        duplicate_check_interval=duplicate_check or 1800,
    )
    await client.pace_members(agentid, list(touser))
    reply = read(_SendReply, await client.post("message/send", body))
    return Sent(
        invalid_users=_ids(reply.invaliduser),
        invalid_parties=_ids(reply.invalidparty),
        invalid_tags=_ids(reply.invalidtag),
        unlicensed_users=_ids(reply.unlicenseduser),
        response_code=reply.response_code or None,
        msgid=reply.msgid or None,
    )


async def update_template_card(
    client: WecomClient,
    agentid: int,
    response_code: str,
    *,
    replace_name: str | None = None,
    card: Message | None = None,
    userids: Sequence[str] = (),
    partyids: Sequence[int] = (),
    tagids: Sequence[int] = (),
    atall: bool = False,
    enable_id_trans: bool | None = None,
) -> tuple[str, ...]:
    """Replace the card's button by the words ``replace_name``, or the whole card; the members it could not be changed for (doc:94888).

    ``response_code`` works once and 72 h; each click brings a fresh one. Name all recipients, not only the one who clicked.
    """
    if (replace_name is None) == (card is None):
        raise bad_request("one of replace_name and card is needed")
    if len(userids) > 1000 or len(partyids) > 100 or len(tagids) > 100:
        raise bad_request("at most 1000 members, 100 departments, 100 tags")
    body = given(
        userids=list(userids) or None,
        partyids=list(partyids) or None,
        tagids=list(tagids) or None,
        atall=int(atall),
        agentid=agentid,
        response_code=response_code,
        enable_id_trans=None if enable_id_trans is None else int(enable_id_trans),
        button=None if replace_name is None else {"replace_name": replace_name},
        template_card=None if card is None else check_card(card),
    )
    invalid = read(_UpdateReply, await client.post("message/update_template_card", body)).invaliduser
    return _ids(invalid) if isinstance(invalid, str) else invalid


async def recall(client: WecomClient, msgid: str) -> None:
    """Take a message of the same app back, within 24 h (doc:94867)."""
    await client.post("message/recall", {"msgid": msgid})


def _ids(joined: str) -> tuple[str, ...]:
    return tuple(each for each in joined.split("|") if each)
