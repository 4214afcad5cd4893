"""The composition root: the one place that knows every part and joins them. Nothing is created at import."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random, SystemRandom
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from bot.clock import Clock
from bot.pace import DatabasePace
from bot.push import PushPorts
from bot.push_access import SMS_CALLBACK, SMS_PREFIX, WEIXIN_PREFIX, open_ports, push_access
from bot.settings import Settings
from bot.tokens import DatabaseTokenStore
from integrations.speech.http import HttpRecogniser
from integrations.speech.port import Recogniser
from integrations.wecom.client import WecomClient
from records.database import Database
from records.keyring import KeyFile, Keyring

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from bot.chat_sdk import WecomChatSdk
    from bot.sandbox import SimulatorControl
    from bot.sign_in import WecomStaffSignIn
    from console.installation import Installation
    from plans.reach.route import Channels
    from records.staff import Staff
    from tagging.portrait.portrait import Portrait

SIMULATOR_PREFIX = "/sandbox/wecom"
POSTGRES_FOLDER, KEYRING = "postgres", "keyring"
# These have no business with patients' names.
WITHOUT_KEYS = frozenset({"gateway", "backup", "migrate"})


@dataclass
class Core:
    """What every role needs."""

    settings: Settings
    db: Database
    clock: Clock


@dataclass(frozen=True)
class WecomAccess:
    """The corp as this process reaches it: the real one, or the simulator with its demo secrets."""

    base_url: str
    corp_id: str
    secret: str
    agent_id: int
    callback_token: str
    callback_aes_key: str


def database(settings: Settings, *, role: str, pool_size: int = 8) -> Database:
    """The database of these settings, not yet open."""
    keyring = Keyring(key_file(settings)) if role not in WITHOUT_KEYS else None
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        return Database(url=url, pool_size=pool_size, application=f"careloop-{role}", keyring=keyring)
    folder = settings.data_dir / POSTGRES_FOLDER
    return Database(folder=folder, pool_size=pool_size, application=f"careloop-{role}", keyring=keyring)


def key_file(settings: Settings) -> KeyFile:
    """Where the keys of patients' names and numbers are."""
    return KeyFile((settings.keyring or settings.data_dir / KEYRING).absolute(), own=settings.keyring is None)


@asynccontextmanager
async def core(settings: Settings, *, role: str, pool_size: int = 8, migrate: bool = True) -> AsyncIterator[Core]:
    """An open, migrated database and the clock. Raises EmbeddedError when the database cannot start, SchemaBehind when it waits for
    `careloop migrate` (setting: migrate), KeyringError when a key is missing."""
    db = database(settings, role=role, pool_size=pool_size)
    await db.open()
    try:
        if migrate:
            await (db.migrate() if settings.migrate else db.check_schema())
            if db.keyring is not None:
                # In a rolling upgrade, where roles do not migrate, older processes may be beside us.
                await db.take_up_keys(alone=settings.migrate)
        clock = Clock()
        if settings.sandbox:
            await db.insist(lambda: clock.load(db))
        yield Core(settings, db, clock)
    finally:
        await db.close()


def wecom_access(settings: Settings) -> WecomAccess:
    """How to reach WeCom with these settings; in the sandbox, the simulator that `serve` (or `simulator`) runs on our own port."""
    wecom = settings.wecom
    if wecom.corp_id is not None:
        return WecomAccess(
            base_url=wecom.base_url,
            corp_id=wecom.corp_id,
            secret=wecom.secret.get_secret_value(),
            agent_id=wecom.agent_id,
            callback_token=wecom.callback_token.get_secret_value(),
            callback_aes_key=wecom.callback_aes_key.get_secret_value(),
        )
    from integrations.wecom.simulator.config import demo_config

    demo = demo_config("http://localhost/wecom/callback")
    app = demo.apps[0]
    if app.callback is None:
        raise RuntimeError("the demo corp has no callback")
    given = wecom.base_url if "base_url" in wecom.model_fields_set else None
    return WecomAccess(
        base_url=given or f"http://127.0.0.1:{settings.port}/sandbox/wecom",
        corp_id=demo.corp_id,
        secret=app.secret,
        agent_id=app.agentid,
        callback_token=app.callback.token,
        callback_aes_key=app.callback.encoding_aes_key,
    )


