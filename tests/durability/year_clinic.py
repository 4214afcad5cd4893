"""What clinicians and the hospital do to plans in a year: dates come, move and are taken back; pauses, ends, deaths."""

from datetime import date, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from plans.anchor import give_anchor
from plans.death import stop_for_death
from plans.discharge import discharge_changed
from plans.enrolment import EnrolmentError, end_plan
from plans.hold import pause_plan, resume_plan
from plans.template import load_templates
from records.care_plan import CarePlan
from records.patient import Patient
from tests.durability.hospital import ZONE
from tests.durability.year_people import Anchors, Enrolled, Era, Household, Kid, put_on

if TYPE_CHECKING:
    from collections.abc import Sequence

BY = "nurse"
# How likely each is on a day, for a plan or a child that it can happen to.
NEXT_VISIT, CYCLE, CORRECTED, PAUSED, RESUMED, ENDED, DIED = 0.08, 0.06, 0.02, 0.006, 0.15, 0.001, 0.0003
SEVERAL = ("chemo_day", "phase_start")


class Clinic:
    """Works on the plans of the households, and writes down what it did as the books will want to know it."""

    def __init__(self, households: "Sequence[Household]", rng: Random) -> None:
        self.plans: dict[int, Enrolled] = {}
        self.refused = 0
        self._households, self._rng = households, rng
        self.done: dict[str, int] = {}

    async def morning(self, tx: AsyncSession, number: int, now: datetime) -> None:
        """The work of day `number` of the run."""
        for household in self._households:
            for kid in household.kids:
                await self._enrol(tx, household, kid, number, now)
                if kid.died is None and any(plan.patient == kid.id for plan in self.plans.values()) and self._rng.random() < DIED:
                    await self._dies(tx, kid, now)
        # What the system ended by itself (a plan that is over) is ended for the clinic too.
        running = set(await tx.scalars(select(CarePlan.id).where(CarePlan.state.in_(("active", "paused")))))
        for plan in list(self.plans.values()):
            if plan.id in running:
                await self._look_after(tx, plan, now)

    async def attend(self, tx: AsyncSession) -> None:
        """Nurses have dealt with every alert."""
        await tx.execute(text("update flag set state = 'closed', next_at = null, outcome = 'contacted' where state <> 'closed'"))

    def _note(self, what: str) -> None:
        self.done[what] = self.done.get(what, 0) + 1

    async def _enrol(self, tx: AsyncSession, household: Household, kid: Kid, number: int, now: datetime) -> None:
        for begins, name in [each for each in kid.plan_on if each[0] == number and kid.died is None]:
            kid.plan_on.remove((begins, name))
            try:
                async with tx.begin_nested():
                    plan = await put_on(tx, household, kid, load_templates()[name], self._rng, now)
            except EnrolmentError:
                self.refused += 1
                continue
            self.plans[plan.id] = plan
            self._note("enrolled")

    async def _look_after(self, tx: AsyncSession, plan: Enrolled, now: datetime) -> None:
        rng, era, today = self._rng, plan.now, now.astimezone(ZONE).date()
        if not era.active:
            if rng.random() < RESUMED:
                await resume_plan(tx, await self._row(tx, plan), by=BY, now=now, zone=ZONE)
                plan.eras.append(Era(now, era.anchors, resumed=True))
                self._note("resumed")
            return
        if rng.random() < ENDED:
            await end_plan(tx, await self._row(tx, plan), state="ended", by=BY, reason="clinician", now=now)
            return self._stop(plan, now, "ended")
        if rng.random() < PAUSED:
            await pause_plan(tx, await self._row(tx, plan), why="clinician", by=BY, now=now)
            return self._stop(plan, now, "paused")
        if "next_visit" in plan.template.later and rng.random() < NEXT_VISIT:
            await self._visit(tx, plan, now, today)
        for name in SEVERAL:
            if name in plan.template.anchors and rng.random() < CYCLE:
                known = era.anchors[name]
                days = [known] if isinstance(known, date) else list(known)
                if today > max(days) + timedelta(days=20):
                    await self._give(tx, plan, name, [*days, today + timedelta(days=rng.randrange(5))], now)
        discharge = era.anchors.get("discharge")
        if isinstance(discharge, date) and (today - discharge).days < 4 and rng.random() < CORRECTED * 5:
            to = discharge - timedelta(days=1)
            if to >= min((each for each in [era.anchors.get("birth")] if isinstance(each, date)), default=to):
                patient = await tx.get_one(Patient, plan.patient)
                await discharge_changed(tx, patient, discharge, to, by=BY, now=now, zone=ZONE)
                # All plans of the child that hang on this discharge move.
                for other in self.plans.values():
                    if other.patient == plan.patient and other.now.active and other.now.anchors.get("discharge") == discharge:
                        other.eras.append(Era(now, {**other.now.anchors, "discharge": to}))
                self._note("discharge corrected")

    async def _visit(self, tx: AsyncSession, plan: Enrolled, now: datetime, today: date) -> None:
        """An appointment is made, put off, or cancelled."""
        known = plan.now.anchors.get("next_visit", [])
        days = [day for day in ([known] if isinstance(known, date) else known)]
        coming = [day for day in days if day >= today]
        if coming and self._rng.random() < 0.5:
            days.remove(coming[0])
            if self._rng.random() < 0.6:
                days.append(coming[0] + timedelta(days=self._rng.randrange(1, 8)))
        elif not coming:
            days.append(today + timedelta(days=self._rng.randrange(2, 25)))
        else:
            return
        await self._give(tx, plan, "next_visit", sorted(set(days)), now)

    @staticmethod
    async def _row(tx: AsyncSession, plan: Enrolled) -> CarePlan:
        return await tx.get_one(CarePlan, plan.id, populate_existing=True)

    async def _give(self, tx: AsyncSession, plan: Enrolled, name: str, days: list[date], now: datetime) -> None:
        await give_anchor(tx, await self._row(tx, plan), name, days, by=BY, now=now, zone=ZONE)
        anchors: Anchors = {each: said for each, said in plan.now.anchors.items() if each != name}
        plan.eras.append(Era(now, {**anchors, name: sorted(set(days))} if days else anchors))
        self._note(name)

    def _stop(self, plan: Enrolled, now: datetime, what: str) -> None:
        plan.eras.append(Era(now, plan.now.anchors, active=False))
        self._note(what)

    async def _dies(self, tx: AsyncSession, kid: Kid, now: datetime) -> None:
        patient = await tx.get_one(Patient, kid.id)
        patient.died_at = kid.died = now
        await stop_for_death(tx, patient, by=BY, now=now)
        for plan in self.plans.values():
            if plan.patient == kid.id and plan.now.active:
                plan.eras.append(Era(now, plan.now.anchors, active=False))
        self._note("died")
