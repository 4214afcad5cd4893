"""What has been kept long enough goes at night, some rows at a time, and what law or another row needs stays."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from sqlalchemy import delete, func, select, text

from bot.retention import BATCH, Retention, due, last_run, read_retention_gauges, run, waiting
from bot.retention_classes import Period, RetentionError, classes, shipped
from bot.retention_command import run_command, show_command
from bot.settings import SettingsError, load_settings
from records.audit_seal import AuditSeal, Keys
from records.audit_sealing import seal_next
from records.audit_verifying import verify
from records.database import Database
from records.patient import ReadAudit
from records.retention_run import RetentionRun
from records.schema import (
    CallbackEvent,
    Carer,
    Chat,
    Conversation,
    FamilyLink,
    FamilySession,
    Feed,
    FeedMessage,
    Flag,
    Inbound,
    Outbound,
    Patient,
    Staff,
    StaffSession,
    Team,
)

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2060, 3, 1, 18, 30, tzinfo=UTC)  # half past two at night in the hospital
KEYS = Keys.of(b"key")


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


async def plant(db: Database) -> None:
    """Of everything something old, and something that is young."""
    async with db.transaction() as tx:
        team, staff, carer = Team(name="随访中心"), Staff(userid="lin", name="林悦", title=""), Carer(name="赵敏", external_userid="wm1")
        tx.add_all([team, staff, carer])
        await tx.flush()
        patient = Patient(team_id=team.id, record_number="D1", name="朵朵", sex="F", birth_date=date(2026, 2, 1))
        chat = Chat(open_kfid="wk1", external_userid="wm1", carer_id=carer.id, team_id=team.id, opened_at=ago(days=20_000))
        feed = Feed(name="his", kind="hl7", created_at=ago(days=20_000))
        tx.add_all([patient, chat, feed])
        await tx.flush()
        tx.add(Conversation(chat_id=chat.id, tracker=[{"text": "烧到39度"}], updated_at=ago(days=200)))
        ages = {"old": ago(days=31 * 366), "young": ago(days=29 * 365)}
        for name, at in ages.items():
            given: dict[str, Any] = {"chat_id": chat.id, "origin": 3, "msgtype": "text", "sent_at": at, "received_at": at, "state": "done"}
            tx.add(Inbound(msgid=name, text="烧到39度", body={"text": {"content": "烧到39度"}}, outcome={"said": "39"}, **given))
            sent = {"line": "chat:1", "route": "kf", "purpose": "reply", "state": "sent", "not_before": at, "created_at": at}
            tx.add(Outbound(key=name, chat_id=chat.id, payload={"text": "请马上就医"}, **sent))
        for name, at in {"picture": ago(days=6 * 366), "new picture": ago(days=365)}.items():
            given = {"chat_id": chat.id, "origin": 3, "sent_at": at, "received_at": at, "state": "done", "body": {}}
            tx.add(Inbound(msgid=name, msgtype="image", outcome={"media": {"file": f"202603/{name}"}, "picture": {"value": 38.5}}, **given))
        for name, at in {"old": ago(days=200), "young": ago(days=100)}.items():
            tx.add(CallbackEvent(key=name, event="click", fields={"who": "wm1"}, received_at=at, handled_at=at))
            tx.add(CallbackEvent(key=f"given up {name}", event="click", fields={}, received_at=at - timedelta(days=600), attempts=9))
        for number, (state, at) in enumerate((("applied", ago(days=400)), ("applied", ago(days=300)), ("dead", ago(days=400)))):
            body = {"feed_id": feed.id, "connection": "c", "kind": "ADT", "order_key": "D1", "lane": 1, "size": 1, "sha256": ""}
            tx.add(FeedMessage(key=str(number), received_at=at, body=b"x", state=state, **body))
        tx.add(StaffSession(token_hash="h", staff_id=staff.id, way="wecom", begun_at=ago(days=500), seen_at=ago(days=400), agent=""))
        links = [FamilyLink(carer_id=carer.id, way="chat", made_at=ago(days=200), expires_at=ago(days=199)) for _ in range(2)]
        tx.add_all(links)
        await tx.flush()
        # The second link is what a session came by that is kept for a year.
        session = {"carer_id": carer.id, "way": "chat", "begun_at": ago(days=199), "expires_at": ago(days=190), "agent": ""}
        tx.add(FamilySession(token_hash="f", link_id=links[1].id, **session))
        tx.add_all(ReadAudit(patient_id=patient.id, staff_id=staff.id, at=at, why="portrait") for at in [*ages.values(), ages["old"]])
        flag = Flag(
            chat_id=chat.id, patient_id=patient.id, team_id=team.id, state="closed", level="urgent", category="fever", said="烧到39度"
        )
        flag.categories, flag.because, flag.evidence, flag.raised_at = ["fever"], "39", [], ages["old"]
        tx.add(flag)


async def one(db: Database, query: Any) -> Any:
    async with db.transaction() as tx:
        return await tx.scalar(query)


async def test_what_is_old_goes_and_what_is_young_or_needed_stays(db: Database) -> None:
    await plant(db)
    async with db.transaction() as tx:
        assert await seal_next(tx, KEYS, "read_audit", 3, now=NOW) == 3
        found = await waiting(tx, classes(None), NOW)
    assert {code: count for code, count in found.items() if count} == {
        "chat": 3, "media": 1, "dialogue": 1, "read_log": 2, "sessions": 1, "links": 1, "callbacks": 1, "hospital_messages": 1,
        "dead_letters": 1,
    }  # fmt: skip
    number = await run(db, classes(None), lambda: NOW, breath=0)
    async with db.transaction() as tx:
        done = await tx.get_one(RetentionRun, number)
        assert {code: sum(tables.values()) for code, tables in done.counts.items()} == {code: n for code, n in found.items() if n}
        assert (done.audit, done.more, done.ended_at) == (2, False, NOW)
        texts = {row.msgid: (row.text, row.body, row.outcome) for row in await tx.scalars(select(Inbound))}
        assert texts["old"] == (None, {}, {"media": {"error": "expired"}})
        assert texts["young"] == ("烧到39度", {"text": {"content": "烧到39度"}}, {"said": "39"})
        # The file goes; what was read from it stays as long as the words.
        assert texts["picture"][2] == {"media": {"error": "expired"}, "picture": {"value": 38.5}}
        jobs = (await tx.execute(text("select args->>'key' from procrastinate_jobs where task_name = 'forget_media'"))).scalars().all()
        assert jobs == ["202603/picture"]
        assert dict((await tx.execute(select(Outbound.key, Outbound.payload))).all())["old"] == {}
        assert set(await tx.scalars(select(CallbackEvent.key))) == {"young", "given up young"}
        assert set(await tx.scalars(select(FeedMessage.key))) == {"1", "2"}
        assert await tx.scalar(select(func.count()).select_from(Flag)) == 1
        assert await tx.scalar(select(func.count()).select_from(FamilyLink)) == 1
        # The audit's chain stays whole, and says what went and why.
        assert (await tx.scalar(select(AuditSeal.row_ids))) is not None
    result = await verify(db, KEYS)
    assert (result.found, dict(result.removals)) == (0, {f"retention:{number}": 2})
    second = await run(db, classes(None), lambda: NOW, breath=0)
    async with db.transaction() as tx:
        assert (await tx.get_one(RetentionRun, second)).counts == {}
    await read_retention_gauges(db, NOW)
    assert REGISTRY.get_sample_value("careloop_retention_run_seconds") == 0


async def test_seals_of_which_nothing_is_left_give_their_lists_back_and_who_deletes_more_is_found_out(db: Database) -> None:
    async with db.transaction() as tx:
        tx.add_all(ReadAudit(patient_id=1, staff_id=1, at=ago(days=at), why="portrait") for at in (12_000, 12_000, 9))
        await tx.flush()
        await seal_next(tx, KEYS, "read_audit", 2, now=NOW)
        await seal_next(tx, KEYS, "read_audit", 3, now=NOW)
    number = await run(db, classes(None), lambda: NOW, breath=0)
    async with db.transaction() as tx:
        lists = list(await tx.scalars(select(AuditSeal.row_ids).order_by(AuditSeal.number)))
    assert lists == [None, [3]]
    assert (await verify(db, KEYS)).found == 0
    async with db.transaction() as tx:
        await tx.execute(delete(ReadAudit))
        await tx.execute(text("update retention_run set audit = 3"))
        await tx.execute(text("update audit_removal set ranges = '[[1, 3]]', count = 3"))
    # The chain covers removals too, once they are sealed; until then the run's numbers agree and only the list tells.
    assert (await verify(db, KEYS)).found == 0
    async with db.transaction() as tx:
        await tx.execute(text("update audit_removal set count = 2"))
    assert [each.code for each in (await verify(db, KEYS)).problems] == ["unaccounted"]
    assert number == 1


async def test_a_large_backlog_goes_in_pieces_and_goes_on_the_same_night(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.retention.BATCH", 3)
    monkeypatch.setattr("bot.retention.MOST", 6)
    async with db.transaction() as tx:
        tx.add_all(
            CallbackEvent(key=str(n), event="click", fields={}, received_at=ago(days=300), handled_at=ago(days=300)) for n in range(8)
        )
    now = NOW
    night = Retention(db, lambda: now, ZONE, {"callbacks": classes(None)["callbacks"]})
    monkeypatch.setattr("bot.retention.BREATH", 0)
    assert await night.look() == 1
    assert await one(db, select(func.count()).select_from(CallbackEvent)) == 2
    assert await night.look() == 2 and await night.look() is None
    assert await one(db, select(func.count()).select_from(CallbackEvent)) == 0
    assert BATCH > 3
    now += timedelta(hours=12)
    assert await night.look() is None, "by day nothing is done"
    now += timedelta(days=3)
    assert await night.look() == 3, "unless two nights failed"


def test_it_is_time_once_a_night() -> None:
    last = RetentionRun(at=NOW, ended_at=NOW, more=False)
    assert due(None, NOW, ZONE) and not due(None, NOW + timedelta(hours=8), ZONE)
    assert not due(last, NOW + timedelta(hours=1), ZONE) and due(last, NOW + timedelta(days=1), ZONE)
    assert due(RetentionRun(at=NOW, ended_at=None, more=False), NOW + timedelta(minutes=10), ZONE)


def test_no_class_is_kept_shorter_than_law_asks_and_each_says_which_law() -> None:
    for each in shipped().values():
        assert each.keep.length >= each.least.length and each.source and each.name, each.code
    years = timedelta(days=15 * 365)
    assert all(shipped()[code].least.length >= years for code in ("chat", "audit", "read_log", "records"))


def test_a_hospital_sets_its_own_periods_and_not_below_the_least(tmp_path: Path) -> None:
    file = tmp_path / "retention.yml"
    file.write_text("media: 10 years\nlinks: 7 days\n", "utf-8")
    found = classes(file)
    assert found["media"].keep.chinese == "10年" and found["media"].changed and found["links"].keep.length == timedelta(days=7)
    assert load_settings(retention_file=file).retention_file == file
    for said, why in (
        ("media: 1 year", "law asks for 3 years"), ("media: soon", "no period"), ("nothing: 1 year", "no class"),
        ("records: 40 years", "no class"),
        ("- media", "must hold lines"), ("a: [", "cannot be read"),
    ):  # fmt: skip
        file.write_text(said, "utf-8")
        with pytest.raises(RetentionError, match=why):
            classes(file)
        with pytest.raises(SettingsError, match="retention_file"):
            load_settings(retention_file=file)


@given(st.text(max_size=12))
def test_a_period_is_read_whole_or_refused(said: str) -> None:
    try:
        period = Period.read(said)
    except ValueError:
        return
    assert period.number == int(said.strip().split(" ")[0]) and Period.read(f"{period.number} {period.unit}") == period


def test_the_commands_show_count_and_do(database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELOOP_DATABASE_URL", database_url)
    show_command()
    assert "needs lawyer's review" in capsys.readouterr().out
    run_command(dry_run=True)
    assert "平台回调原文：0 条" in capsys.readouterr().out
    run_command(dry_run=False)
    assert "没有到期的" in capsys.readouterr().out


async def test_the_last_run_is_known(db: Database) -> None:
    async with db.transaction() as tx:
        assert await last_run(tx) is None
