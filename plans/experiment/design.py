"""What somebody writes to propose an experiment. There is no field for anything clinical, so nothing clinical can be tried."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from plans.authored import read_authored
from plans.experiment.arm import Arm, HourArm, Kind, OpeningArm, check_arms
from plans.experiment.stop import MOST_LOOKS, families_needed

Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{2,39}$")]


class Aim(BaseModel):
    """How much is to be found: `difference` on top of the share `base`, with this `power`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: float = Field(gt=0, lt=1)
    difference: float = Field(gt=0, lt=1)
    power: float = Field(default=0.8, ge=0.5, le=0.99)

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        if self.base + self.difference >= 1:
            raise ValueError("base and difference together must stay below 1")
        return self


class Design(BaseModel):
    """An experiment of one team. `arms` are hours or openings by name, the first being how it is done today.

    `outcome`: the share of a family's follow-ups that it answered (in whatever way), or that it did completely.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Code
    title: str = Field(min_length=2, max_length=60)
    team: str
    kind: Kind
    arms: dict[Code | Annotated[str, Field(pattern=r"^[a-z]{1,20}$")], int | str] = Field(min_length=2, max_length=4)
    template: str | None = None
    step: str | None = None
    strata: tuple[Literal["template"], ...] = ("template",)
    outcome: Literal["answered", "done"] = "answered"
    aim: Aim
    alpha: float = Field(default=0.05, ge=0.001, le=0.1)
    looks: int = Field(default=4, ge=1, le=MOST_LOOKS)

    @field_validator("arms")
    @classmethod
    def _only_hours_or_openings(cls, given: Mapping[str, int | str], info: ValidationInfo) -> Mapping[str, int | str]:
        if "kind" in info.data:
            check_arms(info.data["kind"], _arms(info.data["kind"], given))
        return given

    @property
    def as_arms(self) -> list[Arm]:
        """The arms, the first being how it is done today."""
        return _arms(self.kind, self.arms)

    @property
    def families(self) -> int:
        """How many families each arm needs."""
        return families_needed(self.aim.base, self.aim.difference, alpha=self.alpha, power=self.aim.power, comparisons=len(self.arms) - 1)


def read_design(path: Path) -> Design:
    """The design in a file. Raises AuthoringError with the line of every mistake."""
    return read_authored(path, Design)


def _arms(kind: Kind, given: Mapping[str, int | str]) -> list[Arm]:
    # An hour where an opening belongs (or the other way) is refused by the arms themselves.
    if kind == "send_hour":
        return [HourArm(id, int(value)) if str(value).isdigit() else OpeningArm(id, str(value)) for id, value in given.items()]
    return [OpeningArm(id, str(value)) for id, value in given.items()]
