"""What `careloop family channels` and `careloop family push` do: where a child's carers are reached outside the chat, and their no."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import Core
from bot.families import both, in_transaction
from bot.links import find_patient
from bot.registry import RegistryError
from integrations.push import CHANNELS
from plans.carers import carers_of
from records.push_address import KF, PushAddress, opt_in, opt_out


@cache
def _texts() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("family_channels.yml").read_text("utf-8"))
    return loaded


def print_channels(record_number: str) -> None:
    """`careloop family channels`."""
    print(in_transaction(lambda tx, parts: channels_text(tx, record_number)))


def push_command(record_number: str, external_userid: str, channel: str, *, on: bool, why: str) -> None:
    """`careloop family push`."""

    async def work(tx: AsyncSession, parts: Core) -> str:
        return await set_push(tx, record_number, external_userid, channel, on=on, why=why, now=parts.clock())

    print(in_transaction(work))


async def channels_text(tx: AsyncSession, record_number: str) -> str:
    """Every address of the child's carers in a line of its own; addresses are cut, since they are of no use to read."""
    texts = _texts()
    patient = await find_patient(tx, record_number)
    lines = []
    for _, carer in await carers_of(tx, patient.id):
        rows = await tx.scalars(
            select(PushAddress).where(PushAddress.carer_id == carer.id, PushAddress.channel != KF).order_by(PushAddress.id)
        )
        known = [_line(row) for row in rows]
        stopped = texts["stopped"] if carer.stopped_at is not None else ""
        lines += [f"{carer.name}（{carer.external_userid}）{stopped}", *(known or [texts["none"]])]
    return "\n".join(lines) or str(texts["nobody"])


def _line(row: PushAddress) -> str:
    texts = _texts()
    state = "opted_out" if row.opted_out_at is not None else "ended" if row.until is not None else "open"
    left = texts["remaining"].format(count=row.remaining) if row.consent == "one_time" else ""
    consent = str(texts["consents"][row.consent]) + left
    short = row.address if len(row.address) <= 4 else f"…{row.address[-4:]}"
    return str(texts["line"]).format(channel=texts["channels"][row.channel], address=short, consent=consent, state=texts["states"][state])


async def set_push(tx: AsyncSession, record_number: str, external_userid: str, channel: str, *, on: bool, why: str, now: datetime) -> str:
    """Switch pushes to a carer on one channel off or on, for a family that says so. Raises RegistryError."""
    texts = _texts()
    if channel not in CHANNELS:
        raise RegistryError(texts["unknown"].format(channel=channel, channels="、".join(CHANNELS)))
    patient, carer = await both(tx, record_number, external_userid)
    if carer.id not in {each.id for _, each in await carers_of(tx, patient.id)}:
        raise RegistryError(texts["not_bound"].format(carer=external_userid, patient=record_number))
    if on:
        changed = await opt_in(tx, channel=channel, carer_id=carer.id, now=now, reason=why)
    else:
        changed = await opt_out(tx, channel=channel, whose=carer.id, now=now, reason=why)
    return str(texts["changed" if changed else "unchanged"]).format(count=changed)
