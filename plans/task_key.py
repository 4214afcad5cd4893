"""The keys of messages that belong to follow-ups: `task:12:opening`, for several at once `task:12+13:opening`."""

from collections.abc import Iterable

_KIND, _AND = "task", "+"


def task_key(task_ids: Iterable[int], what: str) -> str:
    """The key of the message that is `what` for these follow-ups, whatever their order."""
    return f"{_KIND}:{_AND.join(map(str, sorted(task_ids)))}:{what}"


def tasks_in(key: str) -> list[int]:
    """The follow-ups that a key names; none for other keys."""
    kind, _, rest = key.partition(":")
    numbers = rest.partition(":")[0].split(_AND)
    return [int(number) for number in numbers] if kind == _KIND and all(number.isdigit() for number in numbers) else []
