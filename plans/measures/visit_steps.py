"""Which steps of the shipped plans are visits."""

from plans.template import load_templates


def visit_steps() -> list[tuple[str, str]]:
    """(template, step) of every step that reminds of a visit, in the newest version of each template."""
    return [(id, step.id) for id, template in load_templates().items() for step in template.steps if step.kind == "visit"]
