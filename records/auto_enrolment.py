"""Cohorts whose new members are put on a plan by themselves."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

AUTO_MOVES: Moves = {"on": frozenset({"off"}), "off": frozenset({"on"})}


class AutoEnrolment(Identity, Base):
    """Who joins the cohort is put on the newest version of `template`. `on_left` says what happens to the plan of one who leaves:
    `nothing`, `propose` (an errand asks a nurse), or `end`. `at` and `by` are of the current setting."""

    __tablename__ = "auto_enrolment"

    cohort_id: Mapped[int] = mapped_column(ForeignKey("cohort.id"))
    template: Mapped[str]
    on_left: Mapped[str] = mapped_column(default="nothing")
    state: Mapped[str] = mapped_column(default="on")
    at: Mapped[datetime]
    by: Mapped[str]

    __table_args__ = (Index("uq_auto_enrolment_cohort_id_template", "cohort_id", "template", unique=True),)
