"""Weights: in words, compared with the last one, and as facts for the rules. Pure; kilograms throughout."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from plans.clock import local_day
from plans.rule import Facts, Reweigh, RuleSet
from plans.wording import say

# A pregnancy of 40 weeks is term, one below 37 weeks preterm (clinical reference §4: corrected age; WHO's definition of preterm).
TERM_WEEKS, PRETERM_WEEKS = 40, 37
PRETERM_TAGS = frozenset({"preterm", "ex_preterm", "very_preterm", "extremely_preterm"})


@dataclass(frozen=True)
class Weighing:
    """One reading on one calendar day of the hospital."""

    kg: float
    day: date


@dataclass(frozen=True)
class Newborn:
    """What the weight rules know of the patient besides the readings."""

    birth_date: date
    birth_weight_g: float | None
    gestational_age_weeks: int | None
    tags: frozenset[str]

    @property
    def preterm(self) -> bool:
        """Born before 37 weeks, by date or by tag."""
        by_weeks = self.gestational_age_weeks is not None and self.gestational_age_weeks < PRETERM_WEEKS
        return by_weeks or bool(self.tags & PRETERM_TAGS)


def in_words(kg: float) -> str:
    """3.4 → 3.40公斤（6斤8两）; grams that make no whole 两 are said to be about."""
    grams = round(kg * 1000)
    shown = f"{kg:.2f}" if grams % 10 == 0 else f"{kg:.3f}"
    jin, liang = divmod(round(grams / 50), 10)
    about = "" if grams % 50 == 0 else say("weight.about")
    form = "weight.jin" if jin and liang else "weight.jin_only" if jin else "weight.liang_only"
    return say("weight.kg", kg=shown, jin=say(form, about=about, jin=jin, liang=liang))


def since(before: date, day: date) -> str:
    """When an earlier reading was, seen from `day`: 昨天, 3天前."""
    days = (day - before).days
    return say("weight.today") if days == 0 else say("weight.yesterday") if days == 1 else say("weight.days_ago", days=days)


def compared(now: Weighing, before: Weighing | None, birth_weight_g: float | None) -> str | None:
    """比昨天多40克; without an earlier reading compared with the birth weight; None when there is nothing to compare with."""
    if before is not None:
        grams = round((now.kg - before.kg) * 1000)
        when = since(before.day, now.day)
        if grams == 0:
            return say("weight.same", when=when)
        return say("weight.gained" if grams > 0 else "weight.lost", when=when, grams=abs(grams))
    if birth_weight_g is None:
        return None
    grams = round(now.kg * 1000 - birth_weight_g)
    return None if grams == 0 else say("weight.above_birth" if grams > 0 else "weight.below_birth", grams=abs(grams))


def jumps(now: Weighing, before: Weighing | None, baby: Newborn, bounds: Reweigh) -> bool:
    """Whether a reading is too far from the last one (or, for the first, from the birth weight) to be believed at once."""
    if before is None:
        if baby.birth_weight_g is None:
            return False
        days = max(1, (now.day - baby.birth_date).days)
        grown = round(now.kg * 1000 - baby.birth_weight_g, 3)
        return (
            abs(grown) > bounds.per_day_g * days or grown > bounds.change_percent / 100 * baby.birth_weight_g + bounds.birth_gain_g * days
        )
    days = max(1, (now.day - before.day).days)
    grams = round(abs(now.kg - before.kg) * 1000, 3)
    near = days <= bounds.within_days
    return grams > bounds.per_day_g * days or (near and grams > bounds.change_percent / 100 * before.kg * 1000)


def weight_facts(now: Weighing, earlier: Sequence[Weighing], baby: Newborn, rules: RuleSet) -> Facts:
    """The facts of rules/neonatal_weight.yml; what cannot be known is left out. `earlier` is oldest first."""
    age = (now.day - baby.birth_date).days
    facts = {"age_days": float(age), "weight_kg": now.kg, "preterm": float(baby.preterm)}
    weeks = baby.gestational_age_weeks
    # Without the weeks nobody can say when a preterm child reaches term: it counts as past term, and the stricter 20 g hold.
    facts["below_term"] = float(baby.preterm and weeks is not None and age <= (TERM_WEEKS - weeks) * 7)
    if baby.birth_weight_g:
        facts["birth_kg"] = baby.birth_weight_g / 1000
        # Rounded to a hundredth of a percent: exactly 10 % must not become 10.000000001.
        facts["loss_percent"] = round((baby.birth_weight_g - now.kg * 1000) / baby.birth_weight_g * 100, 2)
    if rules.gain is not None:
        span = rules.gain
        usable = [w for w in earlier if (now.day - w.day).days >= span.over_days and (w.day - baby.birth_date).days >= span.from_age_days]
        if usable:
            days = (now.day - usable[-1].day).days
            per_day = (now.kg - usable[-1].kg) * 1000 / days
            facts |= {"gain_days": float(days), "gain_g_per_day": round(per_day, 1)}
            facts["gain_g_per_kg_day"] = round(per_day / usable[-1].kg, 1)
    return facts


def weighing(kg: float, at: datetime, zone: ZoneInfo) -> Weighing:
    """A stored reading as the rules see it."""
    return Weighing(kg, local_day(at, zone))
