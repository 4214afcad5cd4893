"""Who gets an application message: members, departments, tags, everyone; who does not exist; who is over the silent limit."""

from dataclasses import dataclass, field
from typing import Any

from integrations.wecom.simulator.config import AppConfig
from integrations.wecom.simulator.errors import ApiError
from integrations.wecom.simulator.limits import SlidingWindow
from integrations.wecom.simulator.simulator import Simulator
from integrations.wecom.simulator.state import Member

EVERYONE = "@all"
MAX_USERS, MAX_GROUPS = 1000, 100
# One app to one member; the excess is dropped and nobody is told.
SILENT_LIMITS = ((30, 60.0), (1000, 3600.0))


@dataclass
class Recipients:
    """`userids` in the order asked, without repeats; the rest is what the reply lists as invalid."""

    userids: list[str] = field(default_factory=list)
    bad_users: list[str] = field(default_factory=list)
    bad_parties: list[str] = field(default_factory=list)
    bad_tags: list[str] = field(default_factory=list)

    def reply(self) -> dict[str, Any]:
        """The lists for the answer, in lower case as the platform gives them; empty ones are left out."""
        lists = {"invaliduser": self.bad_users, "invalidparty": self.bad_parties, "invalidtag": self.bad_tags}
        return {name: "|".join(values).lower() for name, values in lists.items() if values}


def resolve(sim: Simulator, app: AppConfig, users: list[str], parties: list[str], tags: list[str]) -> Recipients:
    """Expand names to members the app can see; raises 82001 for nobody named, 81013 if every name is wrong, 40032/40058 for too many."""
    if not (users or parties or tags):
        raise ApiError(82001)
    if len(users) > MAX_USERS:
        raise ApiError(40032)
    if max(len(parties), len(tags)) > MAX_GROUPS:
        raise ApiError(40058, "too many parties or tags")
    found: dict[str, None] = {}
    out = Recipients()
    if EVERYONE in users:
        found.update(dict.fromkeys(m.userid for m in _visible(sim, app)))
        users, parties, tags = [], [], []
    for name in users:
        userid = _find(sim, app, name)
        if userid is None:
            out.bad_users.append(name)
        else:
            found[userid] = None
    for name in parties:
        inside = [m.userid for m in _visible(sim, app) if _number(name) in m.departments]
        found.update(dict.fromkeys(inside))
        if _number(name) not in sim.world.departments:
            out.bad_parties.append(name)
    for name in tags:
        tagged = [m.userid for m in _visible(sim, app) if _number(name) in m.tags]
        found.update(dict.fromkeys(tagged))
        if not tagged:
            out.bad_tags.append(name)
    out.userids = list(found)
    if not found:
        raise ApiError(81013)
    return out


def _visible(sim: Simulator, app: AppConfig) -> list[Member]:
    return [m for m in sim.world.members.values() if app.visible is None or m.userid in app.visible]


def _find(sim: Simulator, app: AppConfig, name: str) -> str | None:
    """A userid whatever its case; None if the app does not see such a member."""
    if name not in sim.world.members:
        name = next((userid for userid in sim.world.members if userid.lower() == name.lower()), "")
    return name if name and (app.visible is None or name in app.visible) else None


def split(value: str | None) -> list[str]:
    """`a|b` as a list."""
    return [name.strip() for name in (value or "").split("|") if name.strip()]


def _number(name: str) -> int | None:
    return int(name) if name.isdecimal() else None


def keep_within_limit(sim: Simulator, agentid: int, userids: list[str]) -> tuple[list[str], list[str]]:
    """Split into those who get the message and those for whom it is silently dropped."""
    got: list[str] = []
    dropped: list[str] = []
    for userid in userids:
        window = sim.message_windows.setdefault((agentid, userid), SlidingWindow())
        (got if window.hit(sim.now, *SILENT_LIMITS) else dropped).append(userid)
    return got, dropped
