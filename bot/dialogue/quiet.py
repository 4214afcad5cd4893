"""Rasa made quiet and small: no telemetry, no patient text in any log, one TensorFlow thread; and its slow spots mended."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from types import SimpleNamespace
from typing import Any

import structlog

_ENVIRONMENT = {
    "RASA_TELEMETRY_ENABLED": "false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_INTRA_OP_PARALLELISM_THREADS": "1",
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # The training cache would bring back parts that were trained under another configuration.
    "RASA_MAX_CACHE_SIZE": "0",
    # Rasa's word for "no progress bars".
    "LOG_LEVEL": "ERROR",
}


class _Silence:
    """A structlog logger that says nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


class _QuietFactory:
    """structlog.get_logger, but Rasa's modules get silence: they write whole messages, whatever the process has configured."""

    def __init__(self, get_logger: Any) -> None:
        self._get_logger = get_logger

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        caller = str(sys._getframe(1).f_globals.get("__name__", ""))
        return _Silence() if caller.split(".")[0] in ("rasa", "rasa_sdk") else self._get_logger(*args, **kwargs)


def prepare() -> None:
    """To be called before Rasa is imported; calling it again does no harm."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if not isinstance(structlog.get_logger, _QuietFactory):
        structlog.get_logger = _QuietFactory(structlog.get_logger)
    # What goes wrong in an action is raised to the caller (embedding.py), who logs it without the family's words.
    for logger in ("rasa", "rasa_sdk", "tensorflow", "matplotlib", "apscheduler"):
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)


@contextmanager
def quietly() -> Iterator[None]:
    """Around imports, training and loading: Rasa's libraries complain of each other's age, which nobody here can change."""
    prepare()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def mend() -> None:
    """What Rasa checks anew for every action (20 ms), looks up for every stored event (0.1 ms each), copies in depth for debug
    lines that are never written (0.3 ms a turn), plays again from its beginning to have a copy of (0.1 ms for every action), draws
    lots for where there is one (0.05 ms for every response), makes anew with all others for every prediction (0.05 ms), and copies
    although it hardly ever changes (0.1 ms for the slots of a turn)."""
    from rasa.core import processor
    from rasa.core.actions import action
    from rasa.core.actions.action import RemoteAction
    from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
    from rasa.core.policies import rule_policy
    from rasa.shared.core.events import Event
    from rasa.shared.core.slots import Slot
    from rasa.shared.core.trackers import DialogueStateTracker

    DialogueStateTracker.copy = _copied
    # A slot never changes, it is replaced: so one may stand in many trackers.
    Slot.__copy__ = lambda slot: slot
    DialogueStateTracker._set_slot, DialogueStateTracker._reset_slots = _replaced_slot, _emptied_slots
    if not hasattr(action.action_for_index, "made"):
        action.action_for_index = _once_for_each_index(action.action_for_index)
    if not hasattr(TemplatedNaturalLanguageGenerator, "chosen_by_lot"):
        TemplatedNaturalLanguageGenerator.chosen_by_lot = TemplatedNaturalLanguageGenerator._random_response_for
        TemplatedNaturalLanguageGenerator._random_response_for = _the_response
    # What comes out of the executor in this process has the shape that Rasa asks a server's answer for.
    RemoteAction._validate_action_result = lambda self, result: True
    # In these two modules of 3.6.21 every deep copy is the argument of a debug line.
    processor.copy = rule_policy.copy = SimpleNamespace(deepcopy=lambda it: it)
    if not hasattr(Event.resolve_by_type, "known"):
        resolve, known = Event.resolve_by_type, {}

        def resolve_by_type(type_name: str, default: Any = None) -> Any:
            if type_name not in known:
                known[type_name] = resolve(type_name, default)
            return known[type_name]

        resolve_by_type.known = known  # type: ignore[attr-defined]
        Event.resolve_by_type = staticmethod(resolve_by_type)


def without_extraction(processor: Any) -> None:
    """Rasa looks at every message for what could fill each slot; where all slots are filled by actions alone, there is nothing to find."""
    from rasa.shared.core.constants import DEFAULT_SLOT_NAMES

    mappings = [mapping for slot in processor.domain.slots if slot.name not in DEFAULT_SLOT_NAMES for mapping in slot.mappings]
    validated = "action_validate_slot_mappings" in processor.domain.user_actions
    if not validated and all(mapping.get("type") == "custom" and "action" not in mapping for mapping in mappings):
        processor.run_action_extract_slots = _nothing_extracted


async def _nothing_extracted(output_channel: Any, tracker: Any) -> Any:
    return tracker


def _replaced_slot(tracker: Any, key: str, value: Any) -> None:
    # Rasa only writes a line about a slot that the domain does not have.
    if key in tracker.slots:
        tracker.slots[key] = twin = _twin(tracker.slots[key])
        twin.value = value


def _emptied_slots(tracker: Any) -> None:
    for key, slot in tracker.slots.items():
        if slot.has_been_set:
            tracker.slots[key] = twin = _twin(slot)
            twin.reset()


def _twin(slot: Any) -> Any:
    twin = object.__new__(type(slot))
    vars(twin).update(vars(slot))
    return twin


def _once_for_each_index(make: Any) -> Any:
    """Actions hold nothing of a conversation: those of a domain are made once."""

    def action_for_index(index: int, domain: Any, action_endpoint: Any) -> Any:
        made = vars(domain).setdefault("made_actions", {})
        if index not in made:
            made[index] = make(index, domain, action_endpoint)
        return made[index]

    action_for_index.made = True  # type: ignore[attr-defined]
    return action_for_index


def _the_response(generator: Any, utter_action: str, output_channel: str, filled_slots: dict[str, Any]) -> Any:
    """The response that stands alone, in whatever channel; of several, Rasa chooses."""
    responses = generator.responses.get(utter_action, ())
    if len(responses) == 1 and not responses[0].keys() & {"condition", "channel"}:
        return responses[0]
    return generator.chosen_by_lot(utter_action, output_channel, filled_slots)


def _copied(tracker: Any) -> Any:
    """A tracker of its own with the same past: what has happened never changes, the lists of slots and events do."""
    twin = copy(tracker)
    twin.events = tracker.events.copy()
    twin.slots = tracker.slots.copy()
    twin.active_loop = copy(tracker.active_loop)
    return twin
