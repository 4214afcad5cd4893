"""Examples go out as plain Rasa YAML and come back as they were."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.retraining.data import base, content_of, normal_text
from bot.retraining.rasa_yaml import read_examples, write_examples
from bot.retraining.texts import RetrainingError
from tests.bot.test_cli import ROOT

ODD = ["- 好", "# 井号", "[38](体温)", "\u2028行\x85", "yes", "|", "👶🏻❤️", "'\"\\n", "{a: b}", "  前后 "]
TEXTS = st.one_of(st.text(), st.sampled_from(ODD))
INTENTS = st.one_of(st.sampled_from(["report", "no", "7", "ask_question", "null", "a: b"]), st.from_regex(r"[a-z_]{1,12}", fullmatch=True))


@settings(deadline=None)
@given(st.dictionaries(INTENTS, st.lists(TEXTS, min_size=1, max_size=6), max_size=4))
def test_nothing_is_lost_on_the_way_out_and_back(given_examples: dict[str, list[str]]) -> None:
    content = {intent: kept for intent, texts in given_examples.items() if (kept := sorted(set(filter(None, map(normal_text, texts)))))}
    written = write_examples(content)
    back: dict[str, list[str]] = {}
    for text, intent in read_examples(written):
        back.setdefault(intent, []).append(text)
    assert back == content
    assert write_examples(back) == written


def test_the_repository_itself_survives_the_journey() -> None:
    content = content_of(base(ROOT))
    assert len(content) > 10
    back = read_examples(write_examples(content))
    assert sorted(back) == sorted((text, intent) for intent, texts in content.items() for text in texts)


@pytest.mark.dialogue
@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.lists(TEXTS, min_size=1, max_size=6), min_size=1, max_size=3))
def test_rasa_reads_what_we_write(given_examples: dict[str, list[str]]) -> None:
    from bot.dialogue import quiet

    with quiet.quietly():
        from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader

    content = {intent: kept for intent, texts in given_examples.items() if (kept := sorted(set(filter(None, map(normal_text, texts)))))}
    read = RasaYAMLReader().reads(write_examples(content))
    found = sorted((m.get("text"), m.get("intent")) for m in read.intent_examples)
    assert found == sorted((text, intent) for intent, texts in content.items() for text in texts)
    assert not read.entity_examples


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nlu: [", "not_yaml"),
        ("rules: []", "no_nlu"),
        ("nlu:\n- synonym: 发烧\n  examples: |\n    - 烧", "only_intents"),
        ("nlu:\n- intent: a\n  examples: |\n    好", "no_dash"),
        ("nlu:\n- intent: a\n  metadata: {x: 1}\n  examples: |\n    - 好", "more_than_examples"),
        ("nlu:\n- intent: a\n  examples:\n  - text: 好\n    metadata: {x: 1}", "more_than_examples"),
        ("nlu: []\nresponses: {}", "more_than_examples"),
    ],
)
def test_what_would_be_lost_is_refused(text: str, code: str) -> None:
    with pytest.raises(RetrainingError) as refused:
        read_examples(text, where="a.yml")
    assert refused.value.code == code
    assert "a.yml" in str(refused.value)
