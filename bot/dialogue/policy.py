"""Rasa's RulePolicy, which weighs every rule against the whole conversation at every step; here the same situation is weighed once."""

from collections.abc import Hashable
from typing import Any

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

Found = tuple[str | None, str | None, bool]
# What a conversation came by; None when something happened in it that is not known here.
Course = tuple[Hashable, ...] | None
# Situations (states of the last turns) differ little between families.
SITUATIONS = 4096


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class QuickRulePolicy(RulePolicy):
    """The same predictions as RulePolicy: what a rule sees of a conversation decides alone what it finds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._found: dict[tuple[str | None, str], Found] = {}
        self._by_course: dict[Hashable, Found] = {}
        self._by_text: bool | None = None

    def _find_action_from_rules(self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool) -> Found:
        if self._by_text is None:
            self._by_text = any(f'"{TEXT}":' in key or f"{TEXT}:" in key for key in self.lookup.get(RULES, ()))
        if use_text_for_last_user_input and not self._by_text:
            return None, None, False
        if use_text_for_last_user_input:
            found: Found = super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)
            return found
        # Working out the states costs most of a prediction; the same course of events leads to the same states.
        course = _course(tracker)
        known = self._by_course.get(course) if course is not None else None
        if known is not None:
            return known
        found = self._by_situation(tracker, domain)
        if course is not None:
            if len(self._by_course) >= SITUATIONS:
                self._by_course.clear()
            self._by_course[course] = found
        return found

    def _by_situation(self, tracker: DialogueStateTracker, domain: Domain) -> Found:
        states = self._prediction_states(tracker, domain, rule_only_data=self._get_rule_only_data())
        situation = tracker.active_loop_name, self._create_feature_key(states) or ""
        if situation not in self._found:
            if len(self._found) >= SITUATIONS:
                self._found.clear()
            self._found[situation] = super()._find_action_from_rules(tracker, domain, False)
        return self._found[situation]


def _course(tracker: DialogueStateTracker) -> Course:
    """What states are made of: actions, intents and entities, forms, and slots that count, in their order."""
    course: list[Hashable] = [tracker.active_loop_name]
    for event in tracker.applied_events():
        if isinstance(event, ActionExecuted):
            course.append((event.action_name, event.hide_rule_turn))
        elif isinstance(event, UserUttered):
            course.append((event.intent_name, frozenset((e.get("entity"), e.get("role"), e.get("group")) for e in event.entities)))
        elif isinstance(event, SlotSet):
            if tracker.slots[event.key].influence_conversation:
                course.append((event.key, repr(event.value)))
        elif isinstance(event, ActiveLoop):
            course.append((event.type_name, event.name))
        elif not isinstance(event, SessionStarted | DefinePrevUserUtteredFeaturization | BotUttered):
            return None
    return tuple(course)
