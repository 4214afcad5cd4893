"""Parents' wordings find their articles, and what no article answers finds none: floors on the frozen questions."""

from collections import Counter

from bot.cli_evaluate import FROZEN
from plans.article import FOLDER, load_articles
from plans.retrieval import FALSE, RIGHT, WRONG, Answers, evaluate_file


def test_frozen_questions_are_answered_as_well_as_ever() -> None:
    result = evaluate_file(FROZEN / "questions.jsonl")
    assert isinstance(result, Answers)
    count = Counter(kind for kind, *_ in result.found)
    asked = sum(wanted is not None for _, _, wanted, _ in result.found)
    assert count[RIGHT] / asked >= 0.84
    assert count[WRONG] / asked <= 0.05
    assert count[FALSE] / (len(result.found) - asked) <= 0.1


def test_other_wordings_of_each_article_s_questions_find_it() -> None:
    result = evaluate_file(FROZEN / "wordings.jsonl")
    assert isinstance(result, Answers)
    count = Counter(kind for kind, *_ in result.found)
    assert len(result.found) == 3 * len(load_articles(FOLDER))
    assert count[RIGHT] / len(result.found) >= 0.92 and count[WRONG] / len(result.found) <= 0.03
