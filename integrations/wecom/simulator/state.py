"""Everything the simulated platform remembers. Plain dataclasses, so that the whole world can be written to one file.

Moments are seconds since the epoch on the simulator's clock.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

Sender = Literal["customer", "bot", "servicer", "system"]


@dataclass
class Customer:
    """A WeChat user as the corp sees him. `refuses` marks one who has switched the corp's messages off."""

    external_userid: str
    nickname: str
    openid: str
    avatar: str = ""
    gender: int = 0
    unionid: str | None = None
    refuses: bool = False


@dataclass
class Member:
    """A member of the corp; an inactive one has never logged in."""

    userid: str
    name: str
    departments: list[int]
    tags: list[int] = field(default_factory=list)
    active: bool = True


@dataclass
class Servicer:
    """A member's duty at one kf account: status 0 receiving, 1 stopped; stop_type 0 stopped, 1 suspended."""

    userid: str
    status: int = 0
    stop_type: int = 0


@dataclass
class Upgrade:
    """The 专员 or group that upgrade_service proposed for a customer."""

    type: int
    target: str
    wording: str
    at: float


@dataclass
class Account:
    """A kf account."""

    open_kfid: str
    name: str
    avatar: str = ""
    auto_assign: bool = False
    servicers: dict[str, Servicer] = field(default_factory=dict)
    departments: list[int] = field(default_factory=list)
    sent_ids: set[str] = field(default_factory=set)


@dataclass
class Message:
    """One message of a kf chat, as both sides see it. `serial` orders messages over all chats."""

    serial: int
    msgid: str
    sender: Sender
    at: float
    msgtype: str
    body: dict[str, Any]
    userid: str | None = None
    status: Literal["sent", "failed", "recalled"] = "sent"


@dataclass
class Chat:
    """One customer at one kf account: session state, reply window, messages."""

    open_kfid: str
    external_userid: str
    service_state: int = 4
    servicer_userid: str = ""
    last_servicer: str = ""
    session: int = 0
    session_starts: list[float] = field(default_factory=list)
    handed_over: bool = False
    active_at: float | None = None
    last_customer_at: float | None = None
    replies: int = 0
    welcomed_at: float | None = None
    rejected: bool = False
    entered: dict[str, Any] | None = None
    entered_at: float | None = None
    upgrade: Upgrade | None = None
    messages: dict[str, Message] = field(default_factory=dict)


@dataclass
class EventCode:
    """A welcome_code or msg_code: good once, for `lifetime` seconds, while the chat is still in `state` (None: any)."""

    open_kfid: str
    external_userid: str
    at: float
    lifetime: float
    types: list[str]
    state: int | None
    session: int
    welcome: bool = False
    used: bool = False


@dataclass
class FeedItem:
    """One entry of what sync_msg hands out."""

    at: float
    item: dict[str, Any]


@dataclass
class Feed:
    """The news of one account. `base` counts the items that retention has dropped, so positions never move."""

    base: int = 0
    items: list[FeedItem] = field(default_factory=list)


@dataclass
class Media:
    """A temporary file."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    media_id: str
    type: str
    filename: str
    content_type: str
    at: float
    data: bytes


@dataclass
class CardView:
    """A template card as one member sees it now. `replace_name` set means that its buttons are spent."""

    card: dict[str, Any]
    replace_name: str | None = None
    clicked_key: str | None = None
    selected: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class AppMessage:
    """A message of an app to members. `userids` are those who got it, `dropped` those who were over the silent limit."""

    msgid: str
    agentid: int
    at: float
    msgtype: str
    body: dict[str, Any]
    userids: list[str]
    dropped: list[str] = field(default_factory=list)
    task_id: str | None = None
    recalled: bool = False
    views: dict[str, CardView] = field(default_factory=dict)


@dataclass
class ResponseCode:
    """A right to update one card once."""

    msgid: str
    agentid: int
    at: float
    used: bool = False


@dataclass
class Relation:
    """The tie between a member and a customer (好友). `half` means that the member has not accepted; `ended_by` who broke it."""

    userid: str
    external_userid: str
    createtime: float
    state: str = ""
    remark: str = ""
    description: str = ""
    remark_company: str = ""
    remark_mobiles: list[str] = field(default_factory=list)
    tag_ids: list[str] = field(default_factory=list)
    half: bool = False
    ended_by: Literal["member", "customer"] | None = None
    talked_at: float | None = None


@dataclass
class WelcomeCode:
    """The code of an add_external_contact event."""

    userid: str
    external_userid: str
    at: float
    used: bool = False


@dataclass
class Tag:
    """A corp tag."""

    id: str
    name: str
    create_time: int
    order: int = 0


@dataclass
class TagGroup:
    """A group of corp tags, never empty."""

    group_id: str
    group_name: str
    create_time: int
    order: int = 0
    tags: list[Tag] = field(default_factory=list)


@dataclass
class Delivery:
    """One customer's part in a mass message: status 0 not sent, 1 sent, 2 not a friend, 3 over the cap."""

    userid: str
    external_userid: str
    status: int = 0
    send_time: float | None = None


@dataclass
class MassMessage:
    """A mass message that waits for its members to confirm."""

    msgid: str
    creator: str
    chat_type: str
    at: float
    content: dict[str, Any]
    deliveries: list[Delivery]
    confirmed: dict[str, float] = field(default_factory=dict)
    reminders: list[float] = field(default_factory=list)
    cancelled: bool = False
    allow_select: bool = False


@dataclass
class ContactWay:
    """A kf link or a 「联系我」 code."""

    id: str
    url: str
    fields: dict[str, Any]


@dataclass
class Token:
    """An access_token of an app."""

    value: str
    secret: str
    at: float


@dataclass
class OAuthCode:
    """A login code for auth/getuserinfo."""

    agentid: int | None
    at: float
    userid: str | None = None
    external_userid: str | None = None
    openid: str | None = None
    used: bool = False


@dataclass
class World:
    """The whole state."""

    seal: str = field(default_factory=lambda: secrets.token_hex(16))
    serial: int = 0
    clock_offset: float = 0.0
    switches: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    expired_tokens: dict[str, float] = field(default_factory=dict)
    tickets: dict[str, Token] = field(default_factory=dict)
    oauth_codes: dict[str, OAuthCode] = field(default_factory=dict)
    departments: dict[int, tuple[str, int]] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)
    departed: list[str] = field(default_factory=list)
    customers: dict[str, Customer] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    chats: dict[str, Chat] = field(default_factory=dict)
    feeds: dict[str, Feed] = field(default_factory=dict)
    event_codes: dict[str, EventCode] = field(default_factory=dict)
    media: dict[str, Media] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    app_messages: dict[str, AppMessage] = field(default_factory=dict)
    app_duplicates: dict[str, tuple[float, str]] = field(default_factory=dict)
    task_ids: dict[str, str] = field(default_factory=dict)
    response_codes: dict[str, ResponseCode] = field(default_factory=dict)
    relations: dict[str, Relation] = field(default_factory=dict)
    welcome_codes: dict[str, WelcomeCode] = field(default_factory=dict)
    tag_groups: dict[str, TagGroup] = field(default_factory=dict)
    mass_messages: dict[str, MassMessage] = field(default_factory=dict)
    contact_ways: dict[str, ContactWay] = field(default_factory=dict)
    rejected_calls: dict[str, int] = field(default_factory=dict)


def pair(first: str, second: str) -> str:
    """Key of a chat (account, customer) or of a relation (member, customer)."""
    return f"{first}/{second}"
