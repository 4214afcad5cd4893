"""A template as somebody writes it: YAML without what goes without saying."""

from typing import Any

import yaml

from plans.template.plan import PlanTemplate
from plans.template.usual import usual_texts


def body_of(template: PlanTemplate) -> dict[str, Any]:
    """What a template says, as plain JSON; what is worded as usual is left out. Reading it again gives the same template."""
    body = template.model_dump(mode="json", exclude_defaults=True)
    usual = usual_texts()
    texts = {name: text for name, text in template.texts.model_dump().items() if usual.get(name) != text}
    body.pop("texts", None)
    for step in body["steps"]:
        for question in step.get("questions", ()):
            for name, same in (
                ("context", question["ask"]),
                ("again", usual["again"].get(question["kind"])),
                ("declines", usual["declines"]),
            ):
                if question.get(name) == same:
                    del question[name]
    return body | ({"texts": texts} if texts else {})


def to_yaml(template: PlanTemplate) -> str:
    """The template as a file."""
    written: str = yaml.safe_dump(body_of(template), allow_unicode=True, sort_keys=False, width=140)
    return written
