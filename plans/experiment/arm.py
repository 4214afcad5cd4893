"""What an experiment may compare: hours at which to write, or openings. There is no kind of arm that could hold anything else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from plans.experiment.opening import check_opening, opening_of
from plans.experiment.words import ExperimentRefused, say
from plans.guard import QUIET
from records.experiment import SEND_HOUR

Kind = Literal["send_hour", "wording"]


@dataclass(frozen=True)
class HourArm:
    """Follow-ups go out at this hour of the hospital's day. Raises ExperimentRefused for an hour of the night."""

    id: str
    hour: int

    def __post_init__(self) -> None:
        check_hour(self.hour)

    @property
    def value(self) -> str:
        """What is chosen, as it is stored."""
        return str(self.hour)


@dataclass(frozen=True)
class OpeningArm:
    """Follow-ups begin with this opening. Raises ExperimentRefused for one that is unknown or clinical."""

    id: str
    opening: str

    def __post_init__(self) -> None:
        check_opening(opening_of(self.opening))

    @property
    def value(self) -> str:
        """What is chosen, as it is stored."""
        return self.opening


Arm = HourArm | OpeningArm


def check_hour(hour: int) -> None:
    """Raises ExperimentRefused for an hour at which nothing may be sent (clinical reference §6)."""
    if hour not in QUIET.open_hours:
        raise ExperimentRefused("hour", hour=hour, first=QUIET.open_hours[0], last=QUIET.open_hours[-1])


def check_arms(kind: Kind, arms: Sequence[Arm]) -> None:
    """Raises ExperimentRefused for fewer than two arms, arms of another kind, and arms that do the same."""
    wanted = HourArm if kind == SEND_HOUR else OpeningArm
    for arm in arms:
        if not isinstance(arm, wanted):
            raise ExperimentRefused("arms_kind", kind=say(f"kinds.{kind}"), id=arm.id)
    if len(arms) < 2:
        raise ExperimentRefused("arms_few")
    for names in ([arm.id for arm in arms], [arm.value for arm in arms]):
        if double := next((name for name in names if names.count(name) > 1), None):
            raise ExperimentRefused("arms_double", value=double)


def check_options(kind: Kind, options: Sequence[Any]) -> list[str]:
    """The options of adaptive choice as they are stored. Raises ExperimentRefused for one that is not allowed, and for fewer than two."""
    for option in options:
        if kind == SEND_HOUR:
            check_hour(int(option))
        else:
            check_opening(opening_of(str(option)))
    if len(set(map(str, options))) < 2:
        raise ExperimentRefused("option_none")
    return [str(option) for option in options]


def arm_from(kind: str, stored: dict[str, Any]) -> Arm:
    """The arm as the experiment's row holds it."""
    return HourArm(stored["id"], int(stored["hour"])) if kind == SEND_HOUR else OpeningArm(stored["id"], str(stored["opening"]))


def as_stored(arm: Arm) -> dict[str, Any]:
    """The arm for the experiment's row."""
    return {"id": arm.id, "hour": arm.hour} if isinstance(arm, HourArm) else {"id": arm.id, "opening": arm.opening}
