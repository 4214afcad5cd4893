"""What is new in the database, as topics that pages listen to. It tells that something changed, and nothing of what."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Ids are given out before they are committed: a slow transaction's come to light after later ones. So long they are waited for (s).
LOOK_BACK = 20.0
# On the first look, how many ids back a slow transaction may still be at work.
BEFORE = 200
# More than that in one look (a cohort of thousands is enrolled) is no longer told one by one.
MOST = 2000
# Which lists a row of this kind belongs to.
LISTS = {
    "flag": ("work", "inbox"),
    "task": ("work",),
    "care_plan": ("work",),
    "errand": ("work",),
    "chat": ("work", "inbox"),
    "inbound": ("inbox",),
    "outbound": ("inbox",),
}
# What is told to all teams: the lists of it.
OF_NOBODY = {
    "review_group": ("nlu",),
    "training_run": ("nlu",),
    "model_version": ("nlu", "waiting"),
    "model_comparison": ("nlu", "waiting"),
    "content_version": ("waiting",),
    "mass_message": ("waiting",),
    "plan_definition": ("waiting",),
    "adaptation_rule": ("waiting",),
    "triage_overlay": ("waiting",),
    "correction": ("waiting",),
    "erasure": ("waiting",),
}
_NEWEST = """
    select coalesce((select max(id) from state_change), 0) as change, coalesce((select max(id) from inbound), 0) as inbound,
        coalesce((select max(seq) from outbound), 0) as outbound
"""
_OF_CHAT = """select {source}, n.id, '{kind}', h.team_id, h.id as chat_id, p.id as patient_id, p.team_id as patient_team
    from {table} n join chat h on h.id = n.chat_id
        left join patient_carer k on k.carer_id = h.carer_id left join patient p on p.id = k.patient_id"""
_OF_PATIENT = """select 'change', c.id, c.entity, p.team_id, null, p.id, p.team_id
    from change c join {entity} r on c.entity = '{entity}' and r.id = c.entity_id join patient p on p.id = r.patient_id"""
_NOBODYS = ", ".join(f"'{entity}'" for entity in OF_NOBODY)
_NEWS = text(f"""
    with change as (select id, entity, entity_id from state_change
        where id > :change and entity in ('flag', 'task', 'care_plan', 'errand', 'chat', {_NOBODYS}) order by id desc limit :most),
    said as (select id, chat_id from inbound where id > :inbound order by id desc limit :most),
    sent as (select seq as id, chat_id from outbound where seq > :outbound and chat_id is not null order by seq desc limit :most),
    moved as (select id, entity_id as chat_id from change where entity = 'chat')
    {_OF_CHAT.format(source="'inbound' as source", kind="inbound", table="said")}
    union all {_OF_CHAT.format(source="'outbound'", kind="outbound", table="sent")}
    union all {_OF_CHAT.format(source="'change'", kind="chat", table="moved")}
    union all select 'change', c.id, c.entity, f.team_id, f.chat_id, p.id, p.team_id
        from change c join flag f on c.entity = 'flag' and f.id = c.entity_id left join patient p on p.id = f.patient_id
    union all {_OF_PATIENT.format(entity="task")}
    union all {_OF_PATIENT.format(entity="care_plan")}
    union all {_OF_PATIENT.format(entity="errand")}
    union all select 'change', id, entity, null, null, null, null from change where entity in ({_NOBODYS})
""")  # noqa: S608 - made of the constants above


@dataclass(frozen=True)
class News:
    """`topic` changed, which is `team_id`'s business (None: everybody's)."""

    topic: str
    team_id: int | None


# Too much at once to be told one by one: whoever listens to anything looks again.
EVERYTHING = News("*", None)


@dataclass
class Lookout:
    """Remembers what was seen. `low` are the ids below which all is known."""

    low: dict[str, int] | None = None
    _seen: set[tuple[str, int]] = field(default_factory=set)
    _past: deque[tuple[float, dict[str, int]]] = field(default_factory=deque)

    async def look(self, tx: AsyncSession, at: float) -> set[News]:
        """What became visible since the last look; `at` is a monotonic time in seconds."""
        newest = dict((await tx.execute(text(_NEWEST))).mappings().one())
        first = self.low is None
        if self.low is None:
            self.low = {source: max(0, id - BEFORE) for source, id in newest.items()}
        found: set[News] = set()
        # Nothing came, and nothing is waited for: the usual second.
        if newest != self.low:
            rows = (await tx.execute(_NEWS, {**self.low, "most": MOST})).all()
            unseen = [row for row in rows if (row[0], row[1]) not in self._seen]
            self._seen |= {(row[0], row[1]) for row in unseen}
            found |= {EVERYTHING} if unseen and len(rows) >= MOST else set(_news(unseen))
        self._raise(newest, at)
        return set() if first else found

    def _raise(self, newest: dict[str, int], at: float) -> None:
        self._past.append((at, newest))
        while self._past and self._past[0][0] <= at - LOOK_BACK:
            self.low = self._past.popleft()[1]
        low = self.low or {}
        self._seen = {(source, id) for source, id in self._seen if id > low[source]}


def _news(rows: Iterable[Any]) -> Iterator[News]:
    for _, _, kind, team_id, chat_id, patient_id, patient_team in rows:
        if kind in OF_NOBODY:
            for name in OF_NOBODY[kind]:
                yield News(name, None)
            continue
        # A chat is the business of the teams that follow its children, too.
        for team in {team_id, patient_team or team_id}:
            for name in LISTS[kind]:
                yield News(name, team)
            if chat_id is not None:
                yield News(f"chat:{chat_id}", team)
        if patient_id is not None:
            yield News(f"patient:{patient_id}", patient_team)
