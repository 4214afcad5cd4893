"""Rasa's RulePolicy, which weighs every rule against the whole conversation at every step; here the same situation is weighed once."""

from typing import Any

from rasa.core.policies.rule_policy import RULES, RulePolicy
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import TEXT

Found = tuple[str | None, str | None, bool]
# Situations (states of the last turns) differ little between families.
SITUATIONS = 4096


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.POLICY_WITHOUT_END_TO_END_SUPPORT, is_trainable=True)
class QuickRulePolicy(RulePolicy):
    """The same predictions as RulePolicy: what a rule sees of a conversation decides alone what it finds."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._found: dict[tuple[str | None, str], Found] = {}
        self._by_text: bool | None = None

    def _find_action_from_rules(self, tracker: DialogueStateTracker, domain: Domain, use_text_for_last_user_input: bool) -> Found:
        if self._by_text is None:
            self._by_text = any(f'"{TEXT}":' in key or f"{TEXT}:" in key for key in self.lookup.get(RULES, ()))
        if use_text_for_last_user_input and not self._by_text:
            return None, None, False
        if use_text_for_last_user_input:
            found: Found = super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)
            return found
        states = self._prediction_states(tracker, domain, rule_only_data=self._get_rule_only_data())
        situation = tracker.active_loop_name, self._create_feature_key(states) or ""
        if situation not in self._found:
            if len(self._found) >= SITUATIONS:
                self._found.clear()
            self._found[situation] = super()._find_action_from_rules(tracker, domain, use_text_for_last_user_input)
        return self._found[situation]
