"""Whether a message is in another language than Chinese, so that nothing said in it can be triaged. By its letters alone."""

import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

from tagging.folder import read_yaml

FILE = Path(__file__).parent / "data" / "foreign.yml"

# So many words of Latin letters are a sentence; fewer are a name, a brand or a greeting. Own judgement.
LATIN_WORDS = 3
# Letters of a script that Chinese parents do not type; fewer are the face of a kaomoji (ಥ_ಥ, Σ(°Д°)) or a の for 的. Own judgement.
OTHER_LETTERS = 4
# A name in Chinese inside a foreign sentence (小明 has a high fever) makes it no Chinese one; three characters can tell a sign.
HAN_OF_A_NAME, WORDS_AROUND_A_NAME = 2, 4

_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+|\b\S+\.(?:com|cn|net|org|html?|pdf|jpe?g|png|docx?|xlsx?|mp4)\b\S*", re.I)
_TOKEN = re.compile(r"[^\s,;!?:()\[\]{}\"“”‘’，。！？；：（）、…~～]+")
_LATIN_WORD = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)?")
# Somebody plays with the machine: {name}, ${…}, '; DROP TABLE x; --. More words are a person all the same.
_CODE = re.compile(r"[{}<>$\\|`]|--|==")
_VOWEL = re.compile(r"[aeiouyà-öø-ÿ]", re.I)
# A code, a unit or an abbreviation: CRP, ITP, PICU; longer ones are somebody who shouts.
_ABBREVIATION = 4


def is_foreign(text: str) -> bool:
    """Whether `text` says something in letters of another language and hardly anything in Chinese.

    Pinyin without Chinese characters counts as foreign, since nobody can triage it either. Single short Latin words, abbreviations,
    values, names, addresses, ids and emoji do not.
    """
    text = _ADDRESS.sub(" ", unicodedata.normalize("NFC", text))
    # Not the marks that only lengthen or voice a letter: faces are made of them.
    letters = Counter(_script(character) for character in text if unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lo"))
    han, kana, latin = letters.pop("han", 0), letters.pop("kana", 0), letters.pop("latin", 0)
    if kana >= OTHER_LETTERS and kana >= han:
        # Of Japanese the Chinese characters are a part.
        return True
    others = sum(letters.values()) + kana
    if others >= OTHER_LETTERS:
        return han <= HAN_OF_A_NAME and others > WORDS_AROUND_A_NAME * han
    if not latin or han > HAN_OF_A_NAME:
        return False
    words = _latin_words(text)
    if han:
        return len(words) >= LATIN_WORDS + WORDS_AROUND_A_NAME and len(words) > WORDS_AROUND_A_NAME * han
    enough = 2 * LATIN_WORDS if _CODE.search(text) else LATIN_WORDS
    return len(words) >= enough or not _listed("danger").isdisjoint(re.findall(r"[a-z]+", text.lower()))


@cache
def _listed(name: str) -> frozenset[str]:
    return frozenset(str(read_yaml(FILE)[name]).split())


def _script(character: str) -> str:
    """han, kana, latin, or other."""
    name = unicodedata.name(character, "")
    if name.startswith(("CJK ", "IDEOGRAPHIC", "KANGXI", "BOPOMOFO")):
        return "han"
    if name.startswith(("HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA")):
        return "kana"
    if "LATIN" in name or name.startswith(("FULLWIDTH LATIN", "MODIFIER LETTER", "MATHEMATICAL", "FEMININE", "MASCULINE")):
        return "latin"
    # Greek stands in Chinese texts for quantities and faces (α, β, ω, Σ).
    return "latin" if name.startswith("GREEK") and len(character) == 1 and character in "αβγδωσπμΣΩΔ" else "other"


def _latin_words(text: str) -> list[str]:
    """The words of a sentence: not everyday ones, abbreviations or ids, and no names as long as nothing else is there."""
    words = [
        word.group()
        for token in _TOKEN.findall(unicodedata.normalize("NFKC", text))
        if not any(character.isdigit() or character in "_/\\@#=&" for character in token)
        for word in _LATIN_WORD.finditer(token)
        if _script(word.group()[0]) == "latin" and _VOWEL.search(word.group())
    ]
    shouted = any(word.isupper() and len(word) >= _ABBREVIATION for word in words)
    words = [word for word in words if shouted or not (word.isupper() and len(word) <= _ABBREVIATION)]
    if all(word.lower() in _listed("everyday") for word in words):
        return []
    if len(words) <= LATIN_WORDS and all(word.istitle() for word in words):
        # Anna Maria Rossi.
        return []
    # In a sentence the short words of everyday count too: my baby is not good.
    return words
