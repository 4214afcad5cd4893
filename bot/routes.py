"""How each kind of outbox row is sent, and what its answer means."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.cards import card_sent, with_link
from bot.handover import ENDED, HUMAN, POOL, handed_over, taken_from_wecom, tell_waiting
from integrations.wecom import app_message, kf
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError, wecom_error
from integrations.wecom.outbound import message_id
from plans.reach.purpose import is_proactive
from plans.reach.route import PUSHES
from records.chat import WINDOW_MESSAGES, Chat
from records.message import Outbound
from records.staff import Staff

After = Callable[[AsyncSession, Outbound, Chat | None, datetime], Awaitable[None]]
Learn = Callable[[AsyncSession, Chat, datetime], Awaitable[None]]

# How this version can send. A new kind of row is a new route: workers of older versions leave it to those that know it.
ROUTES = frozenset({"kf", "kf_event", "kf_trans", "app", "app_update", "group_send", *PUSHES})
# A row that is not sent because a person has the chat now.
HUMAN_OWNS = "human_owns"
# The same card request again within this time is not shown a second time (wecom-api §4.1; 4 h is the platform's maximum).
DUPLICATE_CHECK = 4 * 3600
# An administrator must act: nothing that waits is to be lost until he does.
CONFIGURATION = {"bad_secret", "not_granted"}


@dataclass(frozen=True)
class Sent:
    """WeCom took it. `after` is written in the transaction that marks the row as sent."""

    response: dict[str, Any] = field(default_factory=dict)
    after: After | None = None


class Waiting(Exception):
    """Not now: the family must write first. `learn` writes what WeCom taught us about the session.

    `doubtful` when an earlier try of the same call may have gone out.
    """

    permanent = False

    def __init__(self, code: str, learn: Learn) -> None:
        super().__init__(code)
        self.code, self.learn, self.doubtful = code, learn, False


class SendRefused(Exception):
    """Never: this row is over. `after` is written with its end."""

    permanent = True

    def __init__(self, code: str, after: After | None = None) -> None:
        super().__init__(code)
        self.code, self.after = code, after


async def send(
    client: WecomClient, row: Outbound, chat: Chat | None, *, agent_id: int, emergency_phone: str, repeat: bool, pages: str = ""
) -> Sent:
    """Send `row`; `repeat` says that an earlier try may have reached WeCom. `emergency_phone` is what a waiting family is told, `pages`
    the address at which staff's phones find us.

    Raises Waiting, SendRefused, or WecomError for what may be tried again.
    """
    match row.route:
        case "kf" if chat is not None:
            return await _kf(client, row, chat, repeat)
        case "kf_event":
            return await _kf_event(client, row, repeat)
        case "kf_trans" if chat is not None:
            return await _kf_trans(client, row, chat, emergency_phone)
        case "app":
            return await _app(client, row, agent_id, repeat, pages)
        case "app_update":
            return await _app_update(client, row, agent_id, repeat, pages)
    raise SendRefused("unknown_route")


async def _kf(client: WecomClient, row: Outbound, chat: Chat, repeat: bool) -> Sent:
    msgid, bulk = message_id(row.key), is_proactive(row.purpose)
    try:
        sent = await kf.send_msg(client, chat.external_userid, chat.open_kfid, row.payload, msgid=msgid, repeat=repeat, bulk=bulk)
    except WecomError as err:
        if err.code == "duplicate_message":
            return Sent({"msgid": msgid, "repeat": True})
        raise await _refusal(client, chat, err) from err
    return Sent({"msgid": sent})


async def _refusal(client: WecomClient, chat: Chat, err: WecomError) -> Exception:
    """What a refused send_msg means for its row.

    Where an earlier try may have gone out (`unknown_outcome`), WeCom's number still says what is the matter; the doubt stays with the
    row: its next try is a repeat under the same id, and a copy that WeCom has taken is `duplicate_message`.
    """
    doubtful = err.code == "unknown_outcome"
    meant = wecom_error(err.errcode, detail=err.detail) if doubtful and err.errcode is not None else err
    match meant.code:
        case "over_quota":
            refusal: Exception = Waiting(meant.code, _window_used_up)
        case "window_closed":
            refusal = Waiting(meant.code, _window_closed)
        case "session_state" | "session_ended":
            try:
                refusal = await _ask_session(client, chat, meant)
            except WecomError as failed:
                return err if doubtful else failed
        case _:
            return meant if meant.permanent and meant.code not in CONFIGURATION else err
    if isinstance(refusal, Waiting):
        refusal.doubtful = doubtful
    return refusal


async def _ask_session(client: WecomClient, chat: Chat, err: WecomError) -> Exception:
    """95018: somebody else has the session. Ask who, and believe it."""
    state = await kf.service_state_get(client, chat.open_kfid, chat.external_userid)
    if state.service_state in (POOL, HUMAN):

        async def human(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> None:
            if chat is not None:
                owner = await tx.scalar(select(Staff).where(Staff.userid == state.servicer_userid))
                await handed_over(tx, chat, service_state=state.service_state, owner=owner, now=now, reason=err.code)

        return SendRefused(HUMAN_OWNS, human)

    async def learn(tx: AsyncSession, chat: Chat, now: datetime) -> None:
        chat.service_state = state.service_state
        if state.service_state in (kf.NEW, kf.BOT):
            # The session would let us send, and WeCom refuses all the same: it is older than 48 h.
            chat.window_from = None

    return Waiting(err.code, learn)


async def _window_used_up(tx: AsyncSession, chat: Chat, now: datetime) -> None:
    chat.window_used = WINDOW_MESSAGES


async def _window_closed(tx: AsyncSession, chat: Chat, now: datetime) -> None:
    chat.window_from = None


async def _kf_event(client: WecomClient, row: Outbound, repeat: bool) -> Sent:
    body = {name: value for name, value in row.payload.items() if name != "code"}
    try:
        sent = await kf.send_msg_on_event(client, row.payload["code"], body, msgid=message_id(row.key), repeat=repeat)
    except WecomError as err:
        if err.code == "duplicate_message":
            return Sent({"repeat": True})
        if err.errcode is not None and wecom_error(err.errcode).code == "session_state":
            # The code was for a state that is over: somebody has the chat now.
            raise SendRefused(HUMAN_OWNS) from err
        raise
    return Sent({"msgid": sent})


async def _kf_trans(client: WecomClient, row: Outbound, chat: Chat, emergency_phone: str) -> Sent:
    """To the servicer; to the waiting pool when he is not at work; and if WeCom has moved the session already, so be it."""
    wanted, servicer = row.payload["service_state"], row.payload.get("servicer_userid")
    if wanted == ENDED:
        return await _kf_end(client, row, chat)
    try:
        try:
            await kf.service_state_trans(client, chat.open_kfid, chat.external_userid, wanted, servicer)
            return _with_human(wanted, servicer)
        except WecomError as err:
            if err.code != "servicer_unavailable" or wanted != HUMAN:
                raise
        code = await kf.service_state_trans(client, chat.open_kfid, chat.external_userid, POOL)
        return _with_human(POOL, None, code, emergency_phone)
    except WecomError as err:
        if err.code not in ("session_state", "session_ended", "unknown_outcome"):
            raise
        lost = err if err.code == "unknown_outcome" else None
    state = await kf.service_state_get(client, chat.open_kfid, chat.external_userid)
    if state.service_state in (POOL, HUMAN):
        return _with_human(state.service_state, state.servicer_userid)
    if lost is not None:
        # The call whose answer was lost was not carried out.
        raise lost
    raise SendRefused("session_state")


async def _kf_end(client: WecomClient, row: Outbound, chat: Chat) -> Sent:
    """End the session that somebody has in WeCom, so that the family's next word opens one that we may answer; `words` go with the end."""
    code = None
    try:
        code = await kf.service_state_trans(client, chat.open_kfid, chat.external_userid, ENDED)
    except WecomError as err:
        if err.code not in ("session_state", "session_ended", "unknown_outcome"):
            raise
        state = await kf.service_state_get(client, chat.open_kfid, chat.external_userid)
        if state.service_state in (POOL, HUMAN):
            raise

    async def after(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> None:
        if chat is not None:
            await taken_from_wecom(tx, chat, row, code, now)

    return Sent({"service_state": ENDED}, after)


def _with_human(service_state: int, servicer: str | None, code: str | None = None, emergency_phone: str = "") -> Sent:
    """WeCom has moved the session; `code` is good for one message to a family that waits in the pool."""

    async def after(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> None:
        if chat is not None:
            owner = await tx.scalar(select(Staff).where(Staff.userid == servicer)) if servicer else None
            await handed_over(tx, chat, service_state=service_state, owner=owner, now=now, reason="handover")
            if code is not None:
                await tell_waiting(tx, chat, row.key, code, now, emergency_phone=emergency_phone)

    return Sent({"service_state": service_state, "servicer_userid": servicer}, after)


async def _app(client: WecomClient, row: Outbound, agent_id: int, repeat: bool, pages: str) -> Sent:
    userid, card = row.line.removeprefix("staff:"), row.payload.get("task_id")
    message = app_message.template_card(with_link(row.payload, pages)) if card else row.payload
    invalid: list[str] = []
    response_code: str | None = None
    response: dict[str, Any] = {}
    try:
        sent = await app_message.send(client, agent_id, message, touser=[userid], duplicate_check=DUPLICATE_CHECK)
        invalid = [*sent.invalid_users, *sent.unlicensed_users]
        response_code = sent.response_code
        response = {"msgid": sent.msgid, "invalid": invalid}
    except WecomError as err:
        if err.code == "no_recipient":
            invalid = [userid]
            response = {"invalid": invalid}
        elif err.code == "duplicate_message" or (repeat and err.code == "bad_request" and err.errcode is not None):
            # The task_id is unique in the app: a repeat that is refused was taken before. Its code is lost; a click brings a new one.
            response = {"repeat": True}
        else:
            raise

    async def after(tx: AsyncSession, row: Outbound, chat: Chat | None, now: datetime) -> None:
        if card:
            await card_sent(tx, card, invalid=invalid, response_code=response_code, now=now)

    return Sent(response, after)


async def _app_update(client: WecomClient, row: Outbound, agent_id: int, repeat: bool, pages: str) -> Sent:
    payload = row.payload
    card = payload.get("template_card")
    try:
        await app_message.update_template_card(
            client,
            agent_id,
            payload["response_code"],
            replace_name=payload.get("replace_name"),
            card=with_link(card, pages) if card is not None else None,
            userids=payload["userids"],
        )
    except WecomError as err:
        if repeat and err.permanent:
            # The code was used by the try whose answer was lost.
            return Sent({"repeat": True})
        raise
    return Sent()
