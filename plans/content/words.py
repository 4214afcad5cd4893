"""What editors, clinicians and families read about contents, kept in words.yml."""

from pathlib import Path

from plans.sentences import Sentences

_SENTENCES = Sentences(Path(__file__).with_name("words.yml"))
say, table = _SENTENCES.say, _SENTENCES.group


class ContentRefused(Exception):
    """What was asked of the content centre cannot be done; the text is a Chinese sentence that says why (words.yml `refused`)."""

    permanent = True

    def __init__(self, code: str, /, **values: object) -> None:
        super().__init__(say(f"refused.{code}", **values))
        self.code = code


def label_of(field: str) -> str:
    """A field of a content as editors know it: `blocks[2].picture` is 第2块（图片）."""
    name, _, rest = field.partition("[")
    if name != "blocks" or not rest:
        return str(table("fields").get(field, field))
    number, _, part = rest.partition("].")
    part, _, inner = part.partition(".")
    told = table("fields").get(inner.rpartition(".")[2], "")
    place = table("fields")["block"].format(number=number.strip("第项"), kind=table("blocks").get(part, part))
    return f"{place}{told}"
