"""What became of a follow-up: one table from a task's state and outcome to its disposition. Completion and response derive from it alone.

A task that nobody has begun to send is `planned`; every other word says how far it came.
"""

from collections.abc import Mapping
from enum import StrEnum

ANY = "*"


class Disposition(StrEnum):
    """How far a follow-up came."""

    PLANNED = "planned"
    NEVER_REACHED = "never_reached"
    DELIVERED = "delivered"
    STARTED = "started"
    PARTIAL = "partial"
    BROKE_OFF = "broke_off"
    DONE = "done"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    TOLD = "told"


# (state, outcome) → disposition; the row of the very outcome goes before the row of any. The states are those of plans/task.py.
# A family that only said "later" broke off; one that never said a word let it expire; some answers, but not all, are partial.
TABLE: Mapping[tuple[str, str], Disposition] = {
    ("scheduled", ANY): Disposition.PLANNED,
    ("sent", ANY): Disposition.DELIVERED,
    ("reminded", ANY): Disposition.DELIVERED,
    ("started", ANY): Disposition.STARTED,
    # A message or a lesson: it asked for nothing, so nothing was answered.
    ("done", "told"): Disposition.TOLD,
    ("done", ANY): Disposition.DONE,
    ("partial", ANY): Disposition.PARTIAL,
    ("declined", ANY): Disposition.DECLINED,
    ("missed", "not_yet"): Disposition.BROKE_OFF,
    ("missed", ANY): Disposition.EXPIRED,
    ("undeliverable", ANY): Disposition.NEVER_REACHED,
    ("withdrawn", ANY): Disposition.WITHDRAWN,
}
# Something came back: an answer, a part of one, "later", or a no. Declining is an answer.
ANSWERED = frozenset({Disposition.STARTED, Disposition.PARTIAL, Disposition.BROKE_OFF, Disposition.DONE, Disposition.DECLINED})
# Clinical reference §7: an answer was due, and it was not cancelled.
DUE = frozenset(Disposition) - {Disposition.PLANNED, Disposition.WITHDRAWN, Disposition.TOLD}
# It came to the family, so that an answer could be expected.
REACHED = DUE - {Disposition.NEVER_REACHED}
# Nothing more can come of it.
ENDED = DUE - {Disposition.DELIVERED, Disposition.STARTED}


def disposition(state: str, outcome: str | None) -> Disposition:
    """What became of a task. Raises KeyError for a state that the table does not know."""
    return TABLE[state, outcome] if outcome is not None and (state, outcome) in TABLE else TABLE[state, ANY]


def as_sql(task: str = "task") -> str:
    """The same table as an SQL expression over the columns of `task`, an alias of ours. A state that it does not know gives null."""
    exact = [f"when {task}.state = '{s}' and {task}.outcome = '{o}' then '{d}'" for (s, o), d in TABLE.items() if o != ANY]
    others = [f"when {task}.state = '{s}' then '{d}'" for (s, o), d in TABLE.items() if o == ANY]
    return f"(case {' '.join([*exact, *others])} end)"


def listed(dispositions: frozenset[Disposition]) -> str:
    """The dispositions as a list for an SQL `in`."""
    return "(" + ", ".join(f"'{each}'" for each in sorted(dispositions)) + ")"
