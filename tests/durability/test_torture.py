"""All roles at once, and everything that can go wrong with them: nothing lost, nothing doubled, in order, no alert without an owner, limits
kept, and a recovery without hands."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.durability.books import Books, findings
from tests.durability.torture import RECOVERS_WITHIN, report, torture

# In every run no_loss, year and intake kill each what they are about.
pytestmark = [pytest.mark.durability, pytest.mark.long]

# The long one is what `python -m tests.durability.torture` runs.
SHORT = {"rounds": 1, "faults": 12, "messages": 20, "seed": 172, "families": 12}
LONG = {"rounds": 12, "faults": 18, "messages": 50, "seed": 4}


@pytest.mark.parametrize("asked", [SHORT, LONG], ids=["short", "long"])
async def test_nothing_is_lost_or_doubled_whatever_goes_wrong(folder: Path, asked: dict[str, int]) -> None:
    t, books, wrong = await torture(folder, **asked)
    report(t, wrong)
    assert not wrong, f"seed {asked['seed']}, {len(wrong)} findings:\n" + "\n".join(wrong[:20]) + "\n" + t.logs()
    assert t.struck.total() == asked["rounds"] * asked["faults"]
    # It has lost its point when nobody writes, nothing is alerted, or the hospital sends nothing.
    assert len(books.inbound) > asked["messages"] and books.flags and t.acknowledged and t.files and books.openings()
    for words, tampered in _tampered(books):
        assert any(each.startswith(words) for each in findings(tampered, t.everybody)), f"the books do not see: {words}"
    assert t.recoveries[-1] < RECOVERS_WITHIN


def _tampered(books: Books) -> Iterator[tuple[str, Books]]:
    """Books in which one thing is wrong, and how the finding of it begins."""
    first, *others = books.inbound.values()
    sent = next(each for each in books.sent if any(each["msgid"] == msgid for line in books.lines.values() for _, _, msgid in line))
    user, line = next((user, line) for user, line in books.lines.items() if any(not theirs for _, theirs, _ in line))
    ours = next(spoken for spoken in line if not spoken[1])
    yield "LOST", replace(books, inbound={row.msgid: row for row in others})
    yield "SENT 2 TIMES", replace(books, sent=[*books.sent, sent])
    yield "NOT SENT, BUT SAID TO BE", replace(books, sent=books.sent[1:])
    yield "SENT OUT OF ORDER", replace(books, sent=books.sent[::-1])
    yield "ALERT NEVER DELIVERED", replace(books, changes=[change for change in books.changes if change.new != "delivered"])
    yield "CARD", replace(books, cards=[*books.cards, books.cards[0]])
    yield "OVER THE WINDOW'S QUOTA", replace(books, lines={user: [*line, *[ours] * 6]})
    yield "SILENCE", replace(books, outbound={})
    assert first
