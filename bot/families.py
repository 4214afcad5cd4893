"""What `careloop family …` does."""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core, core
from bot.cli_run import command_settings
from bot.links import Sheet, discharge_sheet, find_patient
from bot.registry import BY, RegistryError
from plans.carers import carers_of, make_primary, part
from records.consent import consents
from records.patient import Carer, Patient


def print_sheet(record_number: str) -> None:
    """`careloop family link`."""
    print(in_transaction(lambda tx, parts: _sheet(tx, parts, record_number)))


def print_family(record_number: str) -> None:
    """`careloop family show`."""
    print(in_transaction(lambda tx, parts: _family(tx, record_number)))


def unbind_command(record_number: str, external_userid: str, why: str) -> None:
    """`careloop family unbind`."""
    print(in_transaction(lambda tx, parts: _unbind(tx, parts, record_number, external_userid, why)))


def primary_command(record_number: str, external_userid: str) -> None:
    """`careloop family primary`."""
    print(in_transaction(lambda tx, parts: _primary(tx, parts, record_number, external_userid)))


def sheet_text(sheet: Sheet, hospital: str) -> str:
    """What goes on the discharge sheet beside the QR code of the link."""
    patient = sheet.patient
    lines = [
        f"{hospital}出院随访",
        f"姓名 {patient.name}　住院号 {patient.record_number}　出生日期 {patient.birth_date:%Y-%m-%d}",
        f"微信扫码或点开链接绑定（14天内有效，一个码绑一个微信）：{sheet.link}",
        "不能扫码时：在本院随访客服里回复“绑定孩子”，按提示发住院号、出生日期和住院时留的手机号。",
    ]
    return "\n".join(lines)


async def _sheet(tx: AsyncSession, parts: Core, record_number: str) -> str:
    return sheet_text(await discharge_sheet(tx, record_number, by=BY, now=parts.clock()), parts.settings.hospital)


async def _family(tx: AsyncSession, record_number: str) -> str:
    patient = await find_patient(tx, record_number)
    newest = {row.carer_id: row for row in await consents(tx, patient.id)}
    lines = []
    for link, carer in await carers_of(tx, patient.id):
        consent = newest.get(carer.id)
        agreed = f"consent {consent.answer} {consent.at:%Y-%m-%d} ({consent.text_version})" if consent is not None else "no consent on file"
        follow = ", gets the follow-ups" if link.primary else ""
        lines.append(f"{carer.external_userid}  {link.relationship}  {carer.name}  {agreed}{follow}")
    return "\n".join(lines) or f"Nobody is bound to {record_number}."


async def _unbind(tx: AsyncSession, parts: Core, record_number: str, external_userid: str, why: str) -> str:
    patient, carer = await both(tx, record_number, external_userid)
    if not await part(tx, patient, carer, by=BY, reason=why, now=parts.clock()):
        raise RegistryError(f"{external_userid} is not bound to {record_number}.")
    return f"{external_userid} is no longer bound to {record_number}."


async def _primary(tx: AsyncSession, parts: Core, record_number: str, external_userid: str) -> str:
    patient, carer = await both(tx, record_number, external_userid)
    if not await make_primary(tx, patient, carer, by=BY, now=parts.clock()):
        raise RegistryError(f"{external_userid} is not bound to {record_number}.")
    return f"Follow-ups of {record_number} go to {external_userid}."


async def both(tx: AsyncSession, record_number: str, external_userid: str) -> tuple[Patient, Carer]:
    """The child and the carer. Raises RegistryError when there is no such one."""
    carer = await tx.scalar(select(Carer).where(Carer.external_userid == external_userid))
    if carer is None:
        raise RegistryError(f"There is no carer {external_userid!r}.")
    return await find_patient(tx, record_number), carer


def in_transaction(work: Callable[[AsyncSession, Core], Awaitable[str]]) -> str:
    """What `work` says, done in a transaction of the installation's database."""

    async def run() -> str:
        async with core(command_settings("family"), role="family", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts)

    return asyncio.run(run())
