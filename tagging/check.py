"""What a clinical table may not say: each refusal is one sentence that names the rule."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from tagging.errors import ContentError
from tagging.flags import Category, RedFlags, Rule
from tagging.sources import sources
from tagging.tables import Band, Bound, Symptoms, Vital, Vitals

# 不要催吐 forbids what 催吐 would advise.
_FORBIDS = re.compile(r"(?:不要|先不|不能|不可|不宜|别|切勿|禁止|不是)[^。！？；]{0,12}$")
_SOURCE = re.compile(r"\bS\d+\b")


def banned_advice(text: str, never_say: Iterable[str]) -> str | None:
    """The first expression of `never_say` (regular expressions) that `text` advises; forbidding it (不要催吐) is fine."""
    for banned in never_say:
        for match in re.finditer(banned, text):
            if not _FORBIDS.search(text[: match.start()]):
                return match.group()
    return None


def check_flags(flags: RedFlags, words: Symptoms, limits: Vitals) -> None:
    """Refuse red flags that are incomplete or contradict themselves. Raises ContentError; its text begins with category or rule id."""
    known = set(words.concepts) | {meaning.concept for vital in limits.vitals.values() for meaning in vital.means}
    tags = {*flags.tags, *limits.tag_groups, *(tag for group in limits.tag_groups.values() for tag in group)}
    _require(sorted(flags.priority) == sorted(flags.categories), "priority: it must name every category once")
    for text in (flags.safety_net, flags.meanwhile, flags.who_is_meant, *flags.second_look.model_dump().values()):
        _check_text("common texts", text, flags)
    for category_id, category in flags.categories.items():
        _check_category(category_id, category, flags)
        seen: dict[object, Rule] = {}
        names: set[str] = set()
        for rule in category.rules:
            place = f"{category_id}.{rule.id}"
            _require(rule.id not in names, f"{place}: there are two rules of this name")
            names.add(rule.id)
            _check_rule(place, rule, category, known, tags)
            conditions = repr(rule.model_dump(exclude={"id", "level", "reply", "source", "disabled", "department"}))
            twin = seen.setdefault(conditions, rule)
            _require(
                twin is rule or rule.disabled or twin.disabled,
                f"{place}: contradicts {twin.id}, which asks for the same and says {twin.level}",
            )


def check_limits(limits: Vitals, flags: RedFlags) -> None:
    """Refuse bands with unknown categories, unreachable lines or gaps. Raises ContentError; its text begins with vital.band."""
    for vital_id, vital in limits.vitals.items():
        for band in vital.bands:
            place = f"{vital_id}.{band.name}"
            _require((band.age is None) != (band.tag is None), f"{place}: a band needs either an age or a tag")
            _require(band.age is None or band.age[0] <= band.age[1], f"{place}: the age range runs backwards")
            _check_source(place, band.src)
            _check_lines(place, vital, band)
            for line in band.rules:
                reply = line.reply
                category = line.category or band.category or vital.category
                where = flags.categories.get(category) if isinstance(category, str) else None
                _require(reply is None or where is None or reply in where.replies, f"{place}: the category has no reply {reply!r}")
        for name in _named_categories(vital):
            _require(name in flags.categories, f"{vital_id}: unknown category {name!r}")


def check_words(words: Symptoms, limits: Vitals) -> None:
    """Refuse signs that imply unknown ones."""
    known = set(words.concepts) | {meaning.concept for vital in limits.vitals.values() for meaning in vital.means}
    for concept_id, concept in words.concepts.items():
        _require(set(concept.implies) <= known, f"{concept_id}: implies an unknown concept")


def _check_category(place: str, category: Category, flags: RedFlags) -> None:
    _check_source(place, category.sources)
    approved = category.review_status == "approved"
    _require(approved == (category.approval is not None), f"{place}: an approved entry, and only that, says who approved it and when")
    for name, text in (("reply", category.reply), ("question", category.question), *category.replies.items()):
        _check_text(f"{place}, {name}", text or "", flags)
    if any(rule.level == "emergency" and not rule.disabled for rule in category.rules):
        told = category.replies.get("emergency", category.reply)
        _require(bool(re.search("120|110|急诊", told)), f"{place}: the reply to an emergency must name 120, 110 or 急诊")
        _require(bool(category.question), f"{place}: a question is missing, for a sign of an emergency that is possible but unclear")


def _check_text(place: str, text: str, flags: RedFlags) -> None:
    banned = banned_advice(text, flags.never_say)
    _require(banned is None, f"{place}: says {banned!r}, which no reply may advise")
    _require("{" not in text.replace("{notified}", ""), f"{place}: only {{notified}} may stand in braces")
    _require("30分钟内会有医护" not in text, f"{place}: promises a call that only {{notified}} may promise")


def _check_rule(place: str, rule: Rule, category: Category, known: set[str], tags: set[str]) -> None:
    named = {name for entry in (*rule.when, *rule.unless, *rule.any_two) for name in entry.split("|")}
    unknown = ", ".join(sorted(named - known))
    _require(not unknown, f"{place}: unknown concept {unknown}")
    excluded = {name for entry in rule.unless for name in entry.split("|")}
    for entry in rule.when:
        _require(not set(entry.split("|")) <= excluded, f"{place}: can never fire, because {entry} is both asked for and excluded")
    _require(len(rule.any_two) != 1, f"{place}: any_two needs at least two signs")
    _require(rule.age is None or rule.age_or_unknown is None, f"{place}: give age or age_or_unknown, not both")
    for ages in (rule.age, rule.age_or_unknown):
        _require(ages is None or ages[0] <= ages[1], f"{place}: the age range runs backwards")
    _require(not set(rule.tags) & set(rule.not_tags), f"{place}: a tag is both asked for and excluded")
    strange = ", ".join(sorted({*rule.tags, *rule.not_tags} - tags))
    _require(not strange, f"{place}: unknown tag {strange}")
    _require(rule.at_least_hours is None or rule.at_least_hours > 0, f"{place}: at_least_hours must be more than 0")
    _require(rule.at_least_hours is not None or not rule.duration_unknown, f"{place}: duration_unknown needs at_least_hours")
    _require(rule.reply is None or rule.reply in category.replies, f"{place}: no reply {rule.reply!r}")
    if rule.source:
        _check_source(place, rule.source)


def _check_source(place: str, text: str) -> None:
    unknown = ", ".join(sorted({name for name in _SOURCE.findall(text) if name not in sources()}))
    _require(not unknown, f"{place}: source {unknown} does not stand in sources.yml")


def _check_lines(place: str, vital: Vital, band: Band) -> None:
    """Every line of a band must decide some value, and every acceptable value must find a line."""
    limits = sorted({limit for line in band.rules for limit in (line.lt, line.lte, line.gt, line.gte) if limit is not None})
    _require(bool(limits), f"{place}: no line has a limit")
    step = min([b - a for a, b in pairwise(limits)] + [1.0]) / 4
    points = sorted({value for limit in limits for value in (limit - step, limit, limit + step)})
    reached = {_line_of(band.rules, value) for value in points}
    for number, line in enumerate(band.rules):
        _require(number in reached or line.lt_formula is not None, f"{place}: line {number + 1} ({line.level}) can never be reached")
    low, high = (limits[0], limits[-1]) if vital.percent_of else vital.accept
    gap = next((value for value in points if low <= value <= high and _line_of(band.rules, value) is None), None)
    _require(gap is None, f"{place}: no line for {gap}")


def _line_of(lines: Iterable[Bound], value: float) -> int | None:
    for number, line in enumerate(lines):
        if line.lt_formula is None and line.holds(value):
            return number
    return None


def _named_categories(vital: Vital) -> Iterator[str]:
    choices = [vital.category, *(band.category for band in vital.bands), *(rule.category for band in vital.bands for rule in band.rules)]
    for choice in choices:
        if isinstance(choice, str):
            yield choice
        elif choice is not None:
            yield choice.below
            yield choice.above


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ContentError("bad_content", message)
