"""The app itself, as its administrators have set it up (doc:90227)."""

from integrations.wecom.client import WecomClient
from integrations.wecom.reply import Reply, read


class Agent(Reply):
    """A self-built app. `redirect_domain` is its trusted domain (with a port unless it is the scheme's own); empty when none is set."""

    agentid: int
    name: str = ""
    redirect_domain: str = ""


async def agent(client: WecomClient, agent_id: int) -> Agent:
    """How the app is set up. Raises WecomError."""
    return read(Agent, await client.get("agent/get", agentid=agent_id))
