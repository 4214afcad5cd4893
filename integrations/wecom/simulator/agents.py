"""应用: what an app may know of itself."""

from typing import Any

from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.messages import check_agent
from integrations.wecom.simulator.simulator import Call, Endpoint


def agent_get(call: Call) -> dict[str, Any]:
    """The caller's own app; another one's number is not for it. The simulator's several trusted domains are told as the first."""
    agentid = call.query.get("agentid", "")
    if not agentid.isdecimal():
        raise ApiError(40056)
    app = call.app
    check_agent(call.sim, app, int(agentid))
    return {
        "agentid": app.agentid,
        "name": app.name,
        "description": "",
        "allow_userinfos": {"user": [{"userid": each} for each in app.visible or ()]},
        "close": 0,
        "redirect_domain": (app.trusted_domains or [""])[0],
        "report_location_flag": 0,
        "isreportenter": 0,
        "home_url": "",
    }


ENDPOINTS = {"agent/get": Endpoint(agent_get, methods=("GET",), reads_body=False)}
