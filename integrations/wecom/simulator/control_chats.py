"""Control API: customers and what happens in their chats (`/sim/customers`, `/sim/chats/…`, `/sim/media`)."""

import tomllib
from pathlib import Path
from typing import Any

from aiohttp import web

from integrations.wecom.simulator import media, servicers, session
from integrations.wecom.simulator.clock import iso
from integrations.wecom.simulator.control_http import read_object, sim_of, text_field, to_json
from integrations.wecom.simulator.errors import ControlError
from integrations.wecom.simulator.kf_messages import add_event, add_message, new_code, set_status
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import Chat, Customer, Message

TEXTS = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
INBOUND = (
    *("text", "image", "voice", "video", "file", "location", "link", "business_card", "miniprogram", "msgmenu"),
    *("channels_shop_product", "channels_shop_order", "merged_msg", "channels", "meeting", "schedule", "note"),
)
# Larger files do not come through: the customer's message arrives as a text notice. Bytes.
MOST_AT_ONCE = 200_000
INBOUND_LIMITS = {"image": 2 << 20, "voice": 2 << 20, "video": 10 << 20, "file": 20 << 20}


async def add_customer(request: web.Request) -> web.Response:
    """A new WeChat user."""
    sim, body = sim_of(request), await read_object(request)
    external_userid = text_field(body, "external_userid", "") or sim.new_id("wm", 32)
    if external_userid in sim.world.customers:
        raise ControlError(409, f"customer {external_userid} exists")
    gender = body.get("gender", 0)
    sim.world.customers[external_userid] = Customer(
        external_userid,
        text_field(body, "nickname"),
        openid=sim.new_id("o", 28),
        gender=gender if isinstance(gender, int) else 0,
        unionid=text_field(body, "unionid", "") or None,
        avatar=text_field(body, "avatar", ""),
    )
    return to_json({"external_userid": external_userid})


async def crowd(request: web.Request) -> web.Response:
    """`count` customers at once, PREFIX0 and so on, who have just written to the account and are the bot's: for load tests."""
    sim, body = sim_of(request), await read_object(request)
    open_kfid, prefix, count = text_field(body, "open_kfid"), text_field(body, "prefix"), body.get("count")
    if not isinstance(count, int) or not 0 < count <= MOST_AT_ONCE:
        raise ControlError(400, f"count: 1 to {MOST_AT_ONCE}")
    for number in range(count):
        name = f"{prefix}{number}"
        sim.world.customers[name] = Customer(name, name, openid=f"o{name}")
        chat = sim.known_chat(open_kfid, name)
        session.note_customer_message(chat, sim.now)
        session.move(chat, session.BOT)
    return to_json({"count": count})


async def show(request: web.Request) -> web.Response:
    """The chat as both sides see it."""
    sim, chat = _chat(request)
    now = sim.now
    until = chat.last_customer_at + session.WINDOW if chat.last_customer_at is not None and session.in_window(chat, now) else None
    return to_json(
        {
            "service_state": session.effective_state(chat, now),
            "servicer_userid": chat.servicer_userid,
            "window": {"until": iso(until) if until else None, "left": session.replies_left(chat, now)},
            "messages": [message_view(message) for message in chat.messages.values()],
        }
    )


def message_view(message: Message) -> dict[str, Any]:
    """A message as the control API shows it."""
    view: dict[str, Any] = {"msgid": message.msgid, "from": message.sender, "at": iso(message.at), "msgtype": message.msgtype}
    if message.userid:
        view["userid"] = message.userid
    return {**view, message.msgtype: message.body, "status": message.status}


async def enter(request: web.Request) -> web.Response:
    """The customer opens the chat page. A welcome_code comes only if 48 h had neither welcome nor customer message."""
    sim, chat = _chat(request)
    body = await read_object(request)
    context = {name: text_field(body, name, "") for name in ("scene", "scene_param")}
    if isinstance(body.get("wechat_channels"), dict):
        context["wechat_channels"] = body["wechat_channels"]
    chat.entered, chat.entered_at = context, sim.now
    extra: dict[str, Any] = {}
    greeted = chat.welcomed_at is not None and sim.now - chat.welcomed_at < session.WINDOW
    if not (greeted or session.in_window(chat, sim.now) or sim.switches.native_welcome):
        extra["welcome_code"] = new_code(sim, chat, session.WELCOME_LIFETIME, ["text", "msgmenu"], welcome=True)
    add_event(sim, chat, "enter_session", **context, **extra)
    return to_json({"welcome_code": extra.get("welcome_code")})


