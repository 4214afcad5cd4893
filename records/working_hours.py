"""When a team works: its week, and the days that are otherwise."""

from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base


class WorkingHours(Base):
    """A team's hours, in the hospital's zone; one without a row works around the clock.

    `week`: seven lists, Monday's first, of spans ["08:00", "12:00"]. `days`: by day, {"like": 0…6 or null, "name": "国庆节"}: a day that
    works as that weekday does, or (null) not at all (plans/working_hours.py).
    """

    __tablename__ = "working_hours"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), primary_key=True)
    week: Mapped[list[Any]]
    days: Mapped[dict[str, Any]] = mapped_column(default=dict)
