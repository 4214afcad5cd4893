"""Everything that can go wrong, while families write and hospital systems send: real processes in all roles, and the books afterwards.

    python -m tests.durability.torture --rounds 12 --faults 18 --seed 4
    python -m tests.durability.torture --day --rounds 24 --faults 9     # 24 simulated hours, one in a round

A round: some faults (faults.py) at once in the hospital of spread.py, while families write; then everything is mended, and the time is
taken until nothing is left to do. At the end both sides' books are held against each other (books.py). The worker is the product's, with a
dialogue that costs nothing (year_worker.py).
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from tests.durability.books import Books, open_books
from tests.durability.families import farewell, total
from tests.durability.faults import Fault, catalogue
from tests.durability.hospital import ZONE
from tests.durability.spread import Torture, open_torture

# So long (s) may it take from the last fault until nothing is left to do.
RECOVERS_WITHIN = 60.0


@dataclass
class Deck:
    """Faults as chance decides, each kind as often as the others, as far as that goes."""

    faults: list[Fault]
    rng: Random
    _times: Counter[str] = field(default_factory=Counter)

    def draw(self, count: int) -> list[Fault]:
        """So many that hurt different things."""
        drawn: list[Fault] = []
        for _ in range(count):
            free = [fault for fault in self.faults if fault.what not in {each.what for each in drawn}]
            least = min(self._times[fault.kind] for fault in free)
            kind = self.rng.choice(sorted({fault.kind for fault in free if self._times[fault.kind] == least}))
            drawn.append(self.rng.choice([fault for fault in free if fault.kind == kind]))
            self._times[kind] += 1
        return drawn


async def torture(
    folder: Path, *, rounds: int, faults: int, messages: int, seed: int, families: int = 30, day: bool = False
) -> tuple[Torture, Books, list[str]]:
    """A whole run, the books at its end, and what is wrong in them. `day`: each round is an hour later, through the night too."""
    rng = Random(seed)
    async with open_torture(folder, rng, families) as t:
        t.all_day = day
        deck = Deck(list(catalogue(t)), rng)
        kinds = {fault.kind for fault in deck.faults}
        t.note(f"{len(deck.faults)} faults of {len(kinds)} kinds, disks: {[*t.disks] or 'none, for want of root'}")
        others = [asyncio.create_task(t.hospital_sends()), asyncio.create_task(t.family_looks())]
        try:
            for _ in range(rounds):
                if day:
                    await t.an_hour_passes()
                    t.note(f"it is {t.clock().astimezone(ZONE):%H:%M}")
                await t.round(deck.draw(faults), messages)
        finally:
            for each in others:
                each.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        t.note("farewell")
        await farewell(t, t.everybody)
        books = await open_books(t, t.everybody, doubt=t.doubt)
        return t, books, await t.findings(books)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rounds", 12), ("faults", 18), ("messages", 50), ("seed", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--day", action="store_true", help="each round is an hour later")
    asked = parser.parse_args()
    with TemporaryDirectory(prefix="careloop-torture-", ignore_cleanup_errors=True) as name:
        t, _, wrong = asyncio.run(torture(Path(name), **vars(asked)))
        report(t, wrong)
    return 1 if wrong else 0


def report(t: Torture, wrong: list[str]) -> None:
    """The run in numbers, and what was wrong."""
    slow = sorted(t.recoveries)
    print(f"{t.struck.total()} faults: {dict(sorted(t.struck.items()))}")
    print(f"started again because they had ended: {dict(t.restarts)}")
    print(
        f"{total(t.everybody)} messages of families, {len(t.acknowledged)} of a hospital system, {len(t.files)} files, pages {dict(t.told)}"
    )
    print(
        f"recovery: median {slow[len(slow) // 2]:.1f} s, longest {slow[-1]:.1f} s, after the last {t.recoveries[-1]:.1f} s;"
        f" of them idle: longest {max(t.idled):.1f} s"
    )
    print("\n".join(wrong[:60]) or "no findings")
    print(f"{len(wrong)} findings in {time.monotonic() - t.started:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
