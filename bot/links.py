"""Links into a service account: WeCom's own, asked for once, and those for a discharge sheet with a signed invitation."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.registry import RegistryError
from integrations.wecom import kf_account
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from plans.invitation import invite
from records.database import Database
from records.patient import Patient, patients_numbered
from records.wecom import KfAccount
from tagging.particulars import record_key

log = structlog.get_logger(__name__)

# WeCom passes this on with every one of our links, ours from those of posters and business cards.
SCENE = "careloop"


@dataclass(frozen=True)
class Sheet:
    """What a discharge sheet needs so that the family can bind its child."""

    patient: Patient
    token: str
    link: str


async def know_contact_urls(db: Database, client: WecomClient) -> None:
    """Ask WeCom for the link of every account that has none yet; what it refuses is asked for again next time."""
    async with db.transaction() as tx:
        unknown = list(await tx.scalars(select(KfAccount.open_kfid).where(KfAccount.contact_url.is_(None)).order_by(KfAccount.open_kfid)))
    for open_kfid in unknown:
        try:
            url = await kf_account.add_contact_way(client, open_kfid, SCENE)
        except WecomError as err:
            log.error("no link to a service account", code=err.code, errcode=err.errcode)
            continue
        async with db.transaction() as tx:
            await tx.execute(update(KfAccount).where(KfAccount.open_kfid == open_kfid).values(contact_url=url))


async def discharge_sheet(tx: AsyncSession, record_number: str, *, by: str, now: datetime) -> Sheet:
    """A fresh link for the sheet of this patient. Raises RegistryError when he, or WeCom's link to his team's account, is unknown."""
    patient = await find_patient(tx, record_number)
    accounts = (
        select(KfAccount).where(KfAccount.contact_url.is_not(None)).order_by(KfAccount.team_id != patient.team_id, KfAccount.open_kfid)
    )
    account = await tx.scalar(accounts.limit(1))
    if account is None or account.contact_url is None:
        raise RegistryError("WeCom has not given a link to any service account yet; a running worker asks for it within a minute.")
    token = await invite(tx, patient, kind="visit", by=by, now=now)
    return Sheet(patient, token, kf_account.contact_link(account.contact_url, token))


async def find_patient(tx: AsyncSession, record_number: str) -> Patient:
    """The patient with this record number, however it is spaced. Raises RegistryError."""
    found = await patients_numbered(tx, record_key(record_number))
    if len(found) != 1:
        raise RegistryError(f"There {'is no patient' if not found else 'are several patients'} with record number {record_number!r}.")
    return found[0]
