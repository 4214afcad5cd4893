"""Examples that administrators have labelled; together with nlu_data/training they are what the dialogue model learns from."""

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity

EXAMPLE_MOVES = {"accepted": frozenset({"withdrawn"}), "withdrawn": frozenset({"accepted"})}


class LabelledExample(Identity, Base):
    """A text and its intent. `group_id` is the review group it came from; None when it was imported. state: accepted ⇄ withdrawn."""

    __tablename__ = "labelled_example"

    text: Mapped[str]
    intent: Mapped[str]
    state: Mapped[str] = mapped_column(default="accepted")
    group_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    source: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("uq_labelled_example_accepted", "intent", "text", unique=True, postgresql_where=sql("state = 'accepted'")),)
