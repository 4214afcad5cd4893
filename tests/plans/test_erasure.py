"""A child is erased: a mark is planted in every text that can be about it, and afterwards none is left but where law keeps it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import JSON, Boolean, Column, Date, DateTime, Float, Integer, LargeBinary, Table, Text, func, insert, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import TypeDecorator

from plans.enrol_many import check_many
from plans.enrolment import EnrolmentError, enrol
from plans.erasure import ErasureError, classes, erase, file_request, forget_kept, lift, preview, refuse
from plans.invitation import signing_key
from plans.template import load_templates
from records.audit_seal import AuditRemoval
from records.care_plan import CarePlan
from records.chat import Chat
from records.database import Database
from records.erasing import STAY, names, owned
from records.erasure import Erasure, KeptRecord, Tombstone, erased_under
from records.feed import Feed, FeedMessage
from records.flag import Flag, raise_flag
from records.keyring import Keyring
from records.mass_message import MassMessage
from records.message import Inbound, Outbound
from records.patient import Carer, Patient, PatientCarer, ReadAudit
from records.schema import Base
from records.search_entry import SearchEntry
from records.staff import Staff, Team
from records.state import StateChange
from tests.keys import KEYRING

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
MARK, OTHER = "MARK", "OTHER"
NAME, NUMBER = "张小满", "D000177"
# Nothing in these is about one patient; a new table stands here, or names whose it is by a reference (or a column called after it).
NOBODYS = {
    "access_refusal", "access_token", "account", "adaptation_clock", "adaptation_rule", "audit_check", "audit_removal", "audit_seal",
    "auto_enrolment", "call_pace", "callback_event", "canned_answer", "choice_setting", "cohort", "cohort_enrolment",
    "cohort_version", "content_item", "content_media", "content_version", "data_key", "department", "experiment", "experiment_look", "feed",
    "feed_lane", "feed_message", "fhir_client", "fhir_client_team", "fhir_token", "friendship", "group_send", "kf_account",
    "labelled_example", "mass_message", "model_archive", "model_comparison", "model_load", "model_version", "on_call", "option_tally",
    "plan_definition", "predictor", "publication", "report_kept", "retention_run", "review_group", "role", "search_entry",
    "search_news", "setting", "staff", "staff_role", "staff_session", "state_change", "tag", "tag_version", "team", "team_member",
    "template_suggestion", "training_run", "training_set", "triage_overlay", "working_hours",
}  # fmt: skip


@dataclass
class Ward:
    """A team with two clinicians and a child whose mother speaks for nobody else."""

    patient: int
    carer: int
    filer: int
    confirmer: int


@pytest.fixture
async def ward(db: Database) -> Ward:
    # Nothing is sealed here: what is left of a name must be seen.
    db.engine.dialect.keyring = Keyring(KEYRING.store)  # type: ignore[attr-defined]
    async with db.transaction() as tx:
        team = Team(name="新生儿随访组")
        people = [Staff(userid=each, name=each, title="") for each in ("lin", "he")]
        tx.add_all([team, *people])
        await tx.flush()
        patient = Patient(team_id=team.id, record_number=NUMBER, name=NAME, sex="F", birth_date=date(2026, 2, 20), phones=["13800001234"])
        carer = Carer(name="赵女士", external_userid="wmZhao", phone="13800001234")
        patient.birth_weight_g, patient.gestational_age_weeks = 3200, 39
        tx.add_all([patient, carer])
        await tx.flush()
        tx.add(PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"))
        return Ward(patient.id, carer.id, people[0].id, people[1].id)


async def asked(tx: AsyncSession, ward: Ward) -> Erasure:
    patient, staff = await tx.get_one(Patient, ward.patient), await tx.get_one(Staff, ward.filer)
    return await file_request(tx, patient, staff, relationship="母亲", why=f"{NAME}已转院", checked="身份证", now=NOW)


async def erased(db: Database, ward: Ward) -> list[str]:
    """Filed by one, confirmed by the other."""
    async with db.transaction() as tx:
        request = await asked(tx, ward)
    async with db.transaction() as tx:
        request = await tx.get_one(Erasure, request.id)
        return await erase(tx, request, await tx.get_one(Staff, ward.confirmer), now=NOW)


class Planter:
    """Writes one row into every table: where it can be about the child, it is, and each of its texts carries the mark."""

    def __init__(self, tx: AsyncSession, ward: Ward) -> None:
        self._tx, self._numbers = tx, count(7000)
        self.ids = {"patient": ward.patient, "carer": ward.carer, "staff": ward.filer}

    async def plant(self) -> None:
        left = [table for table in Base.metadata.sorted_tables if table.name not in (*self.ids, *STAY, "patient_carer")]
        while left:
            waiting = {table.name for table in left}
            # Whoever is named must be there first, by whatever means he is named.
            table = next(each for each in left if not any(names(c) in waiting - {each.name} for c in each.columns if not c.nullable))
            left.remove(table)
            mark = MARK if table.name in owned() else OTHER
            values = {column.name: self._value(table, column, mark) for column in table.columns if column.server_default is None}
            values = {name: value for name, value in values.items() if value is not None}
            made = (await self._tx.execute(insert(table).values(values).returning(*table.primary_key.columns))).one()
            if "id" in table.columns:
                self.ids[table.name] = made[0]
        for name in owned():
            if name in self.ids:
                change = StateChange(entity=name, entity_id=self.ids[name], old=None, new="x", at=NOW, by="lin", reason=f"{MARK} {name}")
                self._tx.add(change)

    def _value(self, table: Table, column: Column[Any], mark: str) -> Any:
        told = f"{mark}-{table.name}.{column.name}-{next(self._numbers)}"
        if (target := names(column)) is not None and target != table.name:
            return self.ids.get(target, None if column.nullable else next(self._numbers))
        if target == table.name:
            return None if column.nullable else next(self._numbers)
        kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
        if isinstance(kind, Boolean):
            return False
        if isinstance(kind, ARRAY):
            return []
        if isinstance(kind, Integer):
            return next(self._numbers) if column.primary_key or column.name in ("seq", "of") else 1
        if isinstance(kind, Float):
            return 1.0
        if isinstance(kind, DateTime):
            return NOW
        if isinstance(kind, Date):
            return NOW.date()
        if isinstance(kind, LargeBinary):
            return b""
        if isinstance(kind, JSON):
            return {"said": told}
        assert isinstance(kind, Text), f"{table.name}.{column.name}: say what a test writes into {kind}"
        return told


async def marks(tx: AsyncSession) -> Iterator[tuple[str, str]]:
    """Where a mark stands: table and row."""
    found = []
    for table in Base.metadata.sorted_tables:
        rows = await tx.scalars(text(f"select to_jsonb(t)::text from {table.name} t where to_jsonb(t)::text like '%{MARK}%'"))  # noqa: S608
        found += [(table.name, row) for row in rows]
    return iter(found)


async def test_no_mark_is_left_but_where_law_keeps_it(db: Database, ward: Ward) -> None:
    assert set(Base.metadata.tables) == set(owned()) | NOBODYS | STAY
    async with db.transaction() as tx:
        await Planter(tx, ward).plant()
    async with db.transaction() as tx:
        planted = {table for table, _ in await marks(tx)}
        texts = {table.name for table in Base.metadata.sorted_tables if any(isinstance(each.type, Text | JSON) for each in table.columns)}
        assert planted >= (set(owned()) & texts) - {"patient", "carer", "patient_carer"}
    await erased(db, ward)
    async with db.transaction() as tx:
        left = list(await marks(tx))
        assert {table for table, _ in left} == {"kept_record"}
        kept = {row.table for row in await tx.scalars(select(KeptRecord))}
        assert kept == {table for each in classes().values() for table in each.tables} | {"state_change"}
        for name in owned():
            table = Base.metadata.tables[name]
            # What triggers tell the search and the tables of counting is a number, until a worker has seen that nobody is there.
            if name not in ("patient_news",):
                assert await tx.scalar(select(func.count()).select_from(table)) == 0, name


async def test_nothing_names_the_child_afterwards(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        patient = await tx.get_one(Patient, ward.patient)
        chat = Chat(open_kfid="wk1", external_userid="wmZhao", carer_id=ward.carer, team_id=patient.team_id, opened_at=NOW)
        feed = Feed(name="his", kind="hl7", created_at=NOW)
        tx.add_all([chat, feed])
        await tx.flush()
        flag = await raise_flag(
            tx, chat, level="urgent", categories=["fever"], said=f"{NAME}发烧", because="38.5", evidence=[], now=NOW, patient_id=patient.id
        )  # fmt: skip
        given = {"route": "app", "purpose": "card", "not_before": NOW, "created_at": NOW}
        heard = Inbound(
            chat_id=chat.id, msgid="m1", origin=3, msgtype="image", body={}, sent_at=NOW, received_at=NOW, state="done",
            outcome={"media": {"file": "202603/1"}},
        )  # fmt: skip
        card = Outbound(key=f"card:flag-{flag.id}-1-1", seq=1, line="staff:lin", payload={"text": f"{NAME} 6天"}, **given)
        done = Outbound(key="echo", seq=2, line="staff:lin", payload={"text": f"{NAME}的回答已发"}, state="sent", **given)
        namesake = Outbound(key="card:flag-99-1-1", seq=3, line="staff:lin", payload={"text": f"{NAME} 9岁"}, **given)
        told = FeedMessage(feed_id=feed.id, key="1", order_key=NUMBER, connection="c", kind="ADT", lane=1, received_at=NOW, size=1)
        told.body, told.sha256, told.state = b"x", "", "applied"
        tx.add_all([heard, card, done, namesake, told])
        mass = {"team_id": patient.team_id, "title": "停诊", "text": "停诊", "created_by": ward.filer, "created_at": NOW}
        tx.add(MassMessage(audience={"patients": [NUMBER, "D9"]}, audience_text="两位", **mass))
        tx.add(ReadAudit(patient_id=patient.id, staff_id=ward.filer, at=NOW, why="portrait"))
        tx.add(SearchEntry(whom="patient", id=patient.id, keys=[1]))
    assert await erased(db, ward) == ["202603/1"]
    async with db.transaction() as tx:
        for table in Base.metadata.sorted_tables:
            if table.name == "outbound":
                assert list(await tx.scalars(select(Outbound.key))) == ["card:flag-99-1-1"]
                continue
            for word in (NAME, NUMBER, "13800001234", "wmZhao", "赵女士"):
                found = await tx.scalar(text(f"select count(*) from {table.name} t where to_jsonb(t)::text like '%{word}%'"))  # noqa: S608
                assert found == 0, (table.name, word)
        assert (await tx.scalars(select(MassMessage.audience))).one() == {"patients": ["D9"]}
        # That it was read, and what was erased, stays as a proof.
        assert await tx.scalar(select(func.count()).select_from(ReadAudit)) == 1
        # The audit knows how many of its lines went, and why.
        (gone,) = await tx.scalars(select(AuditRemoval))
        request = (await tx.scalars(select(Erasure))).one()
        assert (gone.log, gone.why, gone.count) == ("state_change", f"erasure:{request.id}", request.certificate["audit"])
        change = (await tx.scalars(select(StateChange).where(StateChange.entity == "erasure", StateChange.new == "done"))).one()
        assert change.by == "he" and change.detail["deleted"]["inbound"] == 1 and change.detail["kept"]["alerts"] >= 1
        body = json.dumps([row.body for row in await tx.scalars(select(KeptRecord))], ensure_ascii=False)
        assert "＊发烧" in body and "patient_id" not in body


async def test_a_brother_keeps_his_mother_and_his_chat(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        patient = await tx.get_one(Patient, ward.patient)
        brother = Patient(team_id=patient.team_id, record_number="D2", name="乐乐", sex="M", birth_date=date(2022, 1, 1))
        tx.add(brother)
        await tx.flush()
        tx.add(PatientCarer(patient_id=brother.id, carer_id=ward.carer, relationship="母亲"))
        chat = Chat(
            open_kfid="wk1", external_userid="wmZhao", carer_id=ward.carer, team_id=patient.team_id, opened_at=NOW, patient_id=patient.id
        )  # fmt: skip
        tx.add(chat)
        await tx.flush()
        for number, said in enumerate((f"{NAME}发烧了", "乐乐能打疫苗吗")):
            row = Inbound(
                chat_id=chat.id, msgid=f"m{number}", origin=3, msgtype="text", text=said, body={"text": {"content": said}}, sent_at=NOW,
                received_at=NOW, state="done",
            )  # fmt: skip
            tx.add(row)
        for whose in (patient, brother):
            await raise_flag(
                tx, chat, level="urgent", categories=[whose.name], said="热", because="热", evidence=[], now=NOW, patient_id=whose.id
            )  # fmt: skip
    async with db.transaction() as tx:
        assert (await preview(tx, await tx.get_one(Patient, ward.patient)))["shared"] == 1
    await erased(db, ward)
    async with db.transaction() as tx:
        assert (await tx.scalars(select(Inbound.text).order_by(Inbound.id))).all() == [None, "乐乐能打疫苗吗"]
        carer, chat = await tx.get_one(Carer, ward.carer), (await tx.scalars(select(Chat))).one()
        assert carer.stopped_at is None and chat.patient_id is None and chat.carer_id == carer.id
        assert [flag.patient_id for flag in await tx.scalars(select(Flag))] == [brother.id]
        assert (await tx.scalars(select(PatientCarer.patient_id))).all() == [brother.id]


async def test_two_people_and_nothing_is_sent_meanwhile(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        tx.add(CarePlan(patient_id=ward.patient, template="neonatal", template_version=1, anchors={}, created_at=NOW, created_by="lin"))
    async with db.transaction() as tx:
        with pytest.raises(ErasureError, match="incomplete"):
            patient, staff = await tx.get_one(Patient, ward.patient), await tx.get_one(Staff, ward.filer)
            await file_request(tx, patient, staff, relationship="母亲", why="", checked="", now=NOW)
        request = await asked(tx, ward)
        assert (await tx.scalars(select(CarePlan.state))).one() == "withdrawn"
        assert (await tx.get_one(Carer, ward.carer, populate_existing=True)).stopped_at == NOW
        # Nor does a cohort begin anything anew.
        template = load_templates()["neonatal"]
        anchors = {"birth": patient.birth_date, "discharge": NOW.date()}
        checked = await check_many(tx, [patient], template, now=NOW, zone=ZONE, given=anchors)
        assert [each.code for each in checked.refused] == ["erasing"]
        with pytest.raises(EnrolmentError, match="申请删除"):
            await enrol(tx, patient, template, anchors=anchors, hour=9, by="lin", now=NOW, zone=ZONE)
        with pytest.raises(ErasureError, match="open_already"):
            await asked(tx, ward)
        with pytest.raises(ErasureError, match="same_person"):
            await erase(tx, request, staff, now=NOW)
        other = await tx.get_one(Staff, ward.confirmer)
        await refuse(tx, request, other, why="不是监护人", now=NOW)
        assert (await tx.get_one(Carer, ward.carer, populate_existing=True)).stopped_at is None
        with pytest.raises(ErasureError, match="not_open"):
            await erase(tx, request, other, now=NOW)
        assert await tx.get(Patient, ward.patient) is not None


async def test_numbers_are_recognised_until_a_person_lifts_that(db: Database, ward: Ward) -> None:
    await erased(db, ward)
    async with db.transaction() as tx:
        key = await signing_key(tx)
        request = (await tx.scalars(select(Erasure))).one()
        assert await erased_under(tx, key, [("record-number", "d-000177")]) == request.id
        assert await erased_under(tx, key, [("record-number", "D000178"), ("empi", NUMBER)]) is None
        assert NUMBER not in str((await tx.scalars(select(Tombstone.digest))).all())
        await lift(tx, request, await tx.get_one(Staff, ward.filer), why="母亲要求恢复随访", now=NOW)
        assert await erased_under(tx, key, [("record-number", NUMBER)]) is None


async def test_what_is_kept_goes_when_its_time_is_over(db: Database, ward: Ward) -> None:
    async with db.transaction() as tx:
        await Planter(tx, ward).plant()
    await erased(db, ward)
    async with db.transaction() as tx:
        assert await forget_kept(tx, NOW.date() + timedelta(days=15 * 366)) == 0
        assert await forget_kept(tx, NOW.date() + timedelta(days=15 * 366 + 1)) > 0
        assert await tx.scalar(select(func.count()).select_from(KeptRecord)) == 0


@pytest.mark.parametrize("line", ["tables: [team]", "tables: [flag, flag]"])
def test_classes_that_cannot_stand_are_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "classes.yml"
    file.write_text(f"alerts:\n  name: 预警\n  {line}\n  years: 15\n  source: 第五十三条\n", "utf-8")
    with pytest.raises(ValueError, match="erasure classes"):
        classes(file)
