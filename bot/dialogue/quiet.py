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
    lines that are never written (0.3 ms a turn), and plays again from its beginning to have a copy of (0.1 ms for every action)."""
    from rasa.core import processor
    from rasa.core.actions.action import RemoteAction
    from rasa.core.policies import rule_policy
    from rasa.shared.core.events import Event
    from rasa.shared.core.trackers import DialogueStateTracker

    DialogueStateTracker.copy = _copied
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


def _copied(tracker: Any) -> Any:
    """A tracker of its own with the same past: what has happened never changes, slots and the list of events do."""
    twin = copy(tracker)
    twin.events = tracker.events.copy()
    twin.slots = {name: copy(slot) for name, slot in tracker.slots.items()}
    twin.active_loop = copy(tracker.active_loop)
    return twin
