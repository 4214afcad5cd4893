"""WeCom's script for pages opened in its client, as far as pages beside a chat use it (`ww`), and the client behind it.

Which chat is open is the browser's own matter: the page's `#` names the customer. The signatures are checked as the platform does.
"""

import hashlib
import hmac
from pathlib import Path

from aiohttp import web

from integrations.wecom.simulator import servicers, session
from integrations.wecom.simulator.control_http import read_object, sim_of, text_field, to_json
from integrations.wecom.simulator.errors import ControlError
from integrations.wecom.simulator.tokens import LIFETIME

PATH = "/client/wecom-jssdk.js"
_SCRIPT = (Path(__file__).parent / "pages" / "wecom-jssdk.js").read_text("utf-8")


async def script(request: web.Request) -> web.Response:
    """The script."""
    return web.Response(text=_SCRIPT, content_type="text/javascript", headers={"Cache-Control": "no-store"})


async def check(request: web.Request) -> web.Response:
    """Whether a page was signed with a living ticket of this kind (jsapi or agent): {"errcode": 0 or 40093}."""
    sim, body = sim_of(request), await read_object(request)
    kind, url = text_field(body, "kind"), text_field(body, "url").partition("#")[0]
    noncestr, timestamp, given = (text_field(body, name) for name in ("nonceStr", "timestamp", "signature"))
    living = [
        ticket.value
        for key, ticket in sim.world.tickets.items()
        if key.startswith(f"{kind} ") and ticket.at <= sim.now < ticket.at + LIFETIME
    ]
    signed = [f"jsapi_ticket={ticket}&noncestr={noncestr}&timestamp={timestamp}&url={url}" for ticket in living]
    digests = [hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in signed]
    good = any(hmac.compare_digest(digest, given) for digest in digests)
    return to_json({"errcode": 0 if good else 40093})


async def share(request: web.Request) -> web.Response:
    """A message that a page hands to the client goes into the customer's chat, if a servicer has it: {"errcode": 0 or 1}."""
    sim, body = sim_of(request), await read_object(request)
    customer, message = text_field(body, "external_userid"), body.get("message")
    content = message.get(message.get("msgtype")) if isinstance(message, dict) else None
    if not isinstance(message, dict) or message["msgtype"] not in ("text", "news") or not isinstance(content, dict):
        raise ControlError(400, "message: text or news, with its content")
    theirs = (chat for chat in sim.world.chats.values() if chat.external_userid == customer)
    chat = next((chat for chat in theirs if session.effective_state(chat, sim.now) == session.HUMAN), None)
    if chat is None:
        return to_json({"errcode": 1})
    # A link is a card in WeCom; the chat's own kinds have none, and it is told in words.
    text = content if message["msgtype"] == "text" else {"content": f"{content.get('title', '')}\n{content.get('link', '')}"}
    servicers.act(sim, chat, {"act": "say", "userid": chat.servicer_userid, "msgtype": "text", "text": text})
    return to_json({"errcode": 0})


ROUTES = [web.get(PATH, script), web.post("/sim/client/check", check), web.post("/sim/client/share", share)]
