"""A department's own file: other levels, limits and replies for its patients, on top of the tables of the house."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tagging.errors import ContentError
from tagging.flags import Category, Department, RedFlags, Rule, RuleChange
from tagging.folder import read_yaml
from tagging.tables import Band, Vital, Vitals, severity


def read_department(path: Path) -> Department:
    """Read one overlay. Raises ContentError (`bad_content`) in a sentence that names the file and the place."""
    return department_of(read_yaml(path), path.name)


def department_of(value: Mapping[str, Any], name: str) -> Department:
    """An overlay that was read elsewhere, called `name` in what is told. Raises ContentError (`bad_content`)."""
    try:
        return Department.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ContentError("bad_content", f"{name}, {place or 'top'}: {first['msg']}") from error


def lay_over(department: Department, flags: RedFlags, limits: Vitals) -> tuple[RedFlags, Vitals]:
    """The tables as `department` wants them. Raises ContentError whose text begins with the rule, band or category it is about."""
    mark = f"{department.department}, {department.approved_by}, {department.approved_on.isoformat()}"
    categories = dict(flags.categories)
    for name, change in department.rules.items():
        category_id, category, rule = _rule(categories, name)
        rules = tuple(_changed(name, rule, change, mark) if other.id == rule.id else other for other in category.rules)
        categories[category_id] = category.model_copy(update={"rules": rules})
    for new in department.add:
        category = _category(categories, new.category, f"{new.category}.{new.id}")
        rule = Rule.model_validate(new.model_dump(exclude={"category"}) | {"department": mark})
        categories[new.category] = category.model_copy(update={"rules": (*category.rules, rule)})
    for category_id, texts in department.replies.items():
        category = _category(categories, category_id, category_id)
        categories[category_id] = category.model_copy(update=_replies(category, texts))
    vitals = dict(limits.vitals)
    for name, lines in department.bands.items():
        vital_id, _, band_name = name.partition(".")
        vital = vitals.get(vital_id)
        band = next((band for band in vital.bands if band.name == band_name), None) if vital else None
        if vital is None or band is None:
            raise ContentError("bad_content", f"{name}: there is no such band")
        own = band.model_copy(update={"rules": lines.rules, "src": lines.source, "department": mark})
        if _softer(vital, band, own) and not lines.reason:
            raise ContentError("bad_content", f"{name}: makes an emergency less than it was and needs a reason")
        vitals[vital_id] = vital.model_copy(update={"bands": tuple(own if other is band else other for other in vital.bands)})
    return flags.model_copy(update={"categories": categories}), limits.model_copy(update={"vitals": vitals})


def _category(categories: Mapping[str, Category], category_id: str, place: str) -> Category:
    if category_id not in categories:
        raise ContentError("bad_content", f"{place}: there is no such category")
    return categories[category_id]


def _rule(categories: Mapping[str, Category], name: str) -> tuple[str, Category, Rule]:
    category_id, _, rule_id = name.partition(".")
    category = _category(categories, category_id, name)
    rule = next((rule for rule in category.rules if rule.id == rule_id), None)
    if rule is None:
        raise ContentError("bad_content", f"{name}: there is no such rule")
    return category_id, category, rule


def _changed(name: str, rule: Rule, change: RuleChange, mark: str) -> Rule:
    set_here = change.model_dump(exclude_none=True, exclude={"reason"})
    if not set_here:
        raise ContentError("bad_content", f"{name}: nothing is changed")
    own = rule.model_copy(update=set_here | {"department": mark})
    weaker = own.disabled or severity(own.level) < severity(rule.level)
    if weaker and rule.level == "emergency" and not change.reason:
        raise ContentError("bad_content", f"{name}: makes an emergency less than it was and needs a reason")
    return own


def _replies(category: Category, texts: Mapping[str, str]) -> dict[str, Any]:
    """`default` is the reply of the category, anything else a variant by level or name."""
    own = dict(texts)
    reply = own.pop("default", category.reply)
    return {"reply": reply, "replies": {**category.replies, **own}}


def _softer(vital: Vital, before: Band, after: Band) -> bool:
    """Whether a value that was an emergency no longer is, looked for in fine steps over the accepted range."""
    low, high = (0.0, 100.0) if vital.percent_of else vital.accept
    values = [low + (high - low) * step / 2000 for step in range(2001)]
    return any(_level(before, value) == "emergency" and _level(after, value) != "emergency" for value in values)


def _level(band: Band, value: float) -> str | None:
    return next((line.level for line in band.rules if line.lt_formula is None and line.holds(value)), None)
