"""Group commit: every call gets its own value, whatever comes when."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.together import Together


class Work:
    """Doubles numbers, and remembers the groups that it was given."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.at_once = self.most_at_once = 0

    async def __call__(self, numbers: list[int]) -> Mapping[int, int]:
        self.groups.append(numbers)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        self.at_once -= 1
        if 13 in numbers:
            raise ValueError(13)
        return {number: 2 * number for number in numbers}


@given(
    numbers=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=40),
    most=st.integers(1, 5),
    at_once=st.integers(1, 3),
    worth=st.integers(1, 6),
)
def test_every_call_gets_its_value_and_no_group_is_too_large(numbers: list[tuple[int, int]], most: int, at_once: int, worth: int) -> None:
    async def run() -> None:
        work = Work()
        together = Together(work, most=most, at_once=at_once, worth=worth)

        async def call(number: int, later: int) -> int:
            for _ in range(later):
                await asyncio.sleep(0)
            return await together(number)

        async with asyncio.timeout(5):
            answers = await asyncio.gather(*(call(number, later) for number, later in numbers))
        assert answers == [2 * number for number, _ in numbers]
        assert max(map(len, work.groups)) <= most
        assert work.most_at_once <= at_once

    asyncio.run(run())


async def test_calls_of_the_same_moment_are_one_group() -> None:
    work = Work()
    together = Together(work, most=16, at_once=2)
    await asyncio.gather(*(together(number) for number in range(5)))
    assert work.groups == [[0, 1, 2, 3, 4]]


async def test_a_failure_is_told_to_its_whole_group_and_to_nobody_else() -> None:
    work = Work()
    together = Together(work, most=2, at_once=1)
    answers = await asyncio.gather(*(together(number) for number in (1, 13, 2, 3)), return_exceptions=True)
    assert isinstance(answers[0], ValueError) and isinstance(answers[1], ValueError)
    assert answers[2:] == [4, 6]


async def test_who_gives_up_waiting_does_not_stop_the_work() -> None:
    work = Work()
    together = Together(work, most=4, at_once=1)
    gone, stays = asyncio.create_task(together(1)), asyncio.create_task(together(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 4
    with pytest.raises(asyncio.CancelledError):
        await gone
