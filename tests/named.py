"""Finding people by names, which the database cannot read."""

from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from records.patient import Carer, Patient

Person = TypeVar("Person", Patient, Carer)


async def named(tx: AsyncSession, table: type[Person], name: str) -> list[Person]:
    """The patients, or carers, of this name, in the order in which they came."""
    return [each for each in await tx.scalars(select(table).order_by(table.id)) if each.name == name]
