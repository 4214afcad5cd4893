"""The worker: pulls, answers, sends, escalates, runs follow-ups. The only role that loads the dialogue."""

import asyncio
import importlib
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import SystemRandom

import structlog

from bot import metrics
from bot.adapt import JOB as ADAPT
from bot.adapt import Adapter
from bot.app import Core, core, push_ports, recogniser, wecom_access, wecom_client
from bot.apply import apply, apply_all
from bot.audit import SEAL_EVERY, VERIFY_EVERY, sealer, verify_daily
from bot.bulk import BulkOutbox
from bot.card_clicks import CallbackEvents
from bot.choices import Choices
from bot.cohort_enrolments import enrol_cohorts
from bot.cohorts import keep_cohorts, keep_sealed, keep_searches
from bot.content_send import ContentBodies
from bot.contents import JOB as PUSHES
from bot.contents import ContentPushes, keep_contents
from bot.drain import Drain
from bot.escalation import Escalation
from bot.fhir.poll import FhirPoller
from bot.follow_up import FollowUps
from bot.friends import keep_friends
from bot.give_way import Way
from bot.group_send import GroupSends
from bot.health import Readiness
from bot.heartbeat import beat
from bot.inbox import Inbox, chats_left_waiting, look_again
from bot.intake.applying import FeedApplier
from bot.intake.readers import VERSION, read_message
from bot.intake.view_poll import ViewPoller
from bot.intake.watch import watch_feeds
from bot.jobs import DRAIN, Engine, Handler, Job, defer, workers_alive
from bot.keep import keep
from bot.kf_accounts import know_accounts
from bot.limiter import Limiter
from bot.lines import LANE_JOB
from bot.mass_message import JOB as MASS
from bot.mass_message import MassMessages
from bot.media import FORGET, MediaStore
from bot.ocr import OcrProcess
from bot.outbox import Outbox
from bot.pictures import Pictures, Reader
from bot.planning import Planning
from bot.prediction import RiskScoring
from bot.process import end
from bot.push import PushPorts
from bot.push_access import push_access
from bot.push_addresses import CarerFinder
from bot.push_events import FIND_CARERS, PushEvents
from bot.reach import Means, channels_of, receipt
from bot.retag import JOB as RETAG
from bot.retag import Retagger
from bot.retention import LOOK_EVERY, Retention
from bot.retention_classes import classes
from bot.retraining.collector import JOB as COLLECT
from bot.retraining.collector import Collector
from bot.retraining.hot_swap import HotSwap, Model
from bot.retraining.relay import Relay
from bot.retraining.trainer import COMPARE, TRAIN, Trainer
from bot.set_back import SetBack
from bot.settings import Settings
from bot.staff_sync import StaffSync
from bot.sweep import sweep
from bot.tables import TABLES_EVERY, Tables
from bot.turn import MOST_TURNS, TurnTaker
from bot.voices import Voices
from bot.weekly import WeeklySummary
from bot.worker_health import worker_health
from integrations.speech.port import Recogniser
from integrations.wecom.client import WecomClient

log = structlog.get_logger(__name__)

# What is new is announced at once; this finds what is due by now or was lost, and is most of what an idle worker costs.
SWEEP_EVERY = 2.0
# A gateway on the same machine goes first: WeCom calls again when a callback is not acknowledged, and a reply can wait that long.
POLITENESS = 5
CLOCK_EVERY = 0.5
COHORTS_EVERY = 2.0
# Most days there is nothing to seal anew.
SEALING_EVERY = 60.0
PUBLICATIONS_EVERY = 5
# A new article is found within seconds; the look is one row.
ARTICLES_EVERY = 2
CONTENTS_EVERY = 30
FEEDS_EVERY = 30
# Each view has its own time; this is how often it is asked whether that has come.
VIEWS_EVERY = 5
RISK_EVERY = 3600
FRIENDS_EVERY = 3600
GROUP_SENDS_EVERY = 60
# The directory's callbacks bring changes at once; this finds what they lost.
STAFF_EVERY = 6 * 3600
CHOICES_EVERY = 3600
# Plans are planned on two weeks ahead: a minute is nothing, and an idle look costs nothing.
PLANS_EVERY = 60
# The clock of the rules: the day's look is made once, a minute after its hour at the latest.
RULES_EVERY = 60
CARERS_EVERY = 60
# The look of a Monday morning is made once, a minute after its hour at the latest.
WEEKLY_EVERY = 60
# What was not understood is there when an administrator comes; nobody waits for it.
MESSAGES_EVERY = 3600
ROOT = Path(__file__).parent.parent
# The road of a family's message, and of an alert: bulk work does not begin while one of these runs.
LIVE = frozenset({"pull", "drain", "deliver", "escalate", "callback_event", "run_task"})


