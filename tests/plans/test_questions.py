"""Parents' wordings find their articles, and what no article answers finds none: floors on the frozen questions."""

from collections import Counter

from bot.cli_evaluate import FROZEN
from plans.retrieval import FALSE, RIGHT, WRONG, Answers, evaluate_file


def test_frozen_questions_are_answered_as_well_as_ever() -> None:
    result = evaluate_file(FROZEN / "questions.jsonl")
    assert isinstance(result, Answers)
    count = Counter(kind for kind, *_ in result.found)
    asked = sum(wanted is not None for _, _, wanted, _ in result.found)
    assert count[RIGHT] / asked >= 0.84
    assert count[WRONG] / asked <= 0.05
    assert count[FALSE] / (len(result.found) - asked) <= 0.1
