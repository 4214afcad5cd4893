"""What a clinician has taken off the work list although nothing in the record ends with it: a missed follow-up that she rang about, say."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base


class DealtWith(Base):
    """One line of a work list, by its `key` (`task:812`, `reading:55`), that needs nobody any more."""

    __tablename__ = "dealt_with"

    key: Mapped[str] = mapped_column(primary_key=True)
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient.id"), index=True)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    at: Mapped[datetime]
