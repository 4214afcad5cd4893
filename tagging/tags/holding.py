"""The tags of one patient, and what becomes of them when something speaks for or against one. In memory; the door writes it down.

What holds, whatever comes in whatever order: of an exclusive group one tag is carried; the same reason counts once; a person's decision
stands until something new is said, and then somebody is asked; what contradicts is shown (contested), never swallowed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from records.patient import Patient
from records.state import MoveRefused
from records.tag import CARRIED, PATIENT_TAG_MOVES, Tag
from tagging.tags.errors import TagError
from tagging.tags.evidence import SURE, Evidence, Key, adapted, premised

_NEVER = datetime.min.replace(tzinfo=UTC)
REPLACED = "由更新的“{name}”取代：{because}"


@dataclass(slots=True, eq=False)
class Held:
    """A row of patient_tag in memory, by its column names; `id` None until it is written."""

    tag_id: int
    state: str
    source: str
    author: str
    confidence: float
    since: datetime
    until: datetime | None
    evidence_at: datetime
    expires_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None
    asks: bool
    id: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """By column; nothing of it is copied."""
        return {name: getattr(self, name) for name in _HELD}

    def may_change(self) -> tuple[Any, ...]:
        """What can become different after it was written."""
        return self.state, self.confidence, self.until, self.evidence_at, self.expires_at, self.decided_by, self.decided_at, self.asks


_HELD = tuple(each.name for each in fields(Held))


@dataclass(frozen=True)
class Move:
    """One change of state, to be written: `old` None for a new row."""

    row: Held
    old: str | None
    new: str
    by: str
    reason: str


@dataclass
class Holding:
    """One patient's open tags by code. `known` are the reasons that have counted already, `standing` who speaks for a tag: (source, rule).

    `buried` are the reasons that a person has seen and ended the tag in spite of; `loaded` is how the rows were when they were read. The
    lists at the end are what is to be written.
    """

    patient: Patient
    tags: Mapping[str, Tag]
    now: datetime
    rows: dict[str, Held] = field(default_factory=dict)
    known: dict[str, set[Key]] = field(default_factory=dict)
    standing: dict[str, set[tuple[str, str | None]]] = field(default_factory=dict)
    buried: dict[str, set[Key]] = field(default_factory=dict)
    loaded: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    ended: list[Held] = field(default_factory=list)
    begun: list[Held] = field(default_factory=list)
    reasons: list[tuple[Held, Evidence]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    def carried(self) -> dict[str, Held]:
        """What the patient carries now, by code."""
        return {code: row for code, row in self.rows.items() if row.state in CARRIED}

    def changed(self) -> list[Held]:
        """The rows that were written before and are different now."""
        open_ = [row for code, row in self.rows.items() if row.id is not None and row.may_change() != self.loaded.get(code)]
        return [*open_, *(row for row in self.ended if row.id is not None)]

    def support(self, code: str, evidence: Evidence) -> bool:
        """Something speaks for the tag. False when that changes nothing: known already, too old, outdone, or the tag is retired."""
        tag = self._tag(code)
        row = self.rows.get(code)
        if not tag.active or evidence.against or _too_old(tag, evidence, self.now):
            return False
        if self._knows(code, evidence):
            if row is not None and row.state == "refused" and row.expires_at is not None and premised(evidence.source, evidence.rule):
                # It was gone and is back: that is new, though the reason reads the same.
                row.asks, row.expires_at = True, None
                return True
            self._bear_out(tag, row, evidence)
            return False
        if row is None:
            if not self._makes_room(code, evidence):
                return False
            self._begin(code, evidence, "active", by=evidence.author)
            return True
        self._note(code, row, evidence)
        row.evidence_at = max(row.evidence_at, min(evidence.at, self.now))
        row.confidence = max(row.confidence, evidence.confidence)
        if row.state == "refused":
            row.asks = True
        else:
            row.expires_at = _expiry(tag, row.evidence_at)
        return True

    def oppose(self, code: str, evidence: Evidence) -> bool:
        """Something speaks against the tag: a carried one is contested, and somebody is asked. False when that changes nothing."""
        tag, row = self._tag(code), self.rows.get(code)
        evidence = replace(evidence, against=True)
        if row is None or self._knows(code, evidence) or _too_old(tag, evidence, self.now):
            return False
        self._note(code, row, evidence)
        if row.state != "refused":
            row.asks = True
            if row.state == "active":
                self._move(row, "contested", evidence.author, evidence.because)
        return True

    def withdraw(self, code: str, evidence: Evidence) -> bool:
        """A rule that adapts care takes a tag back: it ends where only such rules spoke for it and nobody decided; else it is opposed.

        False when that changes nothing.
        """
        row = self.rows.get(code)
        self._tag(code)
        if row is None or row.state not in CARRIED:
            return False
        speaking = self.standing.get(code, set())
        if row.decided_by is not None or not speaking or not all(adapted(rule) for _, rule in speaking):
            return self.oppose(code, evidence)
        self._note(code, row, replace(evidence, against=True))
        self._end(code, row, evidence.author, evidence.because)
        return True

    def outgrow(self, holds: Iterable[tuple[str, str]]) -> list[str]:
        """End what only rules spoke for whose premises hold no longer; `holds` are the (code, rule) that do. The codes that ended.

        What a person decided, a family said or that has been retired is not touched by this. Of a tag that was refused it is noted that
        nothing speaks for it any more, so that its return is asked about.
        """
        holding = set(holds)
        for code, row in self.rows.items():
            premises = {rule for source, rule in self.standing.get(code, ()) if premised(source, rule)}
            if row.state == "refused" and row.expires_at is None and premises and not any((code, rule) in holding for rule in premises):
                row.expires_at = self.now
        ended = []
        for code, row in self.carried().items():
            speaking = self.standing.get(code, set())
            if row.decided_by is not None or not speaking or not all(premised(*who) for who in speaking):
                continue
            if not any((code, rule) in holding for _, rule in speaking if rule):
                rules = ", ".join(sorted(rule for _, rule in speaking if rule))
                self._end(code, row, rules, "premise no longer holds")
                ended.append(code)
        return ended

    def settle(self) -> None:
        """Where two records became one, of an exclusive group the newest word stays, a person's before all others."""
        groups: dict[str, list[str]] = {}
        for code in self.carried():
            if group := self._tag(code).exclusive_group:
                groups.setdefault(group, []).append(code)
        for codes in groups.values():
            order = sorted(codes, key=lambda code: (self.rows[code].decided_at or _NEVER, self.rows[code].evidence_at, code))
            for code in order[:-1]:
                self._end(code, self.rows[code], "system", f"{order[-1]} of the same group is newer")

    def expire(self) -> list[str]:
        """End what has outlived its last evidence, and what was retired from the library. The codes that ended."""
        ended = []
        for code, row in self.carried().items():
            if row.expires_at is not None and row.expires_at <= self.now:
                self._end(code, row, "system", "expired")
                ended.append(code)
            elif not self._tag(code).active:
                self._end(code, row, "system", "retired from the library")
                ended.append(code)
        return ended

    def decide(self, code: str, *, carries: bool, by: str, why: str) -> None:
        """A clinician's word: the patient carries the tag, or does not. Raises TagError (`refused`) for a computed or retired tag."""
        tag, row = self._tag(code), self.rows.get(code)
        _check_by_hand(tag)
        evidence = Evidence("person", why, self.now, against=not carries)
        if carries:
            for other in self._rivals(tag):
                self._end(other, self.rows[other], by, f"{code} decided")
        state = "active" if carries else "refused"
        if row is None:
            row = self._begin(code, evidence, state, by=by)
        else:
            self._note(code, row, evidence)
            if row.state != state:
                self._move(row, state, by, why)
        row.decided_by, row.decided_at, row.asks = by, self.now, False
        row.expires_at = _expiry(tag, self.now) if carries else None
        if carries:
            row.evidence_at, row.confidence = self.now, 1.0

    def end(self, code: str, *, by: str, why: str) -> None:
        """A clinician says that it is over; what spoke for it until now does not bring it back. Raises TagError (`refused`)."""
        tag, row = self._tag(code), self.rows.get(code)
        _check_by_hand(tag)
        if row is None:
            raise TagError("refused", f"The patient does not carry {tag.code}.")
        self._note(code, row, Evidence("person", why, self.now, against=True))
        row.decided_by, row.decided_at, row.asks = by, self.now, False
        self.buried.setdefault(code, set()).update(self.known.get(code, set()))
        self._end(code, row, by, why)

    def for_triage(self, triage: frozenset[str], lowers: frozenset[str]) -> list[str]:
        """The list that triage reads: what is carried of `triage`, those that lower only if sure; what the library does not know stays."""
        counts = {
            code
            for code, row in self.carried().items()
            if code in triage and (code not in lowers or row.decided_by is not None or row.confidence >= SURE)
        }
        kept = [code for code in self.patient.tags or () if code in counts or code not in self.tags or not self.tags[code].active]
        return [*dict.fromkeys(kept), *sorted(counts - set(kept))]

    def adopt(self, by: str, why: str) -> None:
        """Take over the codes of the triage list that stand there by hand, as a person's word."""
        for code in self.patient.tags or ():
            tag = self.tags.get(code)
            if tag is not None and tag.active and tag.kind != "operational" and code not in self.rows:
                self.decide(code, carries=True, by=by, why=why)

    def _makes_room(self, code: str, evidence: Evidence) -> bool:
        """Whether the exclusive group lets the tag in; those that it outdoes are ended."""
        rivals = self._rivals(self._tag(code))
        for other in rivals:
            row = self.rows[other]
            if row.decided_by is not None or (row.confidence >= SURE > evidence.confidence and self._tag(other).kind != "management"):
                # What is surer, or decided, stays; but it is shown that something else was said.
                self.oppose(other, replace(evidence, because=f"{self._tag(code).name}：{evidence.because}"))
                return False
            less_sure = self._tag(other).kind == "management" and evidence.source == "rule" and evidence.confidence < row.confidence
            surer = self._tag(other).kind == "management" and row.source == "rule" and evidence.confidence > row.confidence
            # A habit that is counted never outdoes a wish that was told, and the wish outdoes the habit, whichever came first.
            if less_sure or (evidence.at <= row.evidence_at and not surer):
                return False
        for other in rivals:
            because = REPLACED.format(name=self._tag(code).name, because=evidence.because)
            against = replace(evidence, against=True, because=because)
            if not self._knows(other, against):
                self._note(other, self.rows[other], against)
            self._end(other, self.rows[other], evidence.author, f"replaced by {code}")
        return True

    def _rivals(self, tag: Tag) -> list[str]:
        group = tag.exclusive_group
        return [code for code in self.carried() if code != tag.code and self._tag(code).exclusive_group == group] if group else []

    def _bear_out(self, tag: Tag, row: Held | None, evidence: Evidence) -> None:
        """A known reason still holds: a tag that would expire lasts on. Moved on in quarters of its time, not at every look."""
        at = min(evidence.at, self.now)
        if (
            row is not None
            and row.state != "refused"
            and row.expires_at is not None
            and (at - row.evidence_at) * 4 >= row.expires_at - row.evidence_at
        ):
            row.evidence_at, row.expires_at = at, _expiry(tag, at)

    def _begin(self, code: str, evidence: Evidence, state: str, *, by: str) -> Held:
        tag, at = self._tag(code), min(evidence.at, self.now)
        row = Held(
            tag_id=tag.id, state=state, source=evidence.source, author=by, confidence=evidence.confidence,
            since=min(evidence.since or at, at), evidence_at=at, until=None, expires_at=_expiry(tag, at), decided_by=None,
            decided_at=None, asks=False,
        )  # fmt: skip
        self.rows[code], self.known[code], self.standing[code] = row, set(), set()
        self.begun.append(row)
        self.moves.append(Move(row, None, state, by, evidence.because))
        self._note(code, row, evidence)
        return row

    def _note(self, code: str, row: Held, evidence: Evidence) -> None:
        self.reasons.append((row, evidence))
        if evidence.key is not None:
            self.known.setdefault(code, set()).add(evidence.key)
        if not evidence.against:
            self.standing.setdefault(code, set()).add((evidence.source, evidence.rule))

    def _move(self, row: Held, new: str, by: str, reason: str) -> None:
        """The row is ours until the end of the transaction (the door holds its patient), so nobody else moves it meanwhile."""
        if new not in PATIENT_TAG_MOVES[row.state]:
            raise MoveRefused(f"patient_tag {row.id}: {row.state} -> {new}")
        self.moves.append(Move(row, row.state, new, by, reason))
        row.state = new

    def _end(self, code: str, row: Held, by: str, reason: str) -> None:
        self._move(row, "ended", by, reason)
        row.until, row.asks, row.expires_at = self.now, False, None
        self.ended.append(row)
        for of in (self.rows, self.known, self.standing):
            of.pop(code, None)

    def _knows(self, code: str, evidence: Evidence) -> bool:
        key = evidence.key
        return key is not None and (key in self.known.get(code, ()) or key in self.buried.get(code, ()))

    def _tag(self, code: str) -> Tag:
        tag = self.tags.get(code)
        if tag is None:
            raise TagError("unknown_tag", f"There is no tag {code[:60]!r} in the library.")
        return tag


def _check_by_hand(tag: Tag) -> None:
    if tag.kind == "operational":
        raise TagError("refused", f"{tag.code} is computed from the records; nobody types it.")
    if not tag.active:
        raise TagError("refused", f"{tag.code} has been retired from the library.")


def _expiry(tag: Tag, at: datetime) -> datetime | None:
    return None if tag.expires_days is None else at + timedelta(days=tag.expires_days)


def _too_old(tag: Tag, evidence: Evidence, now: datetime) -> bool:
    expiry = _expiry(tag, evidence.at)
    return expiry is not None and expiry <= now
