"""What is missing in the records of a team."""

from datetime import UTC, date, datetime

from sqlalchemy.ext.asyncio import AsyncSession

from records.database import Database
from records.schema import Carer, Condition, Consent, Encounter, Patient, PatientCarer, Staff, Team, TeamMember
from tagging.portrait.completeness import completeness, missing_fields

NOW = datetime(2026, 3, 20, 1, 0, tzinfo=UTC)


async def people(tx: AsyncSession) -> tuple[Team, Staff, Staff]:
    team, other = Team(name="新生儿科"), Team(name="风湿免疫科")
    lin, qin = Staff(userid="nurse-lin", name="林护士", title="护士"), Staff(userid="nurse-qin", name="秦护士", title="护士")
    tx.add_all([team, other, lin, qin])
    await tx.flush()
    tx.add_all([TeamMember(team_id=team.id, staff_id=lin.id), TeamMember(team_id=other.id, staff_id=qin.id)])
    return team, lin, qin


async def child(tx: AsyncSession, team: Team, number: str, *, built: bool, answer: str = "given") -> Patient:
    sex = "F" if built else None
    patient = Patient(team_id=team.id, record_number=number, name="小满", sex=sex, birth_date=date(2020, 3, 1))
    tx.add(patient)
    await tx.flush()
    if built:
        carer = Carer(name="赵女士", external_userid=f"wm-{number}")
        tx.add(carer)
        await tx.flush()
        tx.add_all(
            [
                PatientCarer(patient_id=patient.id, carer_id=carer.id, relationship="母亲"),
                Encounter(patient_id=patient.id, kind="inpatient", department="新生儿科", started_at=NOW),
                Condition(patient_id=patient.id, source="his", source_id=number, updated_at=NOW, text="哮喘", recorded_at=NOW),
            ]
        )
        for said in ("given", answer):
            tx.add(
                Consent(
                    patient_id=patient.id, carer_id=carer.id, external_userid="wm", answer=said, text_version="1", relationship="母亲",
                    by="family", at=NOW,
                )
            )  # fmt: skip
            await tx.flush()
    return patient


async def test_a_team_counts_what_its_records_miss(db: Database) -> None:
    async with db.transaction() as tx:
        team, lin, qin = await people(tx)
        built = await child(tx, team, "A1", built=True)
        bare = await child(tx, team, "A2", built=False)
        withdrawn = await child(tx, team, "A3", built=True, answer="withdrawn")
        counted = await completeness(tx, lin)
        assert (counted.patients, counted.built) == (3, 1)
        assert counted.missing["consent"] == 2 and counted.missing["sex"] == 1 and counted.missing["plan"] == 3
        assert next(iter(counted.missing)) in ("phone", "plan")
        assert "birth_weight" not in counted.missing, "asked for in the first two years"
        assert set(await missing_fields(tx, built.id)) == {"phone", "plan"}
        assert set(await missing_fields(tx, bare.id)) == {"sex", "diagnosis", "visit", "carer", "consent", "phone", "plan"}
        assert "consent" in await missing_fields(tx, withdrawn.id)
        assert (await completeness(tx, qin)).patients == 0
        assert (await completeness(tx, qin, team_id=team.id)).patients == 0
        lin.active = False
        await tx.flush()
        assert (await completeness(tx, lin)).patients == 0
