"""Whether a loaded model can work in this program."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

# What a domain file lists, and where a loaded domain keeps it.
_PARTS: dict[str, Callable[[Any], Iterable[str]]] = {
    "intents": lambda domain: domain.intents,
    "actions": lambda domain: domain.action_names_or_texts,
    "responses": lambda domain: domain.responses,
    "forms": lambda domain: domain.form_names,
    "slots": lambda domain: [slot.name for slot in domain.slots],
}


def missing(root: Path, domain: Any, registered: Iterable[str]) -> list[str]:
    """What the domain of the tree below `root` has and the model's has not, and the model's actions that nobody has written."""
    lacking = []
    for path in sorted((root / "bot/domain").glob("*.yml")):
        written = yaml.safe_load(path.read_text("utf-8")) or {}
        for part, known in _PARTS.items():
            names = {next(iter(each)) if isinstance(each, dict) else str(each) for each in written.get(part) or ()}
            lacking += sorted(names - set(known(domain)))
    runnable = set(registered) | set(domain.responses)
    return lacking + sorted(name for name in domain.user_actions if name.startswith("action_") and name not in runnable)


def let_go(agent: Any) -> None:
    """Take a model apart: its parts refer to each other in circles, and the collector does not look at what was frozen."""
    for part in (agent.processor.graph_runner, agent.processor, agent):
        vars(part).clear()
