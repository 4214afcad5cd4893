"""Experiments, adaptive choices of when and how a family is addressed, and what they suggest for a template."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from records.base import Base, Identity
from records.state import Moves

# What may be chosen at all. Nothing clinical is among it.
SEND_HOUR, WORDING = "send_hour", "wording"
KINDS = (SEND_HOUR, WORDING)

# stopped: nobody is assigned any more; concluded: a person has read the result.
EXPERIMENT_MOVES: Moves = {
    "draft": frozenset({"running", "stopped"}),
    "running": frozenset({"stopped"}),
    "stopped": frozenset({"concluded"}),
    "concluded": frozenset(),
}
SUGGESTION_MOVES: Moves = {"proposed": frozenset({"accepted", "refused"}), "accepted": frozenset(), "refused": frozenset()}


class Experiment(Identity, Base):
    """A comparison of send hours or wordings between families of one team, chosen by lot.

    `arms` are [{id, hour}] or [{id, opening}], the first one being how it is done today; `strata` are names of what the lot balances
    (template). `families` is how many each arm wants, `design` the figures behind that number. `looks` is how often the result may be
    read before the end, `alpha` the chance of a false find over all looks. Times are UTC.
    """

    __tablename__ = "experiment"

    code: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    kind: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    template: Mapped[str | None]
    step: Mapped[str | None]
    arms: Mapped[list[dict[str, Any]]]
    strata: Mapped[list[str]]
    outcome: Mapped[str]
    seed: Mapped[int] = mapped_column(BigInteger)
    families: Mapped[int]
    looks: Mapped[int]
    alpha: Mapped[float]
    design: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="draft")
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    started_by: Mapped[str | None]
    started_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    stopped_because: Mapped[str | None]
    concluded_at: Mapped[datetime | None]
    conclusion: Mapped[str | None]

    __table_args__ = (Index("ix_experiment_team_id_running", "team_id", "kind", postgresql_where=text("state = 'running'")),)


class ExperimentFamily(Base):
    """Which arm a family drew, once and for good. After `excluded_at` it is treated as everybody else, and nothing of it counts."""

    __tablename__ = "experiment_family"

    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiment.id"), primary_key=True)
    carer_id: Mapped[int] = mapped_column(ForeignKey("carer.id"), primary_key=True, index=True)
    arm: Mapped[str]
    stratum: Mapped[str]
    assigned_at: Mapped[datetime]
    excluded_at: Mapped[datetime | None]
    excluded_by: Mapped[str | None]
    excluded_because: Mapped[str | None]


class ExperimentLook(Base):
    """One planned look at a running experiment, and what it found: the figures by arm, and whether a bound was crossed."""

    __tablename__ = "experiment_look"

    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiment.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    by: Mapped[str]
    figures: Mapped[dict[str, Any]]
    crossed: Mapped[bool]


class ChoiceSetting(Identity, Base):
    """Whether a team lets send hour or wording be chosen by what has worked; rows are never changed, the newest counts, none means off.

    `options` are the hours or openings allowed, `held_out` the share of families that stays on the default, `seed` who these are.
    """

    __tablename__ = "choice_setting"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    kind: Mapped[str]
    active: Mapped[bool]
    options: Mapped[list[Any]]
    held_out: Mapped[float]
    seed: Mapped[int] = mapped_column(BigInteger)
    by: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (Index("ix_choice_setting_team_id_kind", "team_id", "kind", "id"),)


class SendChoice(Identity, Base):
    """One choice, with all that it came from, so that it can be explained and drawn again.

    An hour is chosen for a family's plan and the days from `first_day` to `last_day`, a wording for one task. `why` is experiment,
    held_out or drawn. `options` are [{option, answered, families, draw}]: how many families of the `segment` had it, the sum of their
    answered shares, and the number that was drawn from that with `seed`.
    """

    __tablename__ = "send_choice"

    kind: Mapped[str]
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    carer_id: Mapped[int] = mapped_column(ForeignKey("carer.id"), index=True)
    care_plan_id: Mapped[int] = mapped_column(ForeignKey("care_plan.id"))
    task_id: Mapped[int | None] = mapped_column(ForeignKey("task.id"))
    first_day: Mapped[date]
    last_day: Mapped[date]
    segment: Mapped[str]
    why: Mapped[str]
    chosen: Mapped[str]
    default: Mapped[str]
    options: Mapped[list[dict[str, Any]]]
    seed: Mapped[int | None] = mapped_column(BigInteger)
    experiment_id: Mapped[int | None] = mapped_column(ForeignKey("experiment.id"), index=True)
    at: Mapped[datetime]

    __table_args__ = (
        Index("uq_send_choice_care_plan_id_hour", "care_plan_id", "first_day", unique=True, postgresql_where=text("kind = 'send_hour'")),
        Index("uq_send_choice_task_id", "task_id", unique=True, postgresql_where=text("task_id is not null")),
        Index("ix_send_choice_at", "at"),
    )


class OptionTally(Base):
    """What each option has come to in a segment: how many families had it, and the sum of the shares that they answered."""

    __tablename__ = "option_tally"

    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    option: Mapped[str] = mapped_column(primary_key=True)
    families: Mapped[int]
    answered: Mapped[float]
    counted_at: Mapped[datetime]


class TemplateSuggestion(Identity, Base):
    """A change of a template that figures speak for, for a clinician to accept or refuse. Accepting drafts it and changes nothing.

    `figures` are what it rests on, `draft` is the change as data, written when it is accepted.
    """

    __tablename__ = "template_suggestion"

    key: Mapped[str] = mapped_column(unique=True)
    team_id: Mapped[int] = mapped_column(ForeignKey("team.id"))
    template: Mapped[str]
    kind: Mapped[str]
    current: Mapped[str]
    proposed: Mapped[str]
    figures: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="proposed")
    proposed_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    draft: Mapped[dict[str, Any] | None]

    __table_args__ = (Index("ix_template_suggestion_team_id_state", "team_id", "state"),)
