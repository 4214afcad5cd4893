"""No secret, name, telephone or word of a family reaches a log: real processes, by ordinary and by failing roads, and every log read."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import IntegrityError

from bot.log_secrets import secrets_of
from bot.private import free_port, listening
from bot.settings import Settings
from integrations.wecom.callback import Callback
from integrations.wecom.signed import signature
from integrations.wecom.simulator import SimClock, create_app, demo_config
from records.database import Database
from records.schema import AccessToken, Carer, KfAccount, OnCall, Patient, PatientCarer, Staff, Team, TeamMember
from tests.conftest import DATA
from tests.durability.processes import ROOT, Program

ACCOUNT = "wkSimulatedChildrensHospital01"
# Each so that nothing else in the world is called like it.
SECRETS = {
    "Secret": "PlantedSecretOfTheAppWithinTheCorp000000001",  # pragma: allowlist secret
    "Token": "PlantedTokenOfTheCallback0002",  # pragma: allowlist secret
    "EncodingAESKey": "PlantedEncodingAESKeyOfTheCallback000000003",  # pragma: allowlist secret
    "database password": "PlantedPasswordOfTheDatabase4",  # pragma: allowlist secret
    "audit key": "PlantedKeyOfTheAudit5",  # pragma: allowlist secret
    "sign-in password": "PlantedPasswordOfANurse6",  # pragma: allowlist secret
    "bearer token": "PlantedBearerTokenOfAProgram7",  # pragma: allowlist secret
    "session": "PlantedSessionOfABrowser8",  # pragma: allowlist secret
    "link": "PlantedLinkOfAFamily9",  # pragma: allowlist secret
}
PEOPLE = {
    "child": "欧阳种一", "mother": "赫连种二", "nurse": "尉迟种三", "telephone": "13900770077", "record number": "ZP77007",
    "account": "wmPlantedMother",
}  # fmt: skip
WORDS = {"words": "种四发烧了三十九度二", "danger": "种五抽搐了两分钟", "poison": "种六毒丸", "hospital message": "种七化验"}


@dataclass
class House:
    """The roles as processes, the simulated WeCom, and all that they write."""

    db: Database
    folder: Path
    session: aiohttp.ClientSession
    simulator: str
    ports: dict[str, int]
    programs: list[Program]
    sealed: Callback
    planted: dict[str, str]
    server_log: int
    numbers: Any = field(default_factory=lambda: iter(range(1, 1000)))

    async def control(self, path: str, /, **body: Any) -> None:
        async with self.session.post(f"{self.simulator}/sim/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()

    async def says(self, said: str) -> None:
        await self.control(f"chats/{ACCOUNT}/{PEOPLE['account']}/say", msgtype="text", text={"content": said})

    async def asks(self, role: str, method: str, path: str, **how: Any) -> int:
        async with self.session.request(method, f"http://127.0.0.1:{self.ports[role]}{path}", allow_redirects=False, **how) as answer:
            await answer.read()
            return answer.status

    async def callback(self, xml: str, *, token: str | None = None) -> int:
        encrypted, at, nonce = (
            self.sealed.encrypt(xml),
            str(int(time.time())),
            str(next(self.numbers)),
        )
        query = {"msg_signature": signature(token or SECRETS["Token"], at, nonce, encrypted), "timestamp": at, "nonce": nonce}
        return await self.asks("gateway", "POST", "/wecom/callback", params=query, data=f"<xml><Encrypt>{encrypted}</Encrypt></xml>")

    async def until(self, question: str, seconds: float = 90) -> None:
        async with asyncio.timeout(seconds):
            while True:
                async with self.db.transaction() as tx:
                    if await tx.scalar(text(question)):
                        return
                await asyncio.sleep(0.1)

    async def do(self, *statements: str) -> None:
        for each in statements:
            async with self.db.transaction() as tx:
                await tx.execute(text(each))

    def written(self) -> dict[str, str]:
        """What each has written: our processes, and the database's server since the test began."""
        logs = {each.name: each.log.read_text("utf-8", "replace") for each in self.programs}
        if SERVER_LOG.exists():
            with SERVER_LOG.open("rb") as file:
                file.seek(self.server_log)
                logs["database"] = file.read().decode("utf-8", "replace")
        return logs

    def found(self) -> list[str]:
        """What stands in a log that must not, with its line."""
        lines = [(name, line) for name, log in self.written().items() for line in log.splitlines()]
        return [f"{what} in {name}: {line[:400]}" for name, line in lines for what, value in self.planted.items() if value in line]


SERVER_LOG = DATA / "postgres" / "log"


