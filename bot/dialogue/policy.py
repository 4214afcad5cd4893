"""Rasa's RulePolicy, which weighs every rule against the whole conversation at every step; here the same course is weighed once."""

from collections.abc import Hashable
from typing import Any

from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import RULES, RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import TEXT

Predicted = tuple[PolicyPrediction, str | None]
# What a conversation came by since its session began; None when something happened in it that is not known here.
Course = tuple[Hashable, ...] | None
# Courses differ little between families.
COURSES = 4096
# What a rule never sees.
_UNSEEN = frozenset({DefinePrevUserUtteredFeaturization, BotUttered})


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class QuickRulePolicy(RulePolicy):
    """The same predictions as RulePolicy: what a rule sees of a conversation decides alone what it finds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._by_course: dict[Hashable, Predicted] = {}
        self._by_text: bool | None = None

    def _predict(self, tracker: DialogueStateTracker, domain: Domain) -> Predicted:
        course = _course(tracker)
        known = self._by_course.get(course) if course is not None else None
        if known is not None:
            return known
        found: Predicted = super()._predict(tracker, domain)
        # Events belong to one conversation. Probabilities are changed by nobody: only a rejected action is taken out, and that is no
        # course which is known here.
        if course is not None and not found[0].events:
            if len(self._by_course) >= COURSES:
                self._by_course.clear()
            self._by_course[course] = found
        return found

    def _find_action_from_rules(
        self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool
    ) -> tuple[str | None, str | None, bool]:
        if self._by_text is None:
            self._by_text = any(f'"{TEXT}":' in key or f"{TEXT}:" in key for key in self.lookup.get(RULES, ()))
        if use_text_for_last_user_input and not self._by_text:
            return None, None, False
        found: tuple[str | None, str | None, bool] = super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)
        return found


def _course(tracker: DialogueStateTracker) -> Course:
    """What states are made of, from the last event back: actions, intents and entities, forms, and slots that count."""
    course: list[Hashable] = [tracker.active_loop_name]
    for event in reversed(tracker.events):
        kind = type(event)
        if kind is ActionExecuted:
            course.append((event.action_name, event.hide_rule_turn))
        elif kind is SlotSet:
            if tracker.slots[event.key].influence_conversation:
                course.append((event.key, repr(event.value)))
        elif kind is UserUttered:
            course.append((event.intent_name, frozenset((e.get("entity"), e.get("role"), e.get("group")) for e in event.entities)))
        elif kind is ActiveLoop:
            course.append((event.type_name, event.name))
        elif kind is SessionStarted:
            break
        elif kind not in _UNSEEN:
            return None
    return tuple(course)
