"""The table from a task's state to its disposition is total and unique, and reads alike in Python and in the database."""

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from plans.measures.disposition import ANSWERED, ANY, DUE, ENDED, REACHED, TABLE, Disposition, as_sql, disposition
from plans.task import OPEN, TASK_MOVES
from records.database import Database

OUTCOMES = ["no_answer", "told", "not_yet", "unanswered", "expired", "window_closed", "done", "cannot", "it's", ""]
states = st.sampled_from(sorted(TASK_MOVES))
outcomes = st.none() | st.sampled_from(OUTCOMES) | st.text(max_size=8)


@given(states, outcomes)
def test_every_state_with_whatever_outcome_has_one_disposition(state: str, outcome: str | None) -> None:
    assert disposition(state, outcome) in Disposition


@given(states, outcomes)
def test_what_is_open_has_not_ended_and_what_is_closed_has(state: str, outcome: str | None) -> None:
    found = disposition(state, outcome)
    over = ENDED | {Disposition.WITHDRAWN, Disposition.TOLD}
    assert (found in over) == (state not in OPEN)


def test_the_table_names_no_state_that_a_task_cannot_have_and_every_disposition_can_occur() -> None:
    assert {state for state, _ in TABLE} == set(TASK_MOVES)
    assert {(state, ANY) for state in TASK_MOVES} <= set(TABLE)
    assert set(TABLE.values()) == set(Disposition)


def test_answered_reached_and_due_lie_within_one_another() -> None:
    assert ANSWERED < REACHED < DUE < frozenset(Disposition)


async def test_the_database_reads_the_same_table(db: Database) -> None:
    cases = [(state, outcome) for state in TASK_MOVES for outcome in [None, *OUTCOMES]]
    given_ = "unnest(cast(:states as text[]), cast(:outcomes as text[])) with ordinality as t (state, outcome, n)"
    query = text(f"select {as_sql('t')} from {given_} order by n")  # noqa: S608 - our own words
    async with db.transaction() as tx:
        found = list(await tx.scalars(query, {"states": [s for s, _ in cases], "outcomes": [o for _, o in cases]}))
    assert found == [disposition(state, outcome) for state, outcome in cases]
