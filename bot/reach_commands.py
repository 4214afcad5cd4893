"""What `careloop reach …` does."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import get_args

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core, push_ports
from bot.cli_run import command_settings
from bot.links import find_patient
from bot.reach import channels_of
from bot.registry import RegistryError
from plans.reach.decide import known_of
from plans.reach.policy import keep_policy, load_policy, policy_text, read_policy
from plans.reach.purpose import ORDER
from plans.reach.route import Want, decide
from plans.wording import words
from records.contact import Contact, RouteName
from records.patient import AccessRefused, Carer, Patient, PatientCarer, ReadAudit, access_patient, primary_carer
from records.staff import Staff, Team
from records.state import StateChange

WHY = "contacts"


def rules_command() -> None:
    """`careloop reach rules`."""
    print(_in_transaction(lambda tx, parts: policy_text(tx)), end="")


def check_command(file: Path) -> None:
    """`careloop reach check`. Raises AuthoringError."""
    policy = read_policy(file.read_text("utf-8"), file.name)
    print(f"{file.name} can be used: {len(policy.departments)} departments of their own.")


def use_command(file: Path, *, by: str) -> None:
    """`careloop reach use`. Raises AuthoringError, and changes nothing then."""

    written = file.read_text("utf-8")

    async def run(tx: AsyncSession, parts: Core) -> str:
        await keep_policy(tx, written, name=file.name)
        tx.add(StateChange(entity="reach_policy", entity_id=0, old=None, new="used", at=parts.clock(), by=by, reason=file.name))
        return f"{file.name} is in force."

    print(_in_transaction(run))


def contacts_command(record_number: str, *, by: str | None, days: int) -> None:
    """`careloop reach contacts`."""

    async def run(tx: AsyncSession, parts: Core) -> str:
        patient = await _patient(tx, record_number, by, parts)
        carers = select(PatientCarer.carer_id).where(PatientCarer.patient_id == patient.id)
        # Of other children of the same carers nothing is shown.
        rows = await tx.execute(
            select(Contact, Carer.name)
            .join(Carer, Carer.id == Contact.carer_id)
            .where(Contact.carer_id.in_(carers), Contact.patient_id == patient.id, Contact.at >= parts.clock() - timedelta(days=days))
            .order_by(Contact.at, Contact.id)
        )
        zone = parts.settings.tz
        lines = [
            f"{row.at.astimezone(zone):%Y-%m-%d %H:%M}  {row.purpose:<9} {row.route:<16} {row.state:<9} {name}  {row.about}"
            + (f"  {row.error}" if row.error else "")
            for row, name in rows
        ]
        return "\n".join(lines) or f"Nobody has tried to reach the family of {record_number} in {days} days."

    print(_in_transaction(run))


def why_command(record_number: str, *, by: str | None, purpose: str) -> None:
    """`careloop reach why`."""
    if purpose not in ORDER:
        raise RegistryError(f"purpose: one of {', '.join(ORDER)}")

    async def run(tx: AsyncSession, parts: Core) -> str:
        patient = await _patient(tx, record_number, by, parts)
        carer = await primary_carer(tx, patient.id)
        if carer is None:
            return f"Nobody is bound to {record_number}."
        now, zone = parts.clock(), parts.settings.tz
        known = (await known_of(tx, [carer.id], now=now, zone=zone))[carer.id]
        team = await tx.get_one(Team, patient.team_id)
        rules, reasons = (await load_policy(tx)).of(team.name), words("undeliverable")
        async with push_ports(parts) as ports:
            channels = channels_of(ports)
        lines = [f"{carer.name}  {len(known.attempts)} attempts in seven days"]
        want = Want("why", carer.id, purpose, patient.id, department=team.name)
        for route in [*rules.routes, *(each for each in get_args(RouteName) if each not in rules.routes)]:
            if route not in rules.routes:
                lines.append(f"  {route:<16} not in the department's order")
                continue
            said = decide(want, known, rules.model_copy(update={"routes": (route,)}), channels, now=now, zone=zone)
            until = f", until {said.until.astimezone(zone):%m-%d %H:%M}" if said.until is not None else ""
            closed = said.reason if route == "kf" or said.kind != "no" else "not_there"
            lines.append(f"  {route:<16} {'open' if said.kind == 'send' else f'{said.kind}: {closed} {reasons.get(closed, str())}{until}'}")
        return "\n".join(lines)

    print(_in_transaction(run))


async def _patient(tx: AsyncSession, record_number: str, by: str | None, parts: Core) -> Patient:
    """The patient, as `by` may see him; whoever has the command line may see all. Either is a read, and audited."""
    patient = await find_patient(tx, record_number)
    if by is None:
        tx.add(ReadAudit(patient_id=patient.id, at=parts.clock(), why=WHY))
        return patient
    staff = await tx.scalar(select(Staff).where(Staff.userid == by))
    try:
        if staff is None:
            raise AccessRefused(by)
        return await access_patient(tx, staff, patient.id, now=parts.clock(), why=WHY)
    except AccessRefused as err:
        raise RegistryError(f"{by} is not on the team of {record_number}.") from err


def _in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    async def run() -> str:
        async with core(command_settings("reach"), role="reach", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
