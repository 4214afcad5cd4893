"""What the commands do; imported only when one runs."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bot.log_secrets import secrets_of
from bot.logs import configure
from bot.settings import Settings, load_settings

ROOT = Path(__file__).parent.parent
# Roles on the road of a message, which have what tracing needs.
TRACED = frozenset({"serve", "gateway", "web", "worker"})


def command_settings(role: str, **given: object) -> Settings:
    """The settings of a command, which logs as `role`. Raises SettingsError."""
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    configure(settings.log_level, role=role, secrets=secrets_of(settings))
    if settings.traces and role in TRACED:
        from bot.tracing import start_tracing

        start_tracing(settings.traces, role)
    return settings


def run_serve_command(*, host: str | None, port: int | None) -> None:
    """`careloop serve`."""
    settings = command_settings("serve", host=host, port=port)
    # The worker and the model training are processes of their own: they must see the same settings.
    os.environ["CARELOOP_HOST"], os.environ["CARELOOP_PORT"] = settings.host, str(settings.port)
    from bot.dialogue.train import model_path
    from bot.process import lock_data
    from bot.serve import run_serve

    # Refused before anything is trained; run_serve takes the lock for good.
    lock_data(settings.data_dir).close()
    if not model_path(ROOT).exists():
        # A process of its own: this one stays small.
        code = subprocess.run([sys.executable, "-m", "bot", "train"], cwd=ROOT, check=False).returncode
        if code:
            raise SystemExit(code)
    _say(f"http://{settings.host}:{settings.port}/sandbox" if settings.sandbox else f"http://{settings.host}:{settings.port}/healthz")
    _run(run_serve(settings))


def run_gateway_command(*, host: str | None, port: int | None) -> None:
    """`careloop gateway`."""
    settings = command_settings("gateway", host=host, port=port)
    from bot.gateway_role import run_gateway

    _run(run_gateway(settings))


def run_web_command(*, host: str | None, port: int | None) -> None:
    """`careloop web`."""
    settings = command_settings("web", host=host, port=port)
    from bot.serve import run_web

    _run(run_web(settings))


def run_edge_command(*, host: str | None, port: int | None) -> None:
    """`careloop edge`."""
    from bot.edge.role import run_edge

    _run(run_edge(command_settings("edge", host=host, port=port)))


def run_link_command() -> None:
    """`careloop edge-link`."""
    from bot.edge.link import run_link

    _run(run_link(command_settings("edge-link")))


def run_intake_command() -> None:
    """`careloop intake`."""
    settings = command_settings("intake")
    from bot.intake.role import run_intake

    _run(run_intake(settings))


def migrate_command(*, before: bool) -> None:
    """`careloop migrate`."""
    from bot.app import database
    from records.migrating import migrate

    settings = command_settings("migrate")

    async def run() -> list[str]:
        db = database(settings, role="migrate", pool_size=1)
        await db.open()
        try:
            return await db.insist(lambda: asyncio.to_thread(migrate, db.url, before=before))
        finally:
            await db.close()

    done = asyncio.run(run())
    _say(f"migrated: {', '.join(done)}" if done else "nothing to migrate")


def run_worker_command(*, dialogue: bool, host: str | None = None, port: int | None = None) -> None:
    """`careloop worker`."""
    settings = command_settings("worker", host=host)
    from bot.worker import run_worker

    model = None
    if dialogue:
        model = _model_at_hand()
    _run(run_worker(settings, model=model, port=port))


def _run(service: Coroutine[Any, Any, None]) -> None:
    """Run a service for good, on the faster of the two event loops."""
    import uvloop

    uvloop.run(service)


def _model_at_hand() -> Path:
    """The model of the tree as it is now, else the newest there is: an older model answers better than none."""
    from bot.dialogue.train import found_model, model_path

    found = found_model(ROOT)
    if found is None:
        raise SystemExit("careloop: there is no trained model yet; run `careloop train` first.")
    if found != model_path(ROOT):
        _say(f"training data changed since {found.name} was trained; `careloop train` makes a new one")
    return found


def train_command(*, force: bool) -> None:
    """`careloop train`, with a progress bar."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from bot.dialogue.train import model_path, train

    configure("warning", role="train")
    target = model_path(ROOT)
    if force:
        target.unlink(missing_ok=True)
    if target.exists():
        _say(f"the model is up to date: {target.name}")
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), transient=False) as progress:
        bar = progress.add_task("training the dialogue model", total=1.0)

        def on_progress(done: float, step: str) -> None:
            progress.update(bar, completed=done, description=step)

        made = train(ROOT, target.parent, on_progress=on_progress)
    _say(f"trained {made.name}")


