"""After a family was bound and has talked with us, whoever has the database alone reads no name and no number in what is sealed."""

from datetime import timedelta

from sqlalchemy import select, text

from plans.binding import begin, compare, end
from plans.carers import join
from plans.merge import merge
from records.chat import Chat
from records.database import Database
from records.patient import Patient
from records.patient_identifier import NATIONAL_ID, PatientIdentifier
from records.patient_search import search_patients
from records.push_address import PushAddress, keep_phones
from records.resealing import sealed_tables
from records.search_entry import take_in
from records.staff import Staff
from tests.bot.stage import Stage

NAME, BABY, NUMBER, PHONE, IDENTITY = "欧阳朵朵", "欧阳婴", "ZY20260812", "13911112222", "11010120260101002X"
# What people write is not sealed field by field (docs/encryption.md): messages, what stands in them for staff, and their dialogue.
WRITTEN = {
    "chat_note", "clinical_note", "conversation", "flag", "flag_notice", "inbound", "outbound", "procrastinate_jobs", "question_to_team",
    "review_item",
}  # fmt: skip


async def tables_with(db: Database, *planted: str) -> set[str]:
    """Every table in which one of these texts stands anywhere."""
    found = set()
    async with db.transaction() as tx:
        names = await tx.scalars(text("select tablename from pg_tables where schemaname = 'public'"))
        for name in names.all():
            for row in await tx.scalars(text(f'select t::text from "{name}" t')):  # noqa: S608
                if any(each in row for each in planted):
                    found.add(name)
    return found


async def test_a_dump_tells_no_name_and_no_number(stage: Stage) -> None:
    await stage.db.take_up_keys()
    born = stage.today() - timedelta(days=5)
    async with stage.db.transaction() as tx:
        patient = Patient(
            team_id=stage.team, record_number=NUMBER, name=NAME, sex="F", birth_date=born, phones=[PHONE], birth_weight_g=3300
        )
        double = Patient(team_id=stage.team, record_number=f"{NUMBER}9", name=BABY, birth_date=born, mother=[f"{NATIONAL_ID}:{IDENTITY}"])
        tx.add_all([patient, double])
        await tx.flush()
        number = {"system": NATIONAL_ID, "value": IDENTITY, "source": "his", "since": stage.clock()}
        tx.add(PatientIdentifier(patient_id=patient.id, **number))
        patient_id = patient.id
    family = await stage.stranger("家长一")
    await family.says("你好，我想绑定")
    async with stage.db.transaction() as tx:
        chat = (await tx.scalars(select(Chat))).one()
        binding = await begin(tx, chat, stage.clock())
        binding.given = {"record_number": NUMBER, "birth_date": born.isoformat(), "phone": PHONE}
    assert await tables_with(stage.db, NUMBER, PHONE) <= WRITTEN, "while the binding is half done"
    async with stage.db.transaction() as tx:
        chat = (await tx.scalars(select(Chat))).one()
        binding = await begin(tx, chat, stage.clock())
        found = await compare(tx, binding, stage.clock())
        assert isinstance(found, Patient)
        await join(tx, found, chat, relationship="母亲", phone=PHONE, now=stage.clock())
        await end(tx, chat, binding, "bound", now=stage.clock())
        await merge(tx, found, await tx.get_one(Patient, double.id), now=stage.clock(), by="test", reason="A40")
        await keep_phones(tx, stage.clock())
        await keep_phones(tx, stage.clock())
        assert [row.address for row in await tx.scalars(select(PushAddress).where(PushAddress.channel == "sms"))] == [PHONE]
        while await take_in(tx):
            pass
    await stage.enrol(patient_id)
    await family.says("今天喝了600毫升奶")
    there = await tables_with(stage.db, NAME, BABY, NUMBER, PHONE, IDENTITY)
    assert there <= WRITTEN and not there & set(sealed_tables()), there
    async with stage.db.transaction() as tx:
        lin = (await tx.scalars(select(Staff).order_by(Staff.id))).first()
        assert lin is not None
        for said in ("阳朵", "zy2026", "1111"):
            assert [each.name for each in await search_patients(tx, lin, said, now=stage.clock())] == [NAME]
