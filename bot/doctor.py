"""What is wrong with this installation, in words, and where to mend it."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from sqlalchemy import text

from bot.app import Core, core, key_file, recogniser, wecom_access, wecom_client
from bot.audit import diagnose_audit
from bot.doctor_finding import Finding
from bot.doctor_pages import diagnose_pages
from bot.doctor_push import diagnose_push
from bot.job_kinds import strangers
from bot.outbox import strange_routes
from bot.retention import OVERDUE, last_run
from bot.settings import Settings
from integrations.callback_error import CallbackError
from integrations.speech.http import SILENCE, SILENCE_FORMAT
from integrations.speech.port import SpeechError
from integrations.wecom import kf
from integrations.wecom.callback import Callback
from integrations.wecom.errors import WecomError
from records.database import Database, DatabaseUnreachable
from records.embedded import EmbeddedError
from records.keyring import KeyringError
from records.migrating import SchemaBehind
from records.sending import sending

ROOT = Path(__file__).parent.parent


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("doctor.yml").read_text("utf-8"))
    return loaded


def _say(key: str, **values: object) -> str:
    return str(_texts()[key]).format(**values)


async def diagnose(settings: Settings, root: Path) -> list[Finding]:
    """Look at settings, model, speech recognition, database, WeCom, the console's address and the push channels, in this order. Sends
    nothing to anybody but a recogniser a second of silence."""
    findings = await _before_database(settings, root)
    try:
        async with core(settings, role="doctor", pool_size=2) as parts:
            findings += await _with_database(parts, root)
    except (EmbeddedError, DatabaseUnreachable, SchemaBehind, KeyringError) as err:
        findings.append(Finding(False, str(err)))
    except OSError as err:
        findings.append(Finding(False, _say("no_database", detail=type(err).__name__)))
    return findings


async def diagnose_running(parts: Core, root: Path) -> list[Finding]:
    """The same of the installation that runs here, with its own database."""
    return [*await _before_database(parts.settings, root), *await _with_database(parts, root)]


async def _before_database(settings: Settings, root: Path) -> list[Finding]:
    from bot.dialogue.train import found_model, model_path

    findings = [Finding(True, _say("sandbox" if settings.sandbox else "corp", corp=settings.wecom.corp_id))]
    # What a worker would load.
    model = found_model(root)
    what = "no_model" if model is None else "model" if model == model_path(root) else "old_model"
    findings.append(Finding(model is not None, _say(what, name=model.name if model is not None else "")))
    findings += await _speech(settings)
    access = wecom_access(settings)
    try:
        Callback(access.callback_token, access.callback_aes_key, access.corp_id)
        findings.append(Finding(True, _say("callback")))
    except CallbackError as err:
        findings.append(Finding(False, _say("bad_callback", detail=err.detail)))
    return findings


async def _with_database(parts: Core, root: Path) -> list[Finding]:
    findings = [Finding(True, _say("database", where=_say("embedded") if parts.db.embedded else _say("server")))]
    findings += keys(parts.settings)
    findings += await paused(parts.db, parts.settings.tz)
    findings += await diagnose_audit(parts.db, parts.clock(), parts.settings.tz)
    findings += await _retention(parts)
    findings += await for_newer_workers(parts.db)
    findings += await _server_log(parts)
    findings += await _published(parts, root)
    async with wecom_client(parts) as client:
        access = wecom_access(parts.settings)
        findings += await _wecom(client, access.base_url)
        findings += await diagnose_pages(parts.settings, client, access.agent_id)
    return findings + await diagnose_push(parts)


async def _speech(settings: Settings) -> list[Finding]:
    """Whether the recogniser answers; nothing when none is wanted."""
    async with recogniser(settings) as ears:
        if ears is None:
            return []
        try:
            await ears.recognise(SILENCE, SILENCE_FORMAT)
        except SpeechError as err:
            key = err.code if err.code in _texts()["speech_errors"] else "other"
            return [Finding(False, str(_texts()["speech_errors"][key]).format(code=err.code, url=settings.speech.url))]
    return [Finding(True, _say("speech", url=settings.speech.url))]


def keys(settings: Settings) -> list[Finding]:
    """Whether the keys of names and numbers lie where whoever takes the database, or its backup, does not find them."""
    path = Path(key_file(settings).where)
    if not path.exists():
        return []
    if path.stat().st_mode & 0o077:
        return [Finding(False, _say("keys_open", path=path))]
    beside = settings.data_dir.absolute() in path.parents and not settings.sandbox
    return [Finding(not beside, _say("keys_beside" if beside else "keys", path=path))]


async def paused(db: Database, zone: ZoneInfo) -> list[Finding]:
    """Whether what we begin waits for a person, who paused it or since the database was put back; nothing when it does not."""
    async with db.transaction() as tx:
        now = await sending(tx)
    findings = []
    if now.pause is not None:
        at = f"{now.pause.at.astimezone(zone):%Y-%m-%d %H:%M}"
        findings.append(Finding(False, _say("sending_paused", at=at, by=now.pause.by, reason=now.pause.reason)))
    if now.back is not None and now.back.paused:
        findings.append(Finding(False, _say("restored", to=f"{now.back.to.astimezone(zone):%Y-%m-%d %H:%M:%S}")))
    return findings


async def _server_log(parts: Core) -> list[Finding]:
    """Whether a server of the hospital's own writes rows that it refuses into its log; nothing about the embedded one, which does not."""
    if parts.db.embedded is not None:
        return []
    async with parts.db.transaction() as tx:
        least = await tx.scalar(text("select current_setting('log_min_messages')"))
    return [] if least in ("log", "fatal", "panic") else [Finding(False, _say("server_log", least=least))]