async def say(request: web.Request) -> web.Response:
    """The customer writes. While a servicer rejects him, his message goes nowhere."""
    sim, chat = _chat(request)
    body = await read_object(request)
    msgtype = text_field(body, "msgtype")
    content = body.get(msgtype)
    if msgtype not in INBOUND or not isinstance(content, dict):
        raise ControlError(400, f"say needs a msgtype of {', '.join(INBOUND)} and a body under its name")
    msgtype, content = _as_it_arrives(sim, chat, msgtype, content)
    message = add_message(sim, chat, "customer", msgtype, content, msgid=sim.new_id("", 32))
    if chat.rejected:
        set_status(sim, chat, message, "failed")
        return to_json({"msgid": message.msgid})
    begins = session.note_customer_message(chat, sim.now)
    if begins and sim.account(chat.open_kfid).auto_assign:
        servicers.assign_someone(sim, chat)
    sim.feed(chat.open_kfid, servicers.message_item(chat, message, origin=3))
    if begins:
        sim.hub.publish("session", open_kfid=chat.open_kfid, external_userid=chat.external_userid, service_state=chat.service_state)
    return to_json({"msgid": message.msgid})


def _as_it_arrives(sim: Simulator, chat: Chat, msgtype: str, content: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if msgtype in INBOUND_LIMITS:
        stored = media.living(sim, str(content.get("media_id", "")))
        if stored is None:
            raise ControlError(400, "media_id is unknown or older than three days: upload it to /sim/media first")
        if len(stored.data) > INBOUND_LIMITS[msgtype]:
            return "text", {"content": TEXTS["oversize"]}
    if msgtype == "text":
        if content.get("menu_id") and not content.get("content"):
            content = {**content, "content": _menu_text(chat, content["menu_id"])}
        if not isinstance(content.get("content"), str) or not content["content"]:
            raise ControlError(400, "text.content is missing")
    return msgtype, content


def _menu_text(chat: Chat, menu_id: str) -> str:
    """The words on a menu item; menus stay tappable for ever, so every one that was sent counts."""
    for message in reversed(chat.messages.values()):
        if message.msgtype == "msgmenu" and message.sender != "customer":
            for item in message.body.get("list") or []:
                if item.get("type") == "click" and item["click"].get("id") == menu_id:
                    return str(item["click"]["content"])
    raise ControlError(404, f"no menu item {menu_id} was ever sent here; give text.content to forge one")


async def recall(request: web.Request) -> web.Response:
    """The customer takes a message back."""
    sim, chat = _chat(request)
    msgid = text_field(await read_object(request), "msgid")
    message = chat.messages.get(msgid)
    if message is None or message.sender != "customer":
        raise ControlError(404, f"the customer sent no message {msgid}")
    set_status(sim, chat, message, "recalled")
    add_event(sim, chat, "user_recall_msg", recall_msgid=msgid)
    return to_json({})


async def refuse(request: web.Request) -> web.Response:
    """The customer switches the corp's messages off or on: later sends fail with fail_type 10."""
    sim, chat = _chat(request)
    sim.world.customers[chat.external_userid].refuses = bool((await read_object(request)).get("on", True))
    return to_json({})


async def servicer(request: web.Request) -> web.Response:
    """A servicer acts in the WeCom client."""
    sim, chat = _chat(request)
    return to_json(servicers.act(sim, chat, await read_object(request)))


def _chat(request: web.Request) -> tuple[Simulator, Chat]:
    sim = sim_of(request)
    return sim, sim.known_chat(request.match_info["open_kfid"], request.match_info["external_userid"])


_CHAT = "/sim/chats/{open_kfid}/{external_userid}"
ROUTES = [
    web.post("/sim/customers", add_customer),
    web.post("/sim/crowd", crowd),
    web.get(_CHAT, show),
    web.post(_CHAT + "/enter", enter),
    web.post(_CHAT + "/say", say),
    web.post(_CHAT + "/recall", recall),
    web.post(_CHAT + "/refuse", refuse),
    web.post(_CHAT + "/servicer", servicer),
]
