"""The conversations of talks/*.yml, and what of the assistant they reach."""

import pytest

from tests.dialogue.talk import Played, Talk, children_of, read_talks

pytestmark = pytest.mark.dialogue

TALKS = read_talks()


@pytest.mark.parametrize("talk", TALKS, ids=[f"{number}" for number, _ in enumerate(TALKS)])
async def test_talk(new_family, talk: Talk) -> None:
    await Played(talk, await new_family(*children_of(talk))).play()
