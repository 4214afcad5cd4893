"""One meaning in two engines: SQL and the judgement in memory find the same among patients drawn at random, and time brings no surprise."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, create_engine, insert, select, text

from records.migrating import sqlalchemy_url
from records.schema import Patient, PatientIndex, PatientTag, PatientValue, Tag, TagEvidence, Team
from tagging.cohort.facts import Facts
from tagging.cohort.judge import judge, matches, next_on
from tagging.cohort.query import Query
from tagging.cohort.sql import Compiled
from tests.keys import KEYRING
from tests.tagging.cohort.given import LIBRARY, NOW, SCOPE, TODAY, patients, queries

SLOWLY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WARD = st.integers(1, 6).flatmap(lambda count: st.tuples(*(patients(number) for number in range(1, count + 1))))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = create_engine(sqlalchemy_url(database_url))
    made.dialect.keyring = KEYRING  # type: ignore[attr-defined]
    with made.begin() as tx:
        tx.execute(insert(Team), [{"id": number, "name": f"team {number}"} for number in (1, 2, 3)])
        rows = [{"id": each.id, "code": each.code, "name": each.name, "parent_id": each.parent_id} for each in LIBRARY.values()]
        tx.execute(insert(Tag), [row | {"kind": "diagnosis", "shared": True, "meaning": "", "updated_at": NOW} for row in rows])
    yield made
    made.dispose()


def put(tx: Connection, ward: tuple[Facts, ...]) -> None:
    """The patients into the tables that SQL reads."""
    for one in ward:
        tx.execute(
            insert(Patient).values(
                id=one.patient_id, team_id=one.team_id, record_number=f"{one.patient_id}", name="", birth_date=one.birth_date
            )
        )
        columns = ("patient_id", "team_id", "sex", "birth_date", "department", "visited_on", "discharged_on", "answered_on")
        row = {name: getattr(one, name) for name in columns} | {"tags": sorted(one.tags), "plans": list(one.plans)}
        tx.execute(insert(PatientIndex).values(row))
        for code, each in (one.values or {}).items():
            tx.execute(
                insert(PatientValue).values(
                    patient_id=one.patient_id, code=code, unit=each.unit, days=list(each.days), value=list(each.value)
                )
            )
        carried = {}
        for tag in one.tags:
            row = {"patient_id": one.patient_id, "tag_id": tag, "state": "active", "source": "his", "author": "x"}
            made = (
                insert(PatientTag).values(row | {"confidence": 1, "since": NOW, "evidence_at": NOW, "asks": False}).returning(PatientTag.id)
            )
            carried[tag] = tx.scalar(made)
        for each in one.evidence:
            row = {"patient_tag_id": carried[each.tag_id], "source": each.source, "ref_kind": each.ref_kind, "because": each.because}
            tx.execute(insert(TagEvidence).values(row | {"against": False, "confidence": 1, "at": each.at, "recorded_at": NOW}))


@SLOWLY
@given(query=queries, ward=WARD)
def test_sql_and_memory_agree_on_every_patient(engine: Engine, query: Query, ward: tuple[Facts, ...]) -> None:
    compiled = Compiled(SCOPE)
    columns = (PatientIndex.patient_id, compiled.condition(query), compiled.in_reach(), compiled.may_match(query), compiled.next_on(query))
    with engine.connect() as tx:
        put(tx, ward)
        rows = {row[0]: row[1:] for row in tx.execute(select(*columns).select_from(compiled.source))}
        chosen = set(tx.scalars(select(PatientIndex.patient_id).select_from(compiled.source).where(compiled.matches(query))))
        tx.rollback()
    for one in ward:
        verdict, in_reach, may_match, day = rows[one.patient_id]
        assert verdict is judge(query, one, SCOPE)
        assert (one.patient_id in chosen) == matches(query, one, SCOPE)
        assert (day if in_reach and may_match else None) == next_on(query, one, SCOPE)


@settings(max_examples=150, deadline=None)
@given(query=queries, one=patients(1), days=st.integers(1, 60))
def test_no_verdict_changes_before_the_day_that_was_reckoned(query: Query, one: Facts, days: int) -> None:
    due = next_on(query, one, SCOPE)
    last = TODAY + timedelta(days=days) if due is None else min(due - timedelta(days=1), TODAY + timedelta(days=days))
    day = TODAY
    while day < last:
        day += timedelta(days=1)
        assert matches(query, one, replace(SCOPE, today=day)) == matches(query, one, SCOPE)


@settings(max_examples=100, deadline=None)
@given(query=queries, one=patients(1))
def test_what_is_not_known_is_not_made_known_by_a_not(query: Query, one: Facts) -> None:
    from tagging.cohort.query import Not

    verdict = judge(query, one, SCOPE)
    assert judge(Not(query), one, SCOPE) is (None if verdict is None else not verdict)


def test_names_reach_the_server_as_parameters_alone(engine: Engine) -> None:
    from tagging.cohort.parse import parse

    hostile = """科室 "'; drop table patient; --" 或 最近 "x') or 1=1 --" > 1 "%(a)s" 或 计划 "{}:active' or true --" 进行中"""
    compiled = Compiled(SCOPE)
    with engine.connect() as tx:
        statement = select(PatientIndex.patient_id).where(compiled.condition(parse(hostile))).select_from(compiled.source)
        assert "drop table" not in str(statement.compile(dialect=engine.dialect))
        assert list(tx.scalars(statement)) == []
        assert tx.scalar(text("select count(*) from patient")) == 0
