"""Rules as tables: conditions over named facts, in order; each firing says which rule of which version saw what."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from plans.alert import Alert
from plans.template import Strict, TemplateError

FOLDER = Path(__file__).parent / "rules"

Facts = Mapping[str, float]


class Condition(Strict):
    """A bound on one fact. A fact that is not known fulfils nothing."""

    fact: str
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None

    def holds(self, facts: Facts) -> bool:
        """Whether the fact is known and within all bounds."""
        value = facts.get(self.fact)
        return (
            value is not None
            and (self.gt is None or value > self.gt)
            and (self.gte is None or value >= self.gte)
            and (self.lt is None or value < self.lt)
            and (self.lte is None or value <= self.lte)
        )


class Rule(Strict):
    """One line of the table. `because` is for the clinician, `advice` for the family; both may name facts in braces."""

    id: str
    when: tuple[Condition, ...] = Field(min_length=1)
    level: str
    because: str
    advice: str
    src: str
    conf: str
    even_unconfirmed: bool = False


class Accept(Strict):
    """Plausible values for ages in days, both ends included."""

    age: tuple[int, int]
    range: tuple[float, float]
    src: str


class Gain(Strict):
    """Between which readings a mean gain is taken."""

    over_days: int
    from_age_days: int
    src: str


class Reweigh(Strict):
    """When a reading is asked again before it is believed; `birth_gain_g` a day is the most above the birth weight, beside the percent."""

    per_day_g: float
    birth_gain_g: float
    change_percent: float
    within_days: int
    similar_g: float
    attempts: int
    level: str
    src: str


class RuleSet(Strict):
    """A versioned table; the first rule that fires wins. `age` (days, both ends included) is whom it is for; None: everybody."""

    id: str
    version: int
    category: str
    needs_clinician_review: bool
    age: tuple[int, int] | None = None
    accept: tuple[Accept, ...] = ()
    gain: Gain | None = None
    reweigh: Reweigh | None = None
    ask_below: Mapping[str, float] = Field(default_factory=dict)
    rules: tuple[Rule, ...] = Field(min_length=1)

    def first_alert(self, facts: Facts, *, unconfirmed: bool = False) -> Alert | None:
        """What the first rule that fires says; with `unconfirmed` only the rules that do not wait for a second reading."""
        for rule in self.rules:
            if (rule.even_unconfirmed or not unconfirmed) and all(condition.holds(facts) for condition in rule.when):
                shown = {name: f"{value:.2f}" if name.endswith("_kg") else f"{value:g}" for name, value in facts.items()}
                because = rule.because.format(**shown)
                saw = {condition.fact: facts[condition.fact] for condition in rule.when}
                confirmed = {"confirmed": not unconfirmed}
                evidence = {"rule": rule.id, "version": self.version, "because": because, "saw": saw, "src": rule.src} | confirmed
                return Alert(rule.level, self.category, because, (evidence,), rule.id, rule.advice.format(**shown))
        return None

    def applies(self, age_days: int) -> bool:
        """Whether the table is for patients of this age."""
        return self.age is None or self.age[0] <= age_days <= self.age[1]

    def plausible(self, value: float, age_days: int) -> bool:
        """Whether `value` is in the accepted range of the age; ages without a range accept anything above zero."""
        ranges = [accept.range for accept in self.accept if accept.age[0] <= age_days <= accept.age[1]]
        return value > 0 and all(low <= value <= high for low, high in ranges)


@cache
def load_rules(id: str, folder: Path = FOLDER) -> RuleSet:
    """The rule table `id`. Raises TemplateError naming the file and field."""
    path = folder / f"{id}.yml"
    try:
        return RuleSet.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as err:
        raise TemplateError(f"{path.name}: {err}") from err
    except ValidationError as err:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in err.errors())
        raise TemplateError(f"{path.name}: {wrong}") from err