async def _retention(parts: Core) -> list[Finding]:
    """Whether what has been kept long enough is let go; nothing before the first night."""
    async with parts.db.transaction() as tx:
        last = await last_run(tx)
    if last is None:
        return []
    late = parts.clock() - last.at > OVERDUE + timedelta(days=1)
    at = f"{last.at.astimezone(parts.settings.tz):%Y-%m-%d %H:%M}"
    return [Finding(not late, _say("retention_late" if late else "retention", at=at))]


async def for_newer_workers(db: Database) -> list[Finding]:
    """Whether work waits that only a newer version knows; nothing when there is none."""
    async with db.transaction() as tx:
        found = await strangers(tx) | await strange_routes(tx)
    return [Finding(False, _say("for_newer", names="、".join(f"{name}（{count}）" for name, count in found.items())))] if found else []


async def _published(parts: Core, root: Path) -> list[Finding]:
    """Whether workers can take the model that administrators have published; nothing when there is none."""
    from bot.dialogue.train import program
    from bot.retraining.versions import live

    async with parts.db.transaction() as tx:
        current = await live(tx)
    if current is None or current.version_id is None:
        return []
    fits = current.program == program(root)
    return [Finding(fits, _say("published" if fits else "published_for_another", version=current.version_id))]


async def _wecom(client: Any, base_url: str) -> list[Finding]:
    try:
        accounts = await kf.account_list(client)
    except WecomError as err:
        known = _texts()["errors"]
        text = known.get(err.errcode) or known.get(err.code) or known["other"]
        return [Finding(False, text.format(code=err.code, errcode=err.errcode, url=base_url))]
    if not accounts:
        return [Finding(False, _say("no_account"))]
    findings = [Finding(True, _say("accounts", names="、".join(account.name for account in accounts)))]
    for account in accounts:
        try:
            servicers = await kf.servicer_list(client, account.open_kfid)
        except WecomError as err:
            findings.append(Finding(False, _say("no_servicer_list", name=account.name, errcode=err.errcode)))
            continue
        working = [each for each in servicers if each.status == 0]
        key = "servicers" if working else "no_servicers"
        findings.append(Finding(bool(working), _say(key, name=account.name, count=len(working))))
    return findings
