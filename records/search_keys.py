"""What a search compares in place of names: keys of the pieces of a text, so that an index finds any part of it.

A piece is a kind and some characters; a key is a hash of whom it finds, for which team, and the piece, with a secret of the keyring.
Whoever has all keys of a query may be meant, and a look at the text decides. So the index holds no names, and whoever has it alone cannot
guess them.
"""

import re
from collections.abc import Iterable
from hashlib import blake2b

from records.keyring import Keyring

NAME, NUMBER, WHOLE, PHONE = "n", "b", "w", "t"
# A telephone is found by no fewer digits: they would find half the hospital.
LEAST_DIGITS = 4
# Of a number so many characters are told apart here.
LONGEST_NUMBER = 20


def keys_of(ring: Keyring, whom: str, team_id: int, pieces: Iterable[str]) -> set[int]:
    """The keys, in PostgreSQL's bigint, by which a member of the team finds `whom` (such as "patient") by each piece."""
    return {ring.piece(f"{whom} {team_id} {piece}") for piece in pieces}


def open_keys_of(whom: str, team_id: int, pieces: Iterable[str]) -> set[int]:
    """The same without a secret, as older versions made and sought them: before names are sealed, and until all have been made anew."""
    plain = (f"{whom} {team_id} {piece}".encode(errors="surrogatepass") for piece in pieces)
    return {int.from_bytes(blake2b(each, digest_size=8).digest(), signed=True) for each in plain}


def name_pieces(name: str) -> set[str]:
    """Of a name that is to be found by any part of it: its characters and its pairs of them, whether large or small."""
    return {NAME + part for length in (1, 2) for part in _runs(name.casefold(), length)}


def name_sought(said: str) -> set[str]:
    """Of a part of a name, of one character or more."""
    folded = said.casefold()
    return {NAME + part for part in _runs(folded, min(2, len(folded)))}


def number_pieces(number: str) -> set[str]:
    """Of a record number that is to be found by its beginning."""
    return {NUMBER + number[:length] for length in range(1, min(len(number), LONGEST_NUMBER) + 1)}


def number_sought(begins: str) -> set[str]:
    """Of the beginning of a number."""
    return {NUMBER + begins[:LONGEST_NUMBER]}


def whole_piece(number: str) -> set[str]:
    """Of a number that is found by all of it, and of one that is sought so."""
    return {WHOLE + number}


def phone_pieces(phone: str) -> set[str]:
    """Of a telephone that is to be found by any LEAST_DIGITS digits in a row, or more."""
    return {PHONE + part for digits in re.findall(r"\d+", phone) for part in _runs(digits, LEAST_DIGITS)}


# Digits in a row are sought as they are kept.
phone_sought = phone_pieces


def _runs(text: str, length: int) -> Iterable[str]:
    return (text[place : place + length] for place in range(len(text) - length + 1))
