"""Whether a content may be shown to families: what it may not advise, and what an editor had better look at again."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from plans.authored import read_authored
from plans.content.model import ArticleContent, MessageContent, Strict
from plans.content.reading import HARD, Reading, reading_of
from plans.content.words import label_of, say
from tagging.check import banned_advice
from tagging.content import default_content

BANS = Path(__file__).parent / "bans.yml"
# Words of seeking care, one of which an article for families is expected to have.
# What a reply may never say and an article may: names of medicines that begin like a prescription, 阿司匹林 where it is the subject
# (bans.yml has what may not be advised of it), and 不自己停药, which forbids it.
_HARMLESS = re.compile(r"开塞露|开胃|开始|(?:不|勿|莫)(?:自己|自行|擅自)")
_IN_REPLIES_ONLY = "阿司匹林"
_CARE = re.compile(r"120|急诊|就医|就诊|联系医护|联系医生|告诉(?:医护|医生|护士)|12356")


class Ban(Strict):
    """Expressions that may not be advised, and why."""

    say: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Checked:
    """`banned` keep it from being reviewed, `hints` are for the editor."""

    banned: tuple[str, ...]
    hints: tuple[str, ...]
    reading: Reading


def check_content(content: ArticleContent | MessageContent) -> Checked:
    """Judge every text of a content. Blocking: the word cutter's dictionary takes about a second the first time."""
    banned = [found for field, text in content.words() for found in banned_in(label_of(field), text)]
    whole = "\n".join(text for field, text in content.words() if field not in ("title", "short"))
    reading, hints = reading_of(whole), []
    if reading.level == 3 and reading.sentence >= HARD:
        hints.append(say("check.hard", sentence=f"{reading.sentence:.0f}", rare=f"{100 * reading.rare:.0f}"))
    if isinstance(content, ArticleContent) and not _CARE.search(whole):
        hints.append(say("check.no_care"))
    return Checked(tuple(banned), tuple(hints), reading)


def banned_in(field: str, text: str) -> list[str]:
    """What may not be said to families in this text, each a sentence that names the field."""
    flags = default_content().redflags
    found = []
    never = Ban(say=tuple(each for each in flags.never_say if each != _IN_REPLIES_ONLY), why=say("check.never"))
    plain = _HARMLESS.sub("", text)
    for ban in (*_bans(), never):
        if (said := banned_advice(plain, ban.say)) is not None:
            found.append(say("check.banned", field=field, said=said, why=ban.why))
    return found


@cache
def _bans() -> tuple[Ban, ...]:
    return read_authored(BANS, tuple[Ban, ...])
