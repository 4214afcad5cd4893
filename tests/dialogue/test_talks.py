"""The conversations of talks/*.yml, and what of the assistant they reach."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from bot.dialogue.agent import Dialogue
from tests.dialogue.conftest import ROOT
from tests.dialogue.reached import Reached, there_are, watched
from tests.dialogue.talk import Played, Talk, children_of, read_talks

pytestmark = pytest.mark.dialogue

# Every third talk; CARELOOP_LONG=1 plays them all, and then looks at what they reach.
TALKS = read_talks() if "CARELOOP_LONG" in os.environ else read_talks()[::3]
TURNS: Counter[str] = Counter()
# Where the table of what is reached is left.
TABLE = ROOT / ".careloop" / "test" / "talks.md"
# What no talk can reach, and why.
UNREACHED = {
    "utter_article_page": "needs pages that phones can reach; test_articles.py",
    "utter_default": "Rasa's last resort; test_never_silent.py and the walks see that nobody hears it",
    "utter_question_kept": "only without any phone, and the service always has one: the emergency number",
    "utter_reschedule_kept": "only without any phone, and the service always has one: the emergency number",
    "utter_ring_emergency": "only without any phone, and the service always has one: the emergency number",
    "bot/texts.yml family.human_silent": "comes with the escalation; tests/bot",
    "plans/binding.yml joined": "goes to another chat; test_binding.py",
    "plans/chart.yml prepare.reviewed": "nobody has approved a general preparation yet",
    "plans/templates/neonatal.yml texts.give_up": "the dialogue offers choices instead, utter_three_failures",
    "plans/wording.yml follow_up.closed": "the dialogue asks no follow-up that has ended; tests/plans/test_answer.py",
    "plans/wording.yml implausible.future": "the language rules find no moment to come; tests/plans",
    "plans/wording.yml implausible.weight": "the language rules ask for the unit before; tests/plans",
    "plans/wording.yml upcoming.goes_on": "needs a plan without an end; tests/plans",
    "plans/wording.yml report.again": "the same message handled twice; tests/plans",
}
# Texts of a group, for one reason.
PICTURE = "advice_team again asked denied nothing other_name recorded recorded_rest right_of said said_confirmed unbound"
VOICE = "voice.asked voice.unheard voice.denied voice.again voice.said voice.said_confirmed voice.wrong not_text.voice_heard"
POOL = "nobody not_reached pool taken"
MY_PAGE = "here none open unbound"
UNREACHED |= {f"bot/texts.yml family.picture.{name}": "needs pictures to be read; tests/bot/test_pictures.py" for name in PICTURE.split()}
UNREACHED |= {f"bot/texts.yml family.{name}": "needs speech to be heard; tests/bot/test_voices.py" for name in VOICE.split()}
UNREACHED |= {f"bot/texts.yml family.waiting.{name}": "WeCom's waiting pool; tests/bot/test_sessions.py" for name in POOL.split()}
PAGE = "answered before the dialogue; tests/console/test_family_entry.py"
UNREACHED |= {f"bot/texts.yml family.my_page.{name}": PAGE for name in MY_PAGE.split()}


@pytest.fixture(scope="module")
def reached(dialogue: Dialogue) -> Iterator[Reached]:
    there = Reached()
    with watched(dialogue, there):
        yield there


@pytest.mark.parametrize("talk", TALKS, ids=[f"{number}" for number, _ in enumerate(TALKS)])
async def test_talk(new_family, reached: Reached, talk: Talk, request: pytest.FixtureRequest) -> None:
    if wanting := talk.about.get("暂缓"):
        request.applymarker(pytest.mark.xfail(reason=wanting, strict=False))
    played = Played(talk, await new_family(*children_of(talk)))
    try:
        await played.play()
    finally:
        reached.intents |= played.intents
        reached.forms |= played.forms
        reached.said += played.everything
        TURNS[talk.title] = played.turns


def test_there_are_talks_enough() -> None:
    assert len(read_talks()) >= 150


@pytest.mark.long
def test_the_talks_reach_everything(reached: Reached) -> None:
    if len(TURNS) < len(TALKS):
        pytest.skip("only after all talks")
    everything = there_are()
    left = {kind: sorted(names - reached.of(kind)) for kind, names in everything.items()}
    TABLE.write_text(table(everything, left), encoding="utf-8")
    missed = {name for names in left.values() for name in names}
    assert not missed - UNREACHED.keys(), "no talk reaches:\n" + "\n".join(sorted(missed - UNREACHED.keys()))
    assert not UNREACHED.keys() - missed, f"reached, so no exception: {sorted(UNREACHED.keys() - missed)}"


def table(everything: dict[str, set[str]], left: dict[str, list[str]]) -> str:
    """What was talked about, and what of the assistant that reached, as Markdown."""
    lines = ["| theme | talks | messages |", "| --- | --- | --- |"]
    for theme, talks in Counter(talk.theme for talk in TALKS).items():
        lines.append(f"| {theme} | {talks} | {sum(TURNS[talk.title] for talk in TALKS if talk.theme == theme)} |")
    lines += [f"| all | {len(TALKS)} | {TURNS.total()} |", ""]
    lines += ["| of the assistant | there are | reached | not, with reason |", "| --- | --- | --- | --- |"]
    for kind, names in everything.items():
        explained = sum(name in UNREACHED for name in left[kind])
        lines.append(f"| {kind} | {len(names)} | {len(names) - len(left[kind])} | {explained} |")
    lines += ["", *(f"- {name}: {UNREACHED.get(name, '?')}" for names in left.values() for name in names)]
    return "\n".join(lines) + "\n"
