"""Pages of real views: SQLite's, and PostgreSQL's with its own types."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.sqlview.view import View, ViewError, open_view, read_page

LAB = View("v_lab", "updated", ("report", "item"), ("report", "item", "value", "updated"), page=3)


def everything(url: str, view: View) -> list[dict[str, str | None]]:
    """All rows, page by page."""
    engine, rows, position = open_view(url), [], None
    while True:
        page = read_page(engine, view, position)
        rows += page.rows
        if len(page.rows) < view.page:
            return rows
        position = page.positions[-1]


def hospital(folder: Path, rows: list[tuple[int, str, str | None]]) -> str:
    """A SQLite database with a view of these results: report, item, time."""
    with sqlite3.connect(folder / "lis.db") as lis:
        lis.execute("drop table if exists lab")
        lis.execute("create table lab (report integer, item text, value text, updated timestamp)")
        lis.executemany("insert into lab values (?, ?, '5.1', ?)", rows)
        lis.execute("create view if not exists v_lab as select * from lab")
    return f"sqlite:///{folder / 'lis.db'}"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abcd"), st.integers(0, 3)), unique_by=lambda row: row[:2], max_size=20))
def test_every_row_comes_once_however_many_share_a_time(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, int]]) -> None:
    folder = tmp_path_factory.mktemp("lis")
    url = hospital(folder, [(report, item, f"2026-03-0{1 + day} 08:00:00") for report, item, day in rows])
    read = [(row["report"], row["item"]) for row in everything(url, LAB)]
    assert sorted(read) == sorted((str(report), item) for report, item, _ in rows)


def test_a_row_without_a_time_is_left_out(tmp_path: Path) -> None:
    url = hospital(tmp_path, [(1, "a", None), (2, "a", "2026-03-01 08:00:00")])
    assert [row["report"] for row in everything(url, LAB)] == ["2"]


def test_postgres_types_come_as_text(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as his:
        his.execute("create schema his")
        his.execute(
            "create view his.v_lab as select 7 as report, 'HGB' as item, 98.50::numeric as value, date '2024-05-06' as born,"
            " true as final, '\\x00'::bytea as scan, timestamptz '2026-03-01 08:00:00+08' as updated"
        )
    view = View("his.v_lab", "updated", ("report", "item"), ("report", "item", "value", "born", "final", "scan", "updated"))
    [row] = everything(database_url, view)
    assert (row["report"], row["value"], row["born"], row["final"], row["scan"]) == ("7", "98.50", "2024-05-06", "1", None)


def test_the_session_cannot_write(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as his:
        his.execute("create table written (at timestamptz)")
        his.execute("create function sneaky() returns setof written language sql as 'insert into written values (now()) returning at'")
        his.execute("create view v_lab as select 1 as report, 'a' as item, '1' as value, at as updated from sneaky()")
    with pytest.raises(ViewError) as err:
        everything(database_url, LAB)
    assert err.value.code == "refused"
    with psycopg.connect(database_url) as his:
        assert his.execute("select count(*) from written").fetchone() == (0,)


@pytest.mark.parametrize("name", ["v_lab; drop table lab", 'v_lab" where 1=1 --', "nowhere.v_lab", "v_lap"])
def test_a_name_is_a_name_and_nothing_else(tmp_path: Path, name: str) -> None:
    url = hospital(tmp_path, [(1, "a", "2026-03-01 08:00:00")])
    with pytest.raises(ViewError) as err:
        everything(url, View(name, "updated", ("report",), ("report", "updated")))
    assert not err.value.permanent
    assert len(everything(url, LAB)) == 1


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nonsense", "address"),
        ("mystery://db/x", "address"),
        ("oracle+oracledb://u:p@h/x", "driver"),
        ("mssql+pymssql://u:p@h/x", "driver"),
    ],
)
def test_an_address_that_cannot_work_is_told_without_its_password(url: str, code: str) -> None:
    with pytest.raises(ViewError) as err:
        open_view(url)
    assert err.value.code == code and "u:p" not in str(err.value)


def test_a_database_that_is_away_is_a_passing_fault() -> None:
    with pytest.raises(ViewError) as err:
        everything("postgresql://careloop:geheim@127.0.0.1:1/his", LAB)
    assert (err.value.code, err.value.permanent) == ("unreachable", False) and "geheim" not in str(err.value)


def test_a_column_that_is_no_time_is_told(tmp_path: Path) -> None:
    hospital(tmp_path, [(1, "a", "gestern")])
    with pytest.raises(ViewError) as err:
        everything(f"sqlite:///{tmp_path / 'lis.db'}", LAB)
    assert err.value.code == "updated"
