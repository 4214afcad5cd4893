"""The life of a mass message: one table of moves."""

from records.state import Moves

# Nobody is added after it was submitted, and nothing of it changes: what is approved is what is sent.
MASS_MOVES: Moves = {
    "draft": frozenset({"submitted", "cancelled"}),
    "submitted": frozenset({"approved", "draft", "cancelled"}),
    "approved": frozenset({"sending", "cancelled"}),
    "sending": frozenset({"paused", "done", "cancelled"}),
    "paused": frozenset({"sending", "cancelled"}),
    "done": frozenset(),
    "cancelled": frozenset(),
}
RECIPIENT_STATES = ("waiting", "sent", "skipped")