def teach_command() -> None:
    """`careloop train --second-reader`, with a progress bar: the reader that comes with CareLoop is replaced."""
    from rich.progress import Progress

    from bot.retraining.data import base
    from tagging.content import DATA, load_content
    from tagging.second.learned import FILE
    from tagging.second.training import everyday, read_lines, teach

    configure("warning", role="train")
    texts = [example.text for example in base(ROOT)]
    lines = [*read_lines(ROOT / "nlu_data" / "second_reader"), *everyday(texts)]
    with Progress(transient=True) as progress:
        bar = progress.add_task("teaching the second reader", total=1.0)
        taught = teach(lines, load_content(), on_progress=lambda done: progress.update(bar, completed=done))
    taught.reader.save(DATA / FILE)
    _say(taught.report())


def doctor_command() -> None:
    """`careloop doctor`: a line per finding; exit code 1 when something must be mended."""
    from bot.doctor import diagnose

    settings = command_settings("doctor")
    findings = asyncio.run(diagnose(settings, ROOT))
    for finding in findings:
        print(("好" if finding.ok else "错") + "  " + finding.text)
    if not all(finding.ok for finding in findings):
        raise SystemExit(1)


def replay_command(file: Path, *, limit: int, out: Path | None) -> None:
    """`careloop replay`."""
    from bot.replay import replay, summary

    configure("error", role="replay")
    played = asyncio.run(replay(file, limit=limit, root=ROOT, out=out))
    print(summary(played))
    if any(each.became in ("failed", "silent") for each in played):
        raise SystemExit(1)


def simulator_command(*, port: int, config: Path | None, state: Path | None, callback: str | None) -> None:
    """`careloop simulator`."""
    from integrations.wecom.simulator import SimulatorConfig, demo_config, serve_simulator

    configure("warning", role="simulator")
    simulated = SimulatorConfig.from_toml(config) if config is not None else demo_config(callback)
    if state is not None:
        simulated = simulated.model_copy(update={"state_file": state})
    _say(f"WeCom is simulated at http://127.0.0.1:{port}; corp id {simulated.corp_id}")
    try:
        asyncio.run(serve_simulator(simulated, port=port))
    except KeyboardInterrupt:
        return


def staff_command(userid: str, name: str, *, team: str, title: str, phone: str | None, tier: int | None) -> None:
    """`careloop staff`."""
    from bot.app import core
    from bot.registry import register_staff

    async def run(settings: Settings) -> None:
        async with core(settings, role="staff", pool_size=1) as parts, parts.db.transaction() as tx:
            await register_staff(tx, userid, name, title=title, team=team, phone=phone, tier=tier)

    asyncio.run(run(command_settings("staff")))
    _say(f"{name} ({userid}) is on file in {team}" + (f", on call in tier {tier}" if tier else ", not on call"))


def enrol_command(given: dict[str, Any]) -> None:
    """`careloop enrol`; prints the discharge sheet when the carer's account is not known."""
    from datetime import date

    from bot.app import core
    from bot.registry import NewPatient, RegistryError, register_patient

    try:
        days = {name: date.fromisoformat(given[name]) for name in ("born", "discharged")}
    except ValueError as err:
        raise RegistryError(f"A date must look like 2026-03-01: {err}.") from err

    async def run(settings: Settings) -> int:
        async with core(settings, role="enrol", pool_size=1) as parts, parts.db.transaction() as tx:
            return await register_patient(tx, NewPatient(**{**given, **days}), now=parts.clock(), zone=settings.tz)

    plan = asyncio.run(run(command_settings("enrol")))
    _say(f"{given['name']} ({given['record_number']}) is on plan {plan} ({given['plan']})")
    if given["carer_userid"] is None:
        from bot.families import print_sheet

        print_sheet(given["record_number"])


def _say(text: str) -> None:
    sys.stderr.write(f"careloop: {text}\n")
