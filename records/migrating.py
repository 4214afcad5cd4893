"""Bringing the schema forward, also while older processes still work on it.

A migration adds what the new version needs, and older processes go on beside it. One that takes away what they used says `after = True`
and comes when none of them is left: `careloop migrate --before` stops ahead of it.
"""

import re
from pathlib import Path

from sqlalchemy import Connection, create_engine, make_url, text

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaBehind(Exception):
    """The database lacks what this version needs, and this process may not change it; the text is one sentence."""

    code, permanent = "schema_behind", True


def sqlalchemy_url(url: str) -> str:
    """The libpq URL for SQLAlchemy's psycopg 3 driver."""
    return make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)


def migrate(url: str, *, before: bool = False, folder: Path = MIGRATIONS) -> list[str]:
    """Run the migrations, with `before` only those that older processes can live with, and return their numbers.

    Blocking; an advisory lock makes a second caller wait and then find nothing to do.
    """
    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.begin() as connection:
            # Any fixed number will do: it names "migrating this database".
            connection.execute(text("select pg_advisory_xact_lock(5278)"))
            todo = _pending(connection, folder)
            if before:
                todo = _without_after(todo, folder)
            # Most starts find nothing to do and need not load Alembic for it (10 MB, half a second).
            if todo:
                _upgrade(connection, todo[-1], folder)
            return todo
    finally:
        engine.dispose()


def check_schema(url: str, *, folder: Path = MIGRATIONS) -> None:
    """Whether this version can work with the database as it is. Raises SchemaBehind. Blocking."""
    engine = create_engine(sqlalchemy_url(url))
    try:
        with engine.connect() as connection:
            if missing := _without_after(_pending(connection, folder), folder):
                raise SchemaBehind(f"The database lacks migration {missing[-1]}: run `careloop migrate --before` of this version first.")
    finally:
        engine.dispose()


def _pending(connection: Connection, folder: Path) -> list[str]:
    """Numbers that the database lacks. One that is ahead of us, since a newer version was here, lacks nothing."""
    known = sorted(path.name.partition("_")[0] for path in (folder / "versions").glob("[0-9]*.py"))
    if connection.scalar(text("select to_regclass('alembic_version')")) is None:
        return known
    at = max(connection.scalars(text("select version_num from alembic_version")), default="")
    return [number for number in known if number > at]


def _without_after(numbers: list[str], folder: Path) -> list[str]:
    for place, number in enumerate(numbers):
        source = next((folder / "versions").glob(f"{number}_*.py")).read_text("utf-8")
        if re.search(r"^after = True$", source, re.MULTILINE):
            return numbers[:place]
    return numbers


def _upgrade(connection: Connection, to: str, folder: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
