"""How well utterances that no training saw are told apart: nlu_data/frozen/intents.tsv."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from bot.bench.processes import ROOT

FROZEN = ROOT / "nlu_data/frozen/intents.tsv"
OUT_OF_SCOPE = "out_of_scope"
REJECTED = frozenset({OUT_OF_SCOPE, "nlu_fallback"})

# An utterance's intent that would be acted upon, and all intents best first (with or without the rejection among them).
Rank = Callable[[str], Awaitable[tuple[str, list[str]]]]


@dataclass(frozen=True)
class Judged:
    """One utterance: the intent it has, the one that would be acted upon, and the best guess behind a rejection."""

    gold: str
    acted: str
    guess: str


def frozen() -> list[tuple[str, str]]:
    """(text, intent) of the frozen set."""
    lines = FROZEN.read_text("utf-8").splitlines()
    return [(text, intent) for text, intent in (line.rsplit("\t", 1) for line in lines if line.strip())]


async def judge(rank: Rank, examples: Iterable[tuple[str, str]]) -> list[Judged]:
    """Have every example ranked."""
    judged = []
    for text, gold in examples:
        acted, ranking = await rank(text)
        judged.append(Judged(gold, acted, next((name for name in ranking if name != "nlu_fallback"), acted)))
    return judged


def figures(judged: list[Judged], name: str) -> dict[str, float]:
    """Shares: of what is in scope, whose best guess is right (top1), that is rejected, that is acted upon wrongly; of what is out of
    scope, that is rejected; and of all, that is handled rightly (acted upon as meant, or rejected when out of scope)."""
    inside = [one for one in judged if one.gold != OUT_OF_SCOPE]
    outside = [one for one in judged if one.gold == OUT_OF_SCOPE]
    rejected = [one.acted in REJECTED for one in inside]
    right = [one.acted == one.gold for one in inside]
    turned_away = [one.acted in REJECTED for one in outside]
    return {
        f"{name}_intent_top1": _share([one.guess == one.gold for one in inside]),
        f"{name}_in_scope_rejected": _share(rejected),
        f"{name}_wrong_acted_upon": _share([not r and not ok for r, ok in zip(rejected, right, strict=True)]),
        f"{name}_out_of_scope_rejected": _share(turned_away),
        f"{name}_handled_rightly": _share([*right, *turned_away]),
    }


def _share(held: list[bool]) -> float:
    return round(sum(held) / len(held), 3) if held else 0.0
