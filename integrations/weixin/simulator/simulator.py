"""The simulated platform: the parts that every endpoint needs, in one object."""

import random
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from integrations.wecom.simulator.clock import SimClock
from integrations.wecom.simulator.errors import ControlError
from integrations.wecom.simulator.faults import Faults
from integrations.wecom.simulator.xml import Xml, to_xml
from integrations.weixin.simulator.callbacks import Callbacks
from integrations.weixin.simulator.config import AppConfig, SimulatorConfig, Switches
from integrations.weixin.simulator.state import Consent, Person, Sent, World, openid_of

CHINA = timezone(timedelta(hours=8))  # the platform's calendar


class Simulator:
    """State, clock, chance, faults and callbacks."""

    def __init__(self, config: SimulatorConfig, *, clock: SimClock, rng: random.Random, world: World | None = None) -> None:
        self.config, self.clock, self.rng = config, clock, rng
        self.world = world or World()
        self.switches = Switches.model_validate({**config.switches.model_dump(), **self.world.switches})
        self.faults, self.callbacks = Faults(), Callbacks(self.switches, rng)
        self.apps = {app.appid: app for app in config.apps}
        self.held: list[tuple[AppConfig, Sent]] = []
        self._whose: dict[str, str] = {}
        for unionid in self.world.people:
            self._know(unionid)

    @property
    def now(self) -> float:
        """Seconds since the epoch on the simulator's clock."""
        return self.clock.timestamp()

    def today(self) -> str:
        """The platform's day."""
        return datetime.fromtimestamp(self.now, CHINA).date().isoformat()

    def number(self) -> int:
        """A fresh message number, as long as the platform's (19 digits)."""
        self.world.serial += 1
        return 3_000_000_000_000_000_000 + self.world.serial

    def app(self, kind: str) -> AppConfig:
        """The account of that kind; raises ControlError 404."""
        for each in self.config.apps:
            if each.kind == kind:
                return each
        raise ControlError(404, f"no {kind}")

    def person(self, unionid: str) -> Person:
        """A WeChat user; raises ControlError 404."""
        try:
            return self.world.people[unionid]
        except KeyError:
            raise ControlError(404, f"no person {unionid}") from None

    def add_person(self, person: Person) -> None:
        """A new WeChat user, with an openid at every account."""
        self.world.people[person.unionid] = person
        self._know(person.unionid)

    def _know(self, unionid: str) -> None:
        for appid in self.apps:
            self._whose[f"{appid} {openid_of(appid, unionid)}"] = unionid

    def person_at(self, app: AppConfig, openid: str) -> Person | None:
        """Whose openid this is at the account."""
        unionid = self._whose.get(f"{app.appid} {openid}")
        return None if unionid is None else self.world.people[unionid]

    def consent(self, openid: str, template_id: str) -> Consent:
        """What the person behind the openid agreed to for this template; nothing so far, if need be."""
        return self.world.consents.setdefault(f"{openid} {template_id}", Consent())

    def tell(self, app: AppConfig, openid: str, event: str, fields: Mapping[str, Xml]) -> None:
        """Send an event to the account's callback address."""
        head: dict[str, Xml] = {
            "ToUserName": app.username,
            "FromUserName": openid,
            "CreateTime": int(self.now),
            "MsgType": "event",
            "Event": event,
        }
        self.callbacks.post(app, openid, event, to_xml({**head, **fields}), self.now)

    def report(self, app: AppConfig, sent: Sent) -> None:
        """Send the delivery report of a push, or keep it while reports are held."""
        if self.switches.hold_reports:
            self.held.append((app, sent))
        elif sent.path == "message/template/send":
            hidden = self.switches.client_msg_id_hides_msgid and "client_msg_id" in sent.body
            self.tell(app, sent.openid, "TEMPLATESENDJOBFINISH", {"MsgID": 0 if hidden else sent.msgid, "Status": sent.status})
        else:
            failed = sent.status != "success"
            row: dict[str, Xml] = {
                "TemplateId": sent.template_id,
                "MsgID": sent.msgid,
                "ErrorCode": int(failed),
                "ErrorStatus": sent.status,
            }
            self.tell(app, sent.openid, "subscribe_msg_sent_event", {"SubscribeMsgSentEvent": {"List": [row]}})

    def release(self) -> None:
        """Send the reports that were held."""
        held, self.held = self.held, []
        for app, sent in held:
            self.report(app, sent)
