"""What is different between two versions of a template."""

from dataclasses import dataclass

from plans.template.plan import PlanTemplate


@dataclass(frozen=True)
class Difference:
    """Steps by id; `changed` gives for each the fields that differ, `head` those of the template itself."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[str, ...]]
    head: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing but the version differs."""
        return not (self.added or self.removed or self.changed or self.head)


def difference(old: PlanTemplate, new: PlanTemplate) -> Difference:
    """From `old` to `new`, in the order of the new one."""
    before = {step.id: step.model_dump() for step in old.steps}
    after = {step.id: step.model_dump() for step in new.steps}
    changed = {
        id: tuple(name for name in step if step[name] != before[id][name]) for id, step in after.items() if before.get(id, step) != step
    }
    heads = [{name: value for name, value in each.model_dump().items() if name not in ("steps", "version")} for each in (old, new)]
    return Difference(
        tuple(id for id in after if id not in before),
        tuple(id for id in before if id not in after),
        changed,
        tuple(name for name in heads[1] if heads[0][name] != heads[1][name]),
    )