@asynccontextmanager
async def house(db: Database, folder: Path) -> AsyncIterator[House]:
    """Gateway, web and worker (without dialogue) with planted secrets, and a family with planted names."""
    ports = {name: free_port() for name in ("simulator", "gateway", "web")}
    config = demo_config(f"http://127.0.0.1:{ports['gateway']}/wecom/callback")
    app = config.apps[0]
    assert app.callback is not None
    app.secret, app.callback.token, app.callback.encoding_aes_key = SECRETS["Secret"], SECRETS["Token"], SECRETS["EncodingAESKey"]
    url = make_url(db.url).set(password=SECRETS["database password"]).render_as_string(hide_password=False)
    environment = {
        "CARELOOP_DATABASE_URL": url, "CARELOOP_DATA_DIR": str(folder / "data"), "CARELOOP_LOG_LEVEL": "debug",
        "CARELOOP_AUDIT_KEY": SECRETS["audit key"], "CARELOOP_WECOM__CORP_ID": config.corp_id, "CARELOOP_WECOM__SECRET": SECRETS["Secret"],
        "CARELOOP_WECOM__AGENT_ID": str(app.agentid), "CARELOOP_WECOM__CALLBACK_TOKEN": SECRETS["Token"],
        "CARELOOP_WECOM__CALLBACK_AES_KEY": SECRETS["EncodingAESKey"], "CARELOOP_WECOM__BASE_URL": f"http://127.0.0.1:{ports['simulator']}",
    }  # fmt: skip
    roles = {"gateway": ["gateway"], "web": ["web"], "worker": ["worker", "--no-dialogue"]}
    programs = [
        Program(name, ["bot", *arguments], environment | {"CARELOOP_PORT": str(ports.get(name, 0))}, folder)
        for name, arguments in roles.items()
    ]
    async with db.transaction() as tx:
        team, nurse = Team(name="随访组"), Staff(userid="linyue", name=PEOPLE["nurse"], title="护士")
        carer = Carer(name=PEOPLE["mother"], external_userid=PEOPLE["account"], phone=PEOPLE["telephone"])
        tx.add_all([team, nurse, carer])
        await tx.flush()
        born = (await tx.execute(text("select current_date - 60"))).scalar_one()
        child = Patient(team_id=team.id, record_number=PEOPLE["record number"], name=PEOPLE["child"], sex="F", birth_date=born)
        child.phones = [PEOPLE["telephone"]]
        tx.add_all([child, KfAccount(open_kfid=ACCOUNT, name="随访", team_id=team.id), TeamMember(team_id=team.id, staff_id=nurse.id)])
        tx.add(OnCall(team_id=team.id, staff_id=nurse.id, tier=1))
        await tx.flush()
        tx.add(PatientCarer(patient_id=child.id, carer_id=carer.id, relationship="母亲"))
    simulated = create_app(config, clock=SimClock(), rng=random.Random(7))
    async with aiohttp.ClientSession() as session:
        sealed = Callback(SECRETS["Token"], SECRETS["EncodingAESKey"], config.corp_id)
        planted = {**SECRETS, **PEOPLE, **WORDS}
        size = SERVER_LOG.stat().st_size if SERVER_LOG.exists() else 0
        here = House(db, folder, session, f"http://127.0.0.1:{ports['simulator']}", ports, programs, sealed, planted, size)
        async with listening(simulated, ports["simulator"]):
            for each in programs:
                each.start()
            try:
                await asyncio.gather(*(_there(here, role) for role in ("gateway", "web")))
                yield here
            finally:
                for each in programs:
                    await asyncio.to_thread(each.stop)


async def _there(here: House, role: str) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                if await here.asks(role, "GET", "/healthz") == 200:
                    return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.2)


