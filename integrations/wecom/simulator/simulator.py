"""The simulator itself: the parts that every endpoint needs, in one object that is handed around."""

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web

from integrations.wecom.simulator.callbacks import Callbacks
from integrations.wecom.simulator.clock import SimClock
from integrations.wecom.simulator.config import AppConfig, KfAccountConfig, MemberConfig, Right, SimulatorConfig, Switches
from integrations.wecom.simulator.errors import ApiError, ControlError
from integrations.wecom.simulator.events import Hub
from integrations.wecom.simulator.faults import Faults
from integrations.wecom.simulator.limits import FixedWindows, SlidingWindow
from integrations.wecom.simulator.sealing import seal
from integrations.wecom.simulator.state import Account, Chat, Customer, Feed, FeedItem, Member, Servicer, World, pair
from integrations.wecom.simulator.validate import Obj
from integrations.wecom.simulator.xml import Xml, to_xml

NO_FIELDS = Obj()
_ALPHABET = string.ascii_letters + string.digits


class Simulator:
    """State, clock, chance, faults and callbacks of one simulated corp."""

    def __init__(self, config: SimulatorConfig, *, clock: SimClock, rng: random.Random, world: World | None = None) -> None:
        self.config, self.clock, self.rng = config, clock, rng
        self.world = world or World()
        self.switches = Switches.model_validate({**config.switches.model_dump(), **self.world.switches})
        self.faults, self.hub = Faults(), Hub()
        self.callbacks = Callbacks(config.corp_id, self.switches, clock, rng)
        self.windows = FixedWindows()
        self.message_windows: dict[tuple[int, str], SlidingWindow] = {}
        self.pages_served: dict[str, int] = {}
        self.apps_by_secret = {app.secret: app for app in config.apps}
        self.apps_by_agentid = {app.agentid: app for app in config.apps}
        self._furnish()

    def _furnish(self) -> None:
        """Put what the configuration names into the world; what a loaded world already has stays as it is."""
        for department in self.config.departments:
            self.world.departments.setdefault(department.id, (department.name, department.parentid))
        for member in self.config.members:
            if member.userid not in self.world.members and member.userid not in self.world.departed:
                self.add_member(member)
        for account in self.config.kf_accounts:
            if account.open_kfid not in self.world.accounts:
                self.add_account(account)

    @property
    def now(self) -> float:
        """Seconds since the epoch on the simulator's clock."""
        return self.clock.timestamp()

    def new_id(self, prefix: str, length: int = 32) -> str:
        """A fresh opaque id; the running number in it keeps ids apart even when chance repeats after a restart."""
        self.world.serial += 1
        number, digits = self.world.serial, ""
        while number:
            number, digit = divmod(number, len(_ALPHABET))
            digits += _ALPHABET[digit]
        noise = "".join(self.rng.choices(_ALPHABET, k=max(4, length - len(prefix) - len(digits) - 1)))
        return f"{prefix}{noise}_{digits}"

    def add_member(self, given: MemberConfig) -> Member:
        """A new member of the corp."""
        member = Member(given.userid, given.name, list(given.departments), list(given.tags), given.active)
        self.world.members[given.userid] = member
        return member

    def add_account(self, given: KfAccountConfig) -> Account:
        """A new kf account."""
        account = Account(given.open_kfid, given.name, auto_assign=given.auto_assign)
        account.servicers = {userid: Servicer(userid) for userid in given.servicers}
        self.world.accounts[given.open_kfid] = account
        self.world.feeds[given.open_kfid] = Feed()
        return account

    def account(self, open_kfid: str) -> Account:
        """A kf account; raises ApiError 95004 if there is none."""
        try:
            return self.world.accounts[open_kfid]
        except KeyError:
            raise ApiError(95004) from None

    def customer(self, external_userid: str) -> Customer:
        """A customer; raises ApiError 40096 if there is none."""
        try:
            return self.world.customers[external_userid]
        except KeyError:
            raise ApiError(40096) from None

    def chat(self, open_kfid: str, external_userid: str) -> Chat:
        """The chat of a customer at an account, begun if need be."""
        key = pair(open_kfid, external_userid)
        if key not in self.world.chats:
            self.world.chats[key] = Chat(open_kfid, external_userid)
        return self.world.chats[key]

    def known_chat(self, open_kfid: str, external_userid: str) -> Chat:
        """The same for the control API: raises ControlError 404 for an unknown account or customer."""
        if open_kfid not in self.world.accounts:
            raise ControlError(404, f"no kf account {open_kfid}")
        if external_userid not in self.world.customers:
            raise ControlError(404, f"no customer {external_userid}")
        return self.chat(open_kfid, external_userid)

    def feed(self, open_kfid: str, item: dict[str, Any]) -> None:
        """Add an item to what sync_msg hands out, and call every app that may read this account."""
        now = self.now
        self.world.feeds[open_kfid].items.append(FeedItem(now, item))
        # 1..32 characters of filler, so that every padding length occurs in the encrypted callbacks.
        filler = "".join(self.rng.choices(_ALPHABET, k=self.rng.randint(1, 32)))
        token = "ENC" + seal(int(now), key=self.world.seal, scope=f"token {open_kfid}", filler=filler)
        for app in self.config.apps:
            if "kf" in app.rights and (app.open_kfids is None or open_kfid in app.open_kfids):
                self.callback(app, {"MsgType": "event", "Event": "kf_msg_or_event", "Token": token, "OpenKfId": open_kfid}, sender=None)

    def callback(self, app: AppConfig, fields: Mapping[str, Xml], *, sender: str | None) -> None:
        """Send an event to an app; `sender` is FromUserName, left out where the platform leaves it out."""
        head: dict[str, Xml] = {"ToUserName": self.config.corp_id}
        if sender is not None:
            head["FromUserName"] = sender
        xml = to_xml({**head, "CreateTime": int(self.now), **fields})
        self.callbacks.post(app, str(fields.get("Event", fields["MsgType"])), xml)


@dataclass(frozen=True)
class Call:
    """One API call: who calls, with what."""

    sim: Simulator
    app: AppConfig
    path: str
    query: Mapping[str, str]
    body: dict[str, Any]
    ip: str
    request: web.Request


@dataclass(frozen=True)
class Endpoint:
    """How a path is served. `run` gives the reply's fields, or a whole response, or a coroutine of either.

    `kf_account` names the body or query field that holds an open_kfid which must be granted to the calling app.
    """

    run: Any
    spec: Obj = NO_FIELDS
    methods: tuple[Literal["GET", "POST"], ...] = ("POST",)
    right: Right | None = None
    kf_account: str | None = None
    with_token: bool = True
    reads_body: bool = True
