"""What the commands of `careloop plan` share: who asks, whom it is about, and dates as people type them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.links import find_patient
from bot.registry import RegistryError
from plans.enrolment import RUNNING
from records.care_plan import CarePlan
from records.patient import AccessRefused, Patient, access_patient
from records.staff import Staff, teams_of

WHY = "plan"


@dataclass
class Asked:
    """A transaction, and the clinician who asks."""

    tx: AsyncSession
    parts: Core
    staff: Staff

    @property
    def now(self) -> datetime:
        return self.parts.clock()

    @property
    def zone(self) -> ZoneInfo:
        return self.parts.settings.tz

    async def patient(self, record_number: str) -> Patient:
        """Through the guarded door. Raises RegistryError, AccessRefused."""
        found = await find_patient(self.tx, record_number)
        return await access_patient(self.tx, self.staff, found.id, now=self.now, why=WHY, lock=True)

    async def plan(self, record_number: str, template: str) -> CarePlan:
        """The patient's running plan of this template. Raises RegistryError where he is on none."""
        patient = await self.patient(record_number)
        running = select(CarePlan).where(CarePlan.patient_id == patient.id, CarePlan.template == template, CarePlan.state.in_(RUNNING))
        plan: CarePlan | None = await self.tx.scalar(running.with_for_update())
        if plan is None:
            raise RegistryError(f"{patient.name} ({patient.record_number}) is on no plan {template!r}.")
        return plan

    async def teams(self) -> list[int]:
        """The clinician's teams."""
        return list(await self.tx.scalars(teams_of(self.staff.id)))


class NotReally(Exception):
    """Everything was looked at, and nothing is to stay."""


async def staff_of(tx: AsyncSession, by: str) -> Staff:
    """The clinician. Raises AccessRefused."""
    staff = await tx.scalar(select(Staff).where(Staff.userid == by, Staff.active))
    if staff is None:
        raise AccessRefused(f"there is no clinician {by!r}")
    return staff


def in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    """Run `work` in a transaction of this installation's database; what it says. NotReally leaves nothing behind."""

    async def run() -> str:
        settings = command_settings("plan")
        async with core(settings, role="plan", pool_size=1) as parts:
            try:
                async with parts.db.transaction() as tx:
                    return await work(tx, parts)
            except NotReally as done:
                return str(done)

    return asyncio.run(run())


def asked(work: Callable[[Asked], Awaitable[str]], by: str) -> str:
    """`in_transaction` for a clinician."""

    async def with_staff(tx: AsyncSession, parts: Core) -> str:
        return await work(Asked(tx, parts, await staff_of(tx, by)))

    return in_transaction(with_staff)


def day_of(text: str) -> date:
    """A day as it is typed. Raises RegistryError."""
    try:
        return date.fromisoformat(text)
    except ValueError as err:
        raise RegistryError(f"A date must look like 2026-03-01, not {text!r}.") from err


def dates_of(said: list[str]) -> dict[str, date | list[date]]:
    """`surgery=2026-03-01`, or several days of one that comes again: `chemo_day=2026-03-01,2026-03-22`. Raises RegistryError."""
    found: dict[str, date | list[date]] = {}
    for each in said:
        name, equals, days = each.partition("=")
        if not equals:
            raise RegistryError(f"A date must look like surgery=2026-03-01, not {each!r}.")
        several = [day_of(day) for day in days.split(",")]
        found[name] = several[0] if len(several) == 1 else several
    return found