@pytest.mark.long
async def test_logs_hold_no_secret_name_telephone_or_word(db: Database, tmp_path: Path) -> None:
    async with house(db, tmp_path) as here:
        await here.control("customers", nickname=PEOPLE["mother"], external_userid=PEOPLE["account"])
        # The ordinary road: a message, an alert with its card.
        await here.says(f"{PEOPLE['child']}{WORDS['words']}，我的电话{PEOPLE['telephone']}")
        await here.says(WORDS["danger"])
        await here.until("select exists (select from flag) and not exists (select from inbound where state = 'new')")
        async with db.transaction() as tx:
            here.planted["access token"] = (await tx.scalars(select(AccessToken.token))).first() or ""
        assert here.planted["access token"]
        # Callbacks that are none, that are forged, and that hold what cannot be read.
        for body in ("", "<xml><Encrypt>" + WORDS["words"], "<xml>" + "x" * 2_000_000, WORDS["poison"].encode("gb18030")):
            await here.asks("gateway", "POST", "/wecom/callback?msg_signature=x&timestamp=1&nonce=2", data=body)
        await here.callback(f"<xml><MsgType>{PEOPLE['mother']}</MsgType>", token="PlantedToken")
        await here.callback(f"<xml><Event>{WORDS['poison']}{PEOPLE['telephone']}")
        await here.callback(
            f"<xml><MsgType>event</MsgType><Event>template_card_event</Event><FromUserName>{PEOPLE['nurse']}</FromUserName></xml>"
        )
        # A handler that fails on the family's words, and a page: the database's own error tells the whole row.
        await here.do("alter table inbound add constraint planted check (text not like '%毒丸%')")
        await here.says(f"{WORDS['poison']}，{PEOPLE['mother']}，{PEOPLE['telephone']}")
        await asyncio.sleep(2)
        await here.do("alter table inbound drop constraint planted")
        await here.do(
            "create function planted() returns trigger language plpgsql as $$ begin raise exception 'no: %', new; end $$",
            "create trigger planted before insert or update on flag for each row execute function planted()",
        )
        await here.says(f"{WORDS['danger']}，又来一次")
        await asyncio.sleep(2)
        await here.do("drop trigger planted on flag", "alter table staff_session rename to away")
        who = {"login": PEOPLE["nurse"], "password": SECRETS["sign-in password"], "code": "123456"}
        await here.asks("web", "POST", "/console/sign-in", data=who)
        for path in (
            f"/console/patients?q={PEOPLE['child']}",
            f"/h5/{SECRETS['link']}",
            f"/h5/enter?link={SECRETS['link']}",
            "/console/work",
        ):
            await here.asks("web", "GET", path, headers={"Cookie": f"careloop={SECRETS['session']}; careloop_staff={SECRETS['session']}"})
        await here.do("alter table away rename to staff_session")
        await here.asks("web", "POST", "/console/sign-in", data=who)
        # Programs of the hospital.
        bearer = {"Authorization": f"Bearer {SECRETS['bearer token']}"}
        hl7 = f"MSH|^~\\&|LIS|{WORDS['hospital message']}|||1||ORU^R01|1|P|2.4\rPID|1||{PEOPLE['record number']}||{PEOPLE['child']}"
        for path in ("/intake/his", "/intake/nobody", "/fhir/Patient?name=" + PEOPLE["child"]):
            await here.asks("web", "POST" if "intake" in path else "GET", path, data=hl7.encode(), headers=bearer)
        # The platform refuses, and is away; the database cuts everybody off.
        for errcode in (40001, 45009, 95018, -1):
            await here.control("faults", path="kf/send_msg", times=1, errcode=errcode)
            await here.says(f"{WORDS['words']}{errcode}")
        await asyncio.sleep(1)
        await here.do(
            "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
        )
        await here.says(WORDS["words"])
        await asyncio.sleep(3)
    written = here.written()
    assert all(each.strip() for name, each in written.items() if name != "database"), {name: len(each) for name, each in written.items()}
    assert "job failed" in written["worker"] and "page failed" in written["web"]
    assert here.found() == []


CRASHES = """
import asyncio, gc, sys, threading
import structlog
from bot.logs import configure

level, secret, words = sys.argv[1:]
configure(level, role="test", secrets=[secret])

def refuse():
    row = words
    raise ValueError(f"Failing row contains ({row}), {secret}")

async def forgotten():
    asyncio.get_running_loop().create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

async def fails():
    refuse()

asyncio.run(forgotten())
gc.collect()
thread = threading.Thread(target=refuse)
thread.start()
thread.join()
log = structlog.get_logger()
try:
    refuse()
except ValueError as err:
    log.exception("page failed", error=type(err).__name__)
log.error("given", address=f"https://x/?corpsecret={secret}", text=words)
refuse()
"""


@pytest.mark.parametrize("level", ["debug", "warning"])
def test_whatever_crashes_says_where_and_not_with_what(level: str) -> None:
    arguments = [sys.executable, "-c", CRASHES, level, SECRETS["Secret"], WORDS["words"]]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line["event"] for line in lines] == ["Task exception was never retrieved", "crashed", "page failed", "given", "crashed"]
    assert all(line["where"][-1].endswith("refuse") for line in lines if line["event"] != "given")
    assert {line["error"] for line in lines if "error" in line} == {"ValueError"} and {line["role"] for line in lines} == {"test"}
    assert lines[3]["address"].endswith("[secret]") and lines[3]["text"] == "[redacted]"
    assert SECRETS["Secret"] not in done.stderr and WORDS["words"] not in done.stderr


def test_all_secrets_of_the_settings_are_known() -> None:
    given = {
        "database_url": f"postgresql://u:{SECRETS['database password']}@host/d", "audit_old_keys": [SECRETS["audit key"]],
        "wecom": {"secret": SECRETS["Secret"]}, "speech": {"token": SECRETS["bearer token"]},
    }  # fmt: skip
    found = set(secrets_of(Settings.model_validate(given)))
    assert found >= {SECRETS[name] for name in ("database password", "audit key", "Secret", "bearer token")}


async def test_the_servers_own_log_tells_of_no_row_that_it_refused(db: Database) -> None:
    before = SERVER_LOG.stat().st_size
    async with db.transaction() as tx:
        await tx.execute(text("create temporary table planted (said text check (said not like '%毒丸%'))"))
        with pytest.raises(IntegrityError):
            await tx.execute(text("insert into planted values (:said)"), {"said": WORDS["poison"]})
    with SERVER_LOG.open("rb") as file:
        file.seek(before)
        assert WORDS["poison"] not in file.read().decode("utf-8", "replace")
