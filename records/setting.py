"""Values that all processes share and that change while they run."""

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base

# A hospital whose patients are made up carries a setting of this name.
SYNTHETIC = "synthetic"


class Setting(Base):
    """A named value, such as the sandbox's clock."""

    __tablename__ = "setting"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]]
