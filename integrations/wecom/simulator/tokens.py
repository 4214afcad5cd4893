"""access_token, JS tickets and login codes."""

from typing import Any

from integrations.wecom.simulator.config import AppConfig
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.simulator import Call, Endpoint, Simulator
from integrations.wecom.simulator.state import OAuthCode, Token

LIFETIME = 7200
CODE_LIFETIME = 300.0
FAILED_PER_HOUR = 2000  # wrong secrets from one address, then an hour's block


def gettoken(call: Call) -> dict[str, Any]:
    """The same token until it expires or is revoked."""
    sim, corp_id, secret = call.sim, call.query.get("corpid", ""), call.query.get("corpsecret", "")
    for code, value in ((41002, corp_id), (41004, secret)):
        if not value:
            raise ApiError(code)
    if corp_id != sim.config.corp_id:
        raise ApiError(40013)
    if secret not in sim.apps_by_secret:
        allowed = sim.windows.hit(f"gettoken {call.ip}", limit=FAILED_PER_HOUR, seconds=3600, now=sim.now)
        raise ApiError(40001 if allowed else 45009)
    token = current(sim, secret) or _issue(sim, secret)
    return {"access_token": token.value, "expires_in": int(token.at + LIFETIME - sim.now)}


def current(sim: Simulator, secret: str) -> Token | None:
    """The app's living token."""
    token = next((t for t in sim.world.tokens.values() if t.secret == secret), None)
    if token and not token.at <= sim.now < token.at + LIFETIME:
        del sim.world.tokens[token.value]
        sim.world.expired_tokens[token.value] = sim.now
        return None
    return token


def _issue(sim: Simulator, secret: str) -> Token:
    token = Token(sim.new_id("", 214), secret, sim.now)
    sim.world.tokens[token.value] = token
    return token


def check_token(sim: Simulator, value: str | None) -> AppConfig:
    """The app that a token belongs to; raises 41001, 40014 or 42001."""
    if not value:
        raise ApiError(41001)
    token = sim.world.tokens.get(value)
    if token is None or token.secret not in sim.apps_by_secret:
        raise ApiError(42001 if value in sim.world.expired_tokens else 40014)
    if current(sim, token.secret) is None:
        raise ApiError(42001)
    return sim.apps_by_secret[token.secret]


def revoke(sim: Simulator, secret: str | None) -> int:
    """Kill the token of one app, or all of them, before its time; returns how many died."""
    doomed = [t.value for t in sim.world.tokens.values() if secret in (None, t.secret)]
    for value in doomed:
        del sim.world.tokens[value]
    return len(doomed)


def _ticket(call: Call, kind: str) -> dict[str, Any]:
    sim, key = call.sim, f"{kind} {call.app.agentid}"
    ticket = sim.world.tickets.get(key)
    if ticket is None or not ticket.at <= sim.now < ticket.at + LIFETIME:
        ticket = sim.world.tickets[key] = Token(sim.new_id(f"{kind}-", 86), call.app.secret, sim.now)
    return {"ticket": ticket.value, "expires_in": int(ticket.at + LIFETIME - sim.now)}


def get_jsapi_ticket(call: Call) -> dict[str, Any]:
    """The corp's ticket for wx.config; at most 100 an hour for an app."""
    if not call.sim.windows.hit(f"jsapi {call.app.agentid}", limit=100, seconds=3600, now=call.sim.now):
        raise ApiError(45009)
    return _ticket(call, "jsapi")


def ticket_get(call: Call) -> dict[str, Any]:
    """The app's ticket for agentConfig."""
    if call.query.get("type") != "agent_config":
        raise ApiError(40005)
    return _ticket(call, "agent")


def new_oauth_code(sim: Simulator, code: OAuthCode) -> str:
    """A login code, as the authorize page would append it to the redirect."""
    value = sim.new_id("", 43)
    sim.world.oauth_codes[value] = code
    return value


def getuserinfo(call: Call) -> dict[str, Any]:
    """Who logged in; a code works once, for 5 minutes, for the app it was made for."""
    sim, value = call.sim, call.query.get("code", "")
    if not value:
        raise ApiError(41008)
    code = sim.world.oauth_codes.get(value)
    if code is None or code.agentid not in (None, call.app.agentid):
        raise ApiError(40029)
    if code.used:
        raise ApiError(42022)
    if not code.at <= sim.now < code.at + CODE_LIFETIME:
        raise ApiError(42003)
    code.used = True
    if code.userid:
        if call.app.visible is not None and code.userid not in call.app.visible:
            raise ApiError(50002)
        return {"userid": code.userid}
    outsider = {"openid": code.openid or ""}
    return {**outsider, "external_userid": code.external_userid} if code.external_userid else outsider


def old_getuserinfo(call: Call) -> dict[str, Any]:
    """The older form of the same call, with its capitals."""
    names = {"userid": "UserId", "openid": "OpenId"}
    return {names.get(key, key): value for key, value in getuserinfo(call).items()}


def server_addresses(call: Call) -> dict[str, Any]:
    """Both address lists: everything comes from this machine."""
    return {"ip_list": ["127.0.0.1"]}


ENDPOINTS: dict[str, Endpoint] = {
    "gettoken": Endpoint(gettoken, methods=("GET", "POST"), with_token=False, reads_body=False),
    "getcallbackip": Endpoint(server_addresses, methods=("GET", "POST"), reads_body=False),
    "get_api_domain_ip": Endpoint(server_addresses, methods=("GET", "POST"), reads_body=False),
    "get_jsapi_ticket": Endpoint(get_jsapi_ticket, methods=("GET", "POST"), reads_body=False),
    "ticket/get": Endpoint(ticket_get, methods=("GET", "POST"), reads_body=False),
    "auth/getuserinfo": Endpoint(getuserinfo, methods=("GET", "POST"), reads_body=False),
    "user/getuserinfo": Endpoint(old_getuserinfo, methods=("GET", "POST"), reads_body=False),
}
