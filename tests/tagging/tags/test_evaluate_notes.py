"""The frozen clinical notes: how much may be wrong is written here, and may only shrink."""

from pathlib import Path

import pytest

from tagging.errors import InputError
from tagging.tags.evaluate_notes import evaluate_file, evaluate_notes

FROZEN = Path(__file__).parents[3] / "nlu_data" / "evaluation" / "notes.jsonl"


def test_the_frozen_notes_are_read() -> None:
    result = evaluate_file(FROZEN)
    assert len(result.outcomes) >= 100 and {each.of for each in result.outcomes} == {"first", "second"}
    assert result.precision() >= 0.98 and result.recall() >= 0.98, result.report()
    assert result.precision("against") >= 0.98 and result.precision("possible") >= 0.98, result.report()


def test_what_is_invented_and_missed_is_named() -> None:
    result = evaluate_notes([{"id": "a", "text": "诊断：支气管哮喘", "tags": ["epilepsy"]}])
    assert (result.outcomes[0].invented, result.outcomes[0].missed) == (("tags asthma",), ("tags epilepsy",))
    assert (result.precision(), result.recall()) == (0.0, 0.0) and "a invented ['tags asthma']" in result.report()


def test_a_wider_tag_is_no_mistake() -> None:
    assert evaluate_notes([{"text": "诊断：川崎病 冠状动脉扩张", "tags": ["coronary_aneurysm"]}]).precision() == 1


@pytest.mark.parametrize("line", [{"tags": []}, {"text": "诊断：哮喘", "tags": ["nonesuch"]}])
def test_a_line_that_cannot_be_used_is_refused(line: dict[str, object]) -> None:
    with pytest.raises(InputError, match="line 1"):
        evaluate_notes([line])
