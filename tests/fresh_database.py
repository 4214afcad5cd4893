"""Migrated databases without a row of a test, kept for the next test: emptying one costs a tenth of making one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from records.migrating import migrate

_TABLES = "select relname from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace order by 1"
# Whatever a test could have made beside rows: tables, indexes, views, functions, triggers, schemas, other settings of columns.
_SHAPE = """
    select (select (count(*), max(oid), sum(relnatts)) from pg_class where relpersistence <> 't')::text,
           (select (count(*), max(oid)) from pg_proc)::text, (select (count(*), max(oid)) from pg_trigger)::text,
           (select (count(*), max(oid)) from pg_namespace)::text, (select (count(*), max(oid)) from pg_constraint)::text
"""
_SEQUENCES = "select sequencename, last_value from pg_sequences where schemaname = 'public' and last_value is not null order by 1"
_OTHERS = "select pg_terminate_backend(pid, 2000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
# As many as lie about at a time; a test takes one or two.
SPARES = 4


def with_database(url: str, name: str) -> str:
    """The same server's database `name`."""
    return re.sub(r"/[^/?]*(\?|$)", rf"/{name}\1", url, count=1) if "@" not in url else re.sub(r"(@[^/]*)/[^?]*", rf"\1/{name}", url)


class NotFresh(Exception):
    """A database that cannot be emptied back to what migrations make."""


class FreshDatabases:
    """The databases of one run on the server at `url`, all copies of one migrated template."""

    def __init__(self, url: str) -> None:
        self._url, self._run, self._spares = url, uuid4().hex[:12], list[str]()
        # A connection that stays knows the tables already: opening one and looking them all up takes longer than emptying them.
        self._connections: dict[str, psycopg.Connection] = {}
        self._template, self._made = f"template_{self._run}", 0
        self._do(sql.SQL("create database {}"), self._template)
        migrate(with_database(url, self._template))
        with psycopg.connect(with_database(url, self._template), autocommit=True) as connection:
            self._tables = [name for (name,) in connection.execute(_TABLES)]
            each = (sql.SQL("select {} where exists (select from {})").format(sql.Literal(t), sql.Identifier(t)) for t in self._tables)
            # Made once: putting it together takes longer than asking it.
            self._each_with_rows = sql.SQL(" union all ").join(each).as_bytes(connection)
            self._full = self._with_rows(connection)
            self._shape = connection.execute(_SHAPE).fetchone()
            self._sequences = connection.execute(_SEQUENCES).fetchall()
            self._seeds = self._seeded(connection)

    @contextmanager
    def one(self) -> Iterator[str]:
        """The address of a database that nobody else uses meanwhile."""
        name = self._spares.pop() if self._spares else self._make()
        try:
            yield with_database(self._url, name)
        finally:
            if len(self._spares) < SPARES and self._emptied(name):
                self._spares.append(name)
            else:
                self._forget(name)
                self._do(sql.SQL("drop database if exists {} with (force)"), name)

    def close(self) -> None:
        """Drop them all."""
        for name in (*self._spares, self._template):
            self._forget(name)
            self._do(sql.SQL("drop database if exists {} with (force)"), name)

    def _make(self) -> str:
        self._made += 1
        name = f"test_{self._run}_{self._made}"
        self._do(sql.SQL("create database {} template {} strategy wal_log"), name, self._template)
        return name

    def _do(self, statement: sql.SQL, *names: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.format(*map(sql.Identifier, names)))

    def _forget(self, name: str) -> None:
        if kept := self._connections.pop(name, None):
            kept.close()

    def _emptied(self, name: str) -> bool:
        """Whether it is again as migrations make it: rows deleted, sequences set back, nothing else changed."""
        try:
            connection = self._connections.get(name)
            if connection is None:
                connection = psycopg.connect(with_database(self._url, name), autocommit=True, prepare_threshold=0)
                self._connections[name] = connection
            with connection.transaction():
                self._empty(connection)
        except (psycopg.Error, NotFresh):
            return False
        return True

    def _empty(self, connection: psycopg.Connection) -> None:
        connection.execute(_OTHERS)
        if connection.execute(_SHAPE).fetchone() != self._shape:
            raise NotFresh("something was made beside rows")
        # Neither triggers nor foreign keys have a say.
        connection.execute("set local session_replication_role = replica")
        for table in self._with_rows(connection) - self._full:
            connection.execute(sql.SQL("delete from {}").format(sql.Identifier(table)))
        for sequence, last in connection.execute(_SEQUENCES).fetchall():
            before = dict(self._sequences).get(sequence)
            if last != before:
                connection.execute("select setval(%s::regclass, %s, %s)", (sequence, before or 1, before is not None))
        if self._seeded(connection) != self._seeds or self._with_rows(connection) != self._full:
            raise NotFresh("what migrations bring was changed")

    def _with_rows(self, connection: psycopg.Connection) -> set[str]:
        return {name for (name,) in connection.execute(self._each_with_rows)}

    def _seeded(self, connection: psycopg.Connection) -> list[object]:
        rows = sql.SQL("select md5(string_agg(t::text, ',' order by t::text)) from {} t")
        return [connection.execute(rows.format(sql.Identifier(name))).fetchone() for name in sorted(self._full)]