@asynccontextmanager
async def wecom_client(
    core: Core, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep, patience: float = 5.0
) -> AsyncIterator[WecomClient]:
    """A client whose tokens are shared through the database; `sleep` as in WecomClient, `patience` (s) is its `timeout`."""
    access = wecom_access(core.settings)
    async with aiohttp.ClientSession() as session:
        yield WecomClient(
            session,
            access.base_url,
            access.corp_id,
            access.secret,
            DatabaseTokenStore(core.db),
            core.clock,
            sleep=sleep,
            rng=SystemRandom(),
            timeout=patience,
            pace=DatabasePace(
                core.db,
                core.clock,
                per_minute=core.settings.wecom.calls_per_minute,
                per_hour=core.settings.wecom.calls_per_hour,
                sleep=sleep,
            ),
        )


@asynccontextmanager
async def push_ports(core: Core, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> AsyncIterator[PushPorts]:
    """The channels that reach a family outside the chat, as the settings choose them; tokens are shared through the database."""
    async with open_ports(push_access(core.settings), core.settings, DatabaseTokenStore(core.db), core.clock, sleep=sleep) as ports:
        yield ports


async def push_channels(core: Core) -> "Channels":
    """What this installation has to reach a family with, beside the chat."""
    from bot.reach import channels_of

    async with push_ports(core) as ports:
        return channels_of(ports)


@asynccontextmanager
async def recogniser(settings: Settings) -> AsyncIterator[Recogniser | None]:
    """Speech recognition as the settings choose it; None without."""
    speech = settings.speech
    if speech.recogniser == "none":
        yield None
        return
    async with aiohttp.ClientSession() as session:
        token = speech.token.get_secret_value()
        yield HttpRecogniser(session, speech.url, token, timeout=speech.timeout, max_bytes=speech.max_bytes)


def add_sandbox(app: web.Application, core: Core, session: aiohttp.ClientSession) -> "SimulatorControl":
    """The simulator below /sandbox/wecom and the page that plays both sides. `session` reaches this very server."""
    from bot.sandbox import Backend, SimulatorControl
    from console.sandbox import add_sandbox_routes
    from integrations.wecom.simulator import SimClock, create_app, demo_config

    settings = core.settings
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    config = demo_config(f"http://127.0.0.1:{settings.port}/wecom/callback")
    config = config.model_copy(update={"state_file": settings.data_dir.resolve() / "simulator.json"})
    # The ids of a simulated platform need no secrecy, and a fresh start must not repeat those of the last.
    simulator = create_app(config, clock=SimClock(), rng=Random())  # noqa: S311
    here = f"http://127.0.0.1:{settings.port}"
    control = SimulatorControl(session, here + SIMULATOR_PREFIX, here + WEIXIN_PREFIX, [here + SMS_PREFIX])
    add_sandbox_routes(app, Backend(core.db, core.clock, settings.tz, control))
    app.add_subapp(SIMULATOR_PREFIX, simulator)
    add_push_simulators(app, settings)
    return control


def add_content_pages(app: web.Application, core: Core) -> None:
    """The pages of contents, which say nothing about a child."""
    from console.content_page import add_content_pages as add

    add(app, core.db, core.clock, core.settings.tz, core.settings.hospital)


def add_family_pages(app: web.Application, core: Core) -> None:
    """The family's own pages at /h5: for roles that hold patients' data. The files of all pages come with the console."""
    from bot.weixin_sign_in import WeixinAccounts
    from console.family.app import family_app
    from console.family.desk import BASE, FamilyDesk
    from tagging.patient import PatientFacts
    from tagging.understanding import understand

    settings = core.settings
    accounts = WeixinAccounts(push_access(settings), DatabaseTokenStore(core.db), core.clock)
    desk = FamilyDesk(core.db, core.clock, settings.tz, settings.hospital, settings.emergency_phone, settings.pages, weixin=accounts)
    pages = family_app(desk)

    async def warm(_: web.Application) -> None:
        # The tables of the language take a second to read: not while a family waits.
        await asyncio.to_thread(understand, "37℃", context=None, patient=PatientFacts(age_days=None), now=core.clock())

    async def close(_: web.Application) -> None:
        accounts.close()

    pages.on_startup.append(warm)
    pages.on_cleanup.append(close)
    app.add_subapp(BASE, pages)


def add_console(app: web.Application, core: Core, channels: "Channels | None" = None) -> None:
    """The pages of clinicians and administrators at /console, and the files of all pages.

    `channels` are this installation's ways to a family outside the chat; None: there are none.
    """
    from console.app import console_app
    from console.desk import BASE, Desk
    from console.static_files import add_static
    from plans.reach.route import Channels

    settings = core.settings
    desk = Desk(
        core.db,
        core.clock,
        settings.tz,
        settings.hospital,
        secure=settings.staff_pages.startswith("https"),
        wecom=staff_sign_in(core),
        channels=channels or Channels(),
        installation=installation(core),
        media=settings.data_dir.absolute() / "media",
        pages=settings.pages,
        demo=settings.sandbox,
        chat_sdk=chat_sdk(core),
    )
    app.add_subapp(BASE, console_app(desk))
    add_static(app)


def staff_sign_in(core: Core) -> "WecomStaffSignIn":
    """Staff sign in by WeCom; in the sandbox by the simulator's pages, on whatever host the browser sees us."""
    from bot.sign_in import WecomStaffSignIn
    from integrations.wecom.oauth import SignIn

    access = wecom_access(core.settings)
    pages = SignIn(access.corp_id, access.agent_id)
    if core.settings.sandbox:
        pages = replace(
            pages, authorize_page=f"{SIMULATOR_PREFIX}/connect/oauth2/authorize", qr_page=f"{SIMULATOR_PREFIX}/wwlogin/sso/login"
        )
    return WecomStaffSignIn(pages, lambda: wecom_client(core))


def chat_sdk(core: Core) -> "WecomChatSdk":
    """What pages beside a WeCom chat need; in the sandbox the simulator plays WeCom's script."""
    from bot.chat_sdk import WecomChatSdk
    from integrations.wecom.jssdk import SCRIPT

    access, script = wecom_access(core.settings), SCRIPT
    if core.settings.sandbox:
        from integrations.wecom.simulator.client_script import PATH

        script = SIMULATOR_PREFIX + PATH
    return WecomChatSdk(script, access.corp_id, access.agent_id, lambda: wecom_client(core), core.clock)


def installation(core: Core) -> "Installation":
    """What the administrators' pages ask of the installation."""
    from bot.doctor import ROOT, diagnose_running
    from bot.staff_sync import Corp, look_up
    from console.installation import Installation

    async def directory() -> Corp:
        async with wecom_client(core) as client:
            return await look_up(client)

    return Installation(core.settings, lambda: diagnose_running(core, ROOT), directory)


def add_push_simulators(app: web.Application, settings: Settings) -> None:
    """The simulated official account and mini program below /sandbox/weixin, and the SMS provider below /sandbox/sms."""
    from integrations.sms import simulator as sms
    from integrations.wecom.simulator import SimClock
    from integrations.weixin import simulator as weixin

    here = f"http://127.0.0.1:{settings.port}"
    config = weixin.demo_config(f"{here}/weixin")
    config = config.model_copy(update={"state_file": settings.data_dir.resolve() / "weixin-simulator.json"})
    rng = Random()  # noqa: S311 - as above
    app.add_subapp(WEIXIN_PREFIX, weixin.create_app(config, clock=SimClock(), rng=rng))
    app.add_subapp(SMS_PREFIX, sms.create_app(sms.SmsConfig(callback_url=here + SMS_CALLBACK), clock=SimClock(), rng=rng))


async def new_password(tx: "AsyncSession", staff: "Staff", login: str, password: str, core: Core) -> str:
    """Give `staff` a password, end his sessions, and return the address for his authenticator app. Raises RegistryError."""
    from bot.registry import RegistryError
    from console.password import PasswordRefused, make_account, otpauth
    from records.account import end_sessions_of

    try:
        account = await make_account(tx, staff, login, password, core.clock())
    except PasswordRefused as err:
        raise RegistryError(f"The password is {err.code.replace('_', ' ')}.") from err
    await end_sessions_of(tx, staff.id, core.clock())
    return otpauth(account, core.settings.hospital)


def portrait_page(portrait: "Portrait", settings: Settings) -> str:
    """A patient's portrait as a page for reading and printing."""
    from console.portrait import portrait_page as page

    return page(portrait, hospital=settings.hospital, zone=settings.tz)
