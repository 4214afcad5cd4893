"""The quick policy finds what Rasa's own finds, whatever the conversation."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.dialogue.agent import Dialogue

pytestmark = pytest.mark.dialogue

INTENTS = ["greet", "thanks", "report", "ask_question", "human", "deny", "nlu_fallback", "skip", "unheard_of"]
ACTIONS = ["action_greet", "utter_thanks", "action_report", "follow_up_form", "action_listen"]
STEPS = st.one_of(
    st.tuples(st.just("said"), st.sampled_from(INTENTS)),
    st.tuples(st.just("did"), st.sampled_from(ACTIONS)),
    st.tuples(st.just("form"), st.sampled_from(["follow_up_form", None])),
)


def events(kind: str, name: str | None) -> list[Any]:
    # Rasa is imported by the dialogue, quietly, and not before.
    from rasa.shared.core.events import ActionExecuted, ActiveLoop, SlotSet, UserUttered

    if kind == "said":
        return [ActionExecuted("action_listen"), UserUttered("x", {"name": name, "confidence": 1.0})]
    if kind == "did":
        return [ActionExecuted(name)]
    return [ActiveLoop(name), SlotSet("requested_slot", name and "answer")]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, min_size=1, max_size=8))
def test_it_predicts_what_rule_policy_predicts(dialogue: Dialogue, steps: list[tuple[str, str | None]]) -> None:
    from rasa.core.policies.rule_policy import RulePolicy
    from rasa.shared.core.trackers import DialogueStateTracker

    from bot.dialogue.policy import QuickRulePolicy

    nodes = dialogue._agent.processor.graph_runner._nodes.values()
    policy = next(node._component for node in nodes if isinstance(node._component, QuickRulePolicy))
    domain = dialogue._agent.domain
    happened = [event for step in steps for event in events(*step)]
    tracker = DialogueStateTracker.from_events("x", happened, slots=domain.slots, domain=domain)
    expected = RulePolicy._predict(policy, tracker, domain)[0]
    # The first may be weighed, the second is remembered.
    assert policy._predict(tracker, domain)[0] == expected
    assert policy._predict(tracker, domain)[0] == expected
