"""What of the assistant conversations reach: intents, forms, actions, responses, and the other texts that families read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from bot.dialogue.agent import Dialogue
from tests.dialogue.conftest import ROOT

PLACE = re.compile(r"\{\w+\}")
# Shorter texts are joints (，) and names, which say nothing by themselves.
SHORTEST = 4
# Of these files the parts that families read.
TEXTS = {
    "bot/texts.yml": "family",
    "plans/binding.yml": (
        "steps welcome refused start matched already mismatch locked too_many adult_only bound follow_primary follow_other no_consent left"
        " failed_often earlier_danger joined invitation invitation_full invitation_other invitation_nowhere"
    ),
    "plans/chart.yml": "visit prepare medicine result reschedule",
    "plans/privacy.yml": "ask whose more about withdrawn",
    "plans/templates/neonatal.yml": "texts",
    "plans/wording.yml": "echo reweigh implausible report follow_up trend upcoming consent today rating questionnaire",
}


@dataclass
class Reached:
    """Names as the domain has them, and every text that was said."""

    intents: set[str] = field(default_factory=set)
    forms: set[str] = field(default_factory=set)
    actions: set[str] = field(default_factory=set)
    responses: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    def of(self, kind: str) -> set[str]:
        """What of `kind` was reached."""
        if kind == "texts":
            return {name for name, pattern in texts().items() if any(pattern.search(each) for each in self.said)}
        reached: set[str] = getattr(self, kind)
        return reached


@contextmanager
def watched(dialogue: Dialogue, reached: Reached) -> Iterator[None]:
    """Notes which actions the dialogue runs and which responses it says, as long as it lasts."""
    processor: Any = dialogue._agent.processor
    executor, speech = processor.action_endpoint.executor, processor.nlg
    run, generate = executor.run, speech.generate

    async def noted_run(call: dict[str, Any]) -> Any:
        reached.actions.add(call["next_action"])
        return await run(call)

    async def noted_generate(response: str, *args: Any, **kwargs: Any) -> Any:
        reached.responses.add(response)
        return await generate(response, *args, **kwargs)

    executor.run, speech.generate = noted_run, noted_generate
    try:
        yield
    finally:
        del executor.run, speech.generate


def there_are() -> dict[str, set[str]]:
    """Everything that there is to reach, by kind."""
    domain = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "bot/domain").glob("*.yml"))]

    def names(key: str) -> set[str]:
        return {next(iter(each)) if isinstance(each, dict) else each for part in domain for each in part.get(key) or ()}

    return {kind: names(kind) for kind in ("intents", "forms", "actions", "responses")} | {"texts": set(texts())}


def texts() -> dict[str, re.Pattern[str]]:
    """What families read beside the domain's responses, by file and key, as a pattern that finds it with its places filled in."""
    found: dict[str, re.Pattern[str]] = {}
    for path, keys in TEXTS.items():
        raw = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
        for key in keys.split():
            for name, text in _leaves(key, raw[key]):
                if len(PLACE.sub("", text)) >= SHORTEST:
                    found[f"{path} {name}"] = _pattern(text)
    for path_ in sorted((ROOT / "plans/questionnaires").glob("*.yml")):
        raw = yaml.safe_load(path_.read_text(encoding="utf-8"))
        for key in ("intro", "closing", "closing_raised"):
            found[f"plans/questionnaires/{path_.name} {key}"] = _pattern(raw[key])
    return found


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".+?".join(re.escape(part) for part in PLACE.split(text.strip())), re.S)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(f"{name}.{key}", each)
    elif isinstance(value, str):
        yield name, value