async def run_worker(
    settings: Settings, *, model: Path | None, once_ready: Callable[[], None] = lambda: None, port: int | None = None
) -> None:
    """Work until SIGTERM or SIGINT: then nothing new is begun, and what has begun is finished, within DRAIN seconds.

    `model` None works without dialogue: triage answers, and a person is called for the rest. `port`: where its health is asked for.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    os.nice(POLITENESS)
    heart = asyncio.create_task(beat())
    if model is not None:
        import_ahead()
    async with (
        core(settings, role="worker", pool_size=settings.worker_pool) as parts,
        wecom_client(parts) as client,
        recogniser(settings) as ears,
        push_ports(parts) as ports,
        AsyncExitStack() as closing,
    ):
        turns = TurnTaker(None, settings.tz, emergency_phone=settings.emergency_phone, hears=settings.hears, pages=settings.pages)
        turns.limiter, turns.loading = Limiter(MOST_TURNS), model is not None
        ocr = OcrProcess()
        handlers = compose(parts, client, turns, ocr, ears, ports)
        engines: list[asyncio.Task[None]] = []

        async def dialogue() -> bool:
            # A new version whose model is broken must not take the old one's place.
            return model is None or turns.talker is not None

        async def at_work() -> bool:
            return bool(engines) and not engines[0].done()

        readiness = Readiness({"database": parts.db.ready, "dialogue": dialogue, "jobs": at_work})
        await closing.enter_async_context(worker_health(readiness, settings.host, port))
        finder = CarerFinder(parts.db, client, ports, parts.clock)
        loading = asyncio.create_task(_load_dialogue(turns, model, parts))
        loops = [
            loading,
            asyncio.create_task(keep(lambda: know_accounts(parts, client), parts, every=60)),
            asyncio.create_task(keep(lambda: _sweep(parts), parts, every=SWEEP_EVERY)),
            asyncio.create_task(keep(SetBack(parts.db, parts.clock).look, parts, every=SWEEP_EVERY)),
            asyncio.create_task(keep(lambda: keep_cohorts(parts.db, parts.clock, settings.tz), parts, every=COHORTS_EVERY)),
            asyncio.create_task(keep(lambda: keep_searches(parts.db), parts, every=COHORTS_EVERY)),
            asyncio.create_task(keep(lambda: keep_sealed(parts.db), parts, every=SEALING_EVERY)),
            asyncio.create_task(keep(lambda: enrol_cohorts(parts.db, parts.clock, settings.tz), parts, every=COHORTS_EVERY)),
            asyncio.create_task(keep(Planning(parts.db, parts.clock, settings.tz).look, parts, every=PLANS_EVERY)),
            asyncio.create_task(keep(Tables(parts.db, settings.tz).refresh, parts, every=TABLES_EVERY)),
            asyncio.create_task(keep(lambda: watch_feeds(parts.db, parts.clock(), settings.intake.alarm_to), parts, every=FEEDS_EVERY)),
            asyncio.create_task(keep(ViewPoller(parts.db, parts.clock).look, parts, every=VIEWS_EVERY)),
            asyncio.create_task(keep(Adapter(parts.db, parts.clock, settings.tz).tick, parts, every=RULES_EVERY)),
            asyncio.create_task(keep(lambda: keep_contents(parts.db, parts.clock, settings.tz), parts, every=CONTENTS_EVERY)),
            asyncio.create_task(keep(finder.look, parts, every=CARERS_EVERY)),
            asyncio.create_task(keep(RiskScoring(parts.db, parts.clock).look, parts, every=RISK_EVERY)),
            asyncio.create_task(keep(Choices(parts.db, parts.clock).look, parts, every=CHOICES_EVERY)),
        ]
        messages = Collector(parts.db, ROOT, settings.data_dir.absolute() / "models", parts.clock)
        loops.append(asyncio.create_task(keep(messages.look, parts, every=MESSAGES_EVERY)))
        groups = GroupSends(parts.db, client, parts.clock, Means(settings.tz, channels_of(ports)))
        loops += [
            asyncio.create_task(keep(lambda: keep_friends(parts.db, client, parts.clock), parts, every=FRIENDS_EVERY)),
            asyncio.create_task(keep(groups.look, parts, every=GROUP_SENDS_EVERY)),
            asyncio.create_task(keep(StaffSync(parts.db, client, parts.clock).look, parts, every=STAFF_EVERY)),
        ]
        letting_go = Retention(parts.db, parts.clock, settings.tz, classes(settings.retention_file))
        loops += [
            asyncio.create_task(keep(sealer(parts).look, parts, every=SEAL_EVERY)),
            asyncio.create_task(keep(lambda: verify_daily(parts), parts, every=VERIFY_EVERY)),
            asyncio.create_task(keep(letting_go.look, parts, every=LOOK_EVERY)),
        ]
        if settings.weekly_summary:
            weekly = WeeklySummary(parts.db, parts.clock, settings.tz, settings.staff_pages)
            loops.append(asyncio.create_task(keep(weekly.look, parts, every=WEEKLY_EVERY)))
        if settings.sandbox:
            loops.append(asyncio.create_task(keep(lambda: parts.clock.load(parts.db), parts, every=CLOCK_EVERY)))
        if await parts.db.insist(lambda: _others_at_work(parts)):
            # What we took before we can talk would only wait.
            await loading
        engines.append(asyncio.create_task(keep_engine(parts, handlers, patience=DRAIN)))
        swap = await loading
        if swap is not None:
            loops.append(asyncio.create_task(keep(lambda: _look_at_articles(parts), parts, every=ARTICLES_EVERY)))
            loops.append(asyncio.create_task(keep(swap.look, parts, every=PUBLICATIONS_EVERY)))
        await parts.db.insist(lambda: _drain_waiting(parts))
        once_ready()
        await stop.wait()
        readiness.draining = True
        log.info("draining", seconds=DRAIN)
        await end(loops)
        await end(engines, patience=DRAIN + 5)
        await ocr.close()
        await end([heart])
        log.info("drained")


def import_ahead() -> None:
    """Import here what this thread would otherwise import beside the one that loads the dialogue.

    Rasa wants `distutils`, for which setuptools has a hook that imports while it holds Python's lock for all imports: two threads that
    import meanwhile can wait for each other for ever.
    """
    for name in ("distutils", "procrastinate"):
        importlib.import_module(name)


async def _others_at_work(parts: Core) -> bool:
    """Ask for news of all accounts, since callbacks may have been missed while nobody worked, and look whether anybody does."""
    async with parts.db.transaction() as tx:
        await look_again(tx, timedelta())
        return bool(await workers_alive(tx))


async def _drain_waiting(parts: Core) -> None:
    """Take up what waited for the dialogue."""
    async with parts.db.transaction() as tx:
        waiting = await chats_left_waiting(tx, parts.clock())
        await defer(tx, [Job("drain", str(chat), lock=f"chat:{chat}") for chat in waiting])


def compose(
    parts: Core, client: WecomClient, turns: TurnTaker, ocr: Reader, ears: Recogniser | None = None, ports: PushPorts | None = None
) -> dict[str, Handler]:
    """The job handlers, joined. `ports` are the push channels; none without."""
    settings, ports = parts.settings, ports or PushPorts()
    outbox = Outbox(
        parts.db,
        client,
        parts.clock,
        agent_id=wecom_access(settings).agent_id,
        emergency_phone=settings.emergency_phone,
        zone=settings.tz,
        rng=SystemRandom(),
        ports=ports,
        contents=ContentBodies(parts.db, client, parts.clock, settings.pages).body,
        pages=settings.staff_pages,
    )
    means = Means(settings.tz, channels_of(ports))
    drain = Drain(
        parts.db,
        turns,
        outbox.deliver,
        parts.clock,
        emergency_phone=settings.emergency_phone,
        hospital=settings.hospital,
        means=means,
    )
    escalation = Escalation(parts.db, outbox.deliver, parts.clock, settings.tz, emergency_phone=settings.emergency_phone)
    push_events = PushEvents(push_access(settings), partial(receipt, means=means))
    events = CallbackEvents(parts.db, outbox.deliver, parts.clock, lambda: know_accounts(parts, client), push_events)
    finder = CarerFinder(parts.db, client, ports, parts.clock)
    media = settings.data_dir.absolute() / "media"
    pictures = Pictures(parts.db, ocr, parts.clock, settings.tz, media, emergency_phone=settings.emergency_phone)
    phone, sure = settings.emergency_phone, settings.speech.sure
    voices = Voices(parts.db, ears, parts.clock, settings.tz, media, emergency_phone=phone, sure=sure)
    way = Way()
    models = settings.data_dir.absolute() / "models"
    kept_files = MediaStore(parts.db, client, parts.clock, media, hears=ears is not None)
    trainer = Trainer(parts.db, ROOT, models, parts.clock)
    follow_ups = FollowUps(parts.db, turns, parts.clock, means, way=way)
    handlers: dict[str, Handler] = {
        "pull": Inbox(parts.db, client, parts.clock).pull,
        "drain": drain.drain,
        "deliver": outbox.deliver,
        LANE_JOB: BulkOutbox(parts.db, outbox, parts.clock, settings.tz, way=way).run,
        "escalate": escalation.escalate,
        "callback_event": events.handle,
        "media": kept_files.fetch,
        FORGET: kept_files.forget,
        "picture": pictures.read,
        "voice": voices.hear,
        "run_task": follow_ups.run,
        MASS: MassMessages(parts.db, parts.clock, means).run,
        "run_families": follow_ups.run_lane,
        "apply_feed": FeedApplier(
            parts.db, parts.clock, settings.tz, read=read_message, apply=apply, apply_all=apply_all, version=VERSION
        ).run,
        ADAPT: Adapter(parts.db, parts.clock, settings.tz).run,
        PUSHES: ContentPushes(parts.db, parts.clock, settings.tz, page=bool(settings.pages)).run,
        RETAG: Retagger(parts.db, parts.clock, settings.tz).run,
        "poll_feed": FhirPoller(parts.db, parts.clock).run,
        TRAIN: trainer.train,
        COMPARE: trainer.compare,
        COLLECT: Collector(parts.db, ROOT, models, parts.clock).run,
        FIND_CARERS: finder.find,
        "mini_program_login": finder.login,
    }
    return {name: way.live(handler) if name in LIVE else handler for name, handler in handlers.items()}


async def _load_dialogue(turns: TurnTaker, model: Path | None, parts: Core) -> HotSwap | None:
    """Load the dialogue in a thread: importing Rasa takes seconds, and alerts must not wait for it.

    The program's own model first, then the published one, if there is one. What follows the publications from then on; None when the
    dialogue cannot be loaded.
    """
    if model is None:
        metrics.DIALOGUE.set(-1)
        return None
    try:
        await _read_articles(parts)
        relay = Relay(await asyncio.to_thread(_dialogue, model, parts))
        swap = hot_swap(parts, relay)
        await _follow(swap)
        turns.talker = relay
    except Exception as err:
        # Triage needs no model: families in danger are helped, the others get a person.
        log.error("dialogue cannot be loaded", error=type(err).__name__)
    else:
        metrics.DIALOGUE.set(1)
        log.info("dialogue ready", pid=os.getpid())
        return swap
    finally:
        turns.loading = False
    return None


async def _read_articles(parts: Core) -> None:
    """Take in what is shipped, and know what is published before the first question is answered."""
    from plans.content.live import take_in

    if done := await parts.db.insist(lambda: take_in(parts.db, parts.clock)):
        log.info("shipped contents taken in", **done)
    # In a thread like the dialogue: what it imports takes a second.
    answers = await asyncio.to_thread(importlib.import_module, "actions.answer")
    answers.use_encoder(parts.settings.encoder)
    answers.articles.pages = parts.settings.pages
    await parts.db.insist(lambda: _look_at_articles(parts))


async def _look_at_articles(parts: Core) -> None:
    from actions.answer import articles

    await articles.look(parts.db, parts.clock)


async def _follow(swap: HotSwap) -> None:
    """Take the published model at once; a database that is away for a moment must not cost the dialogue."""
    try:
        await swap.look()
    except Exception as err:
        log.error("publications cannot be read", error=type(err).__name__)


def hot_swap(parts: Core, relay: Relay) -> HotSwap:
    """What follows the publications for this worker."""
    return HotSwap(
        parts.db,
        relay,
        lambda file: _dialogue(file, parts),
        root=ROOT,
        folder=parts.settings.data_dir.absolute() / "models",
        clock=parts.clock,
        worker=f"{socket.gethostname()}:{os.getpid()}",
    )


def _dialogue(model: Path, parts: Core) -> Model:
    from bot.dialogue.agent import Dialogue

    return Dialogue.load(model, clock=parts.clock)


async def keep_engine(parts: Core, handlers: dict[str, Handler], *, patience: float = 5) -> None:
    """Run the engine for ever; when the database goes away, wait for it and run again. `patience` as in Engine."""
    while True:
        try:
            await Engine(parts.db.url, handlers, concurrency=parts.settings.worker_concurrency, patience=patience).run()
        except Exception as err:
            log.error("engine stopped", error=type(err).__name__)
            await asyncio.sleep(1)
            await parts.db.heal()


async def _sweep(parts: Core) -> None:
    made = await sweep(parts.db, parts.clock)
    if made:
        log.debug("swept", **made)
