"""After the database was put back to an earlier moment: what is known to have been sent since, what is in doubt, and the pause."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from records.setting import Setting

NAME = "restored"
# Numbers that were given after that moment are never given again: messages' keys are made of them, and the platform remembers those.
NUMBERS_AHEAD = 1_000_000
# The database's clock and that of the processes that send may differ by so much.
SKEW = timedelta(minutes=10)
_CARRIED = ("key", "line", "route", "payload", "purpose", "not_before", "useful_until", "attempts", "response", "created_at", "sent_at")


@dataclass(frozen=True)
class Restored:
    """The database is as of `to`. What was sent until `known` has been carried over; the old database lived until `lost`.

    Until a person says go on, nothing that we begin by ourselves goes out. `in_doubt`: whether what may have been sent between `known`
    and `lost`, by a route that would send it twice, is sent all the same.
    """

    to: datetime
    known: datetime
    lost: datetime
    paused: bool = True
    by: str | None = None
    send_in_doubt: bool = False


async def restored(tx: AsyncSession) -> Restored | None:
    """What holds since the database was put back; None when it never was."""
    row = await tx.get(Setting, NAME)
    return read(row.value) if row is not None else None


def read(value: Mapping[str, Any]) -> Restored:
    """As it is kept in the setting."""
    to, known, lost = (datetime.fromisoformat(value[name]) for name in ("to", "known", "lost"))
    return Restored(to, known, lost, value["paused"], value["by"], value["send_in_doubt"])


async def go_on(tx: AsyncSession, by: str, *, send_in_doubt: bool) -> Restored | None:
    """End the pause, in the name of `by`; None when there is none."""
    found = await restored(tx)
    if found is None or not found.paused:
        return None
    after = replace(found, paused=False, by=by, send_in_doubt=send_in_doubt)
    value = _plain(after)
    await tx.execute(insert(Setting).values(name=NAME, value=value).on_conflict_do_update(index_elements=["name"], set_={"value": value}))
    return after


def settle(url: str, newest_url: str | None, *, to: datetime, known: datetime, lost: datetime, proactive: frozenset[str]) -> dict[str, int]:
    """Make the database at `url`, which is as of `to`, ready to be worked with, and pause it. Blocking; may be repeated.

    `newest_url` is the old database as far as it is known, until `known`, for looking only; None: nothing after `to` is. `proactive`
    are the purposes of what we begin by ourselves. Counts: `carried` rows of the outbox had been sent, `in_doubt` rows may have been.
    """
    with psycopg.connect(url) as here:
        rows, numbers = list[dict[str, Any]](), dict[str, int]()
        if newest_url is not None:
            with psycopg.connect(newest_url, row_factory=dict_row) as there:
                since = "select * from outbound where state in ('sent', 'sending') and coalesce(sent_at, lease_until) > %s order by seq"
                rows = there.execute(since, [to - SKEW]).fetchall()
                numbers = _numbers(there)
        carried = sum(_carry(here, row) for row in rows)
        _move_numbers(here, numbers)
        doubted = 0
        if known < lost:
            doubted = here.execute(
                "update outbound set response = response || '{\"in_doubt\": true}' "
                "where state in ('queued', 'sending') and purpose = any(%s) and route <> 'kf' and not_before <= %s",
                [list(proactive), lost],
            ).rowcount
        value = Jsonb(_plain(Restored(to, known, lost)))
        here.execute(
            "insert into setting (name, value) values (%s, %s) on conflict (name) do update set value = excluded.value", [NAME, value]
        )
        return {"carried": carried, "in_doubt": doubted}


def _carry(here: "psycopg.Connection[Any]", row: dict[str, Any]) -> int:
    """1, or 0 when it is known here already.

    What was sent is known by its key as sent, so nothing makes it anew. A row that was on its way stays so in a chat, where its next try
    is a repeat under the same id; elsewhere it counts as sent.
    """
    again = row["state"] == "sending" and row["route"] == "kf"
    values = {name: Jsonb(row[name]) if name in ("payload", "response") else row[name] for name in _CARRIED}
    values |= {"state": "sending" if again else "sent", "lease_until": row["lease_until"], "chat_id": row["chat_id"]}
    values |= {
        "sent_at": row["sent_at"] or (None if again else row["lease_until"]),
        "error": None if row["state"] == "sent" else "in_doubt",
    }
    names = [sql.Identifier(name) for name in values]
    changes = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in values if name not in ("key", "line", "chat_id")]
    # A chat that began after that moment is not there yet.
    cells = [
        sql.SQL("(select id from chat where id = {})").format(sql.Placeholder(name)) if name == "chat_id" else sql.Placeholder(name)
        for name in values
    ]
    return here.execute(
        sql.SQL("insert into outbound ({}) values ({}) on conflict (key) do update set {} where outbound.state <> 'sent'").format(
            sql.SQL(", ").join(names), sql.SQL(", ").join(cells), sql.SQL(", ").join(changes)
        ),
        values,
    ).rowcount


def _numbers(there: "psycopg.Connection[Any]") -> dict[str, int]:
    rows = there.execute("select schemaname || '.' || sequencename as name, coalesce(last_value, 0) as last from pg_sequences").fetchall()
    return {row["name"]: row["last"] for row in rows}


def _move_numbers(here: "psycopg.Connection[Any]", numbers: dict[str, int]) -> None:
    query = "select schemaname, sequencename, coalesce(last_value, 0), max_value from pg_sequences"
    for schema, name, last, most in here.execute(query).fetchall():
        # Where all is known the next number will do; where it is not, so many were hardly given in the time that is missing.
        next_number = numbers.get(f"{schema}.{name}", last) + (10_000 if numbers else NUMBERS_AHEAD)
        if last < next_number <= most:
            here.execute(sql.SQL("select setval({}::regclass, %s)").format(sql.Literal(f'"{schema}"."{name}"')), [next_number])


def _plain(value: Restored) -> dict[str, Any]:
    return {name: each.isoformat() if isinstance(each, datetime) else each for name, each in asdict(value).items()}
