"""Keys and what they do: what is sealed comes back, in its own place and with its own key alone."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.keyring import INDEX, KeyFile, Keyring, KeyringError, key_name
from tests.keys import KEYRING, Keys

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(TEXTS)
def test_what_is_sealed_comes_back_and_never_looks_the_same(text: str) -> None:
    sealed = KEYRING.seal("patient.name", text)
    assert KEYRING.unseal("patient.name", sealed) == text
    if text:
        assert key_name(sealed) == "k1" and sealed != KEYRING.seal("patient.name", text)
        assert len(text) < 3 or text not in sealed


@given(TEXTS, TEXTS)
def test_blind_indexes_are_the_same_for_the_same_text_in_the_same_place_alone(one: str, other: str) -> None:
    assert (KEYRING.blind("a.b", one) == KEYRING.blind("a.b", other)) == (one == other)
    assert KEYRING.blind("a.b", one) != KEYRING.blind("a.c", one)


def test_it_is_read_in_its_own_place_alone_and_not_when_it_was_changed() -> None:
    sealed = KEYRING.seal("patient.name", "王小满")
    for place, stored in (("carer.name", sealed), ("patient.name", sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB"))):
        with pytest.raises(KeyringError) as refused:
            KEYRING.unseal(place, stored)
        assert refused.value.code == "not_sealed_here" and "王小满" not in str(refused.value)


def test_another_key_of_the_same_name_reads_nothing_and_a_missing_one_is_named() -> None:
    sealed = KEYRING.seal("patient.name", "王小满")
    for keys, code in ((Keys(INDEX, "k1", salt="other"), "not_sealed_here"), (Keys(INDEX, "k2"), "key_missing")):
        with pytest.raises(KeyringError) as refused:
            Keyring(keys).unseal("patient.name", sealed)
        assert refused.value.code == code and "k1" in str(refused.value)


def test_a_key_that_is_added_later_is_found() -> None:
    store = Keys(INDEX, "k1")
    ring = Keyring(store, active="k1")
    store.add("k2")
    sealed = Keyring(store, active="k2").seal("patient.name", "王小满")
    assert ring.unseal("patient.name", sealed) == "王小满"


def test_a_key_file_is_made_once_for_its_owner_and_keeps_its_keys(tmp_path: Path) -> None:
    path = tmp_path / "data" / "keyring"
    assert KeyFile(path, own=False).read() == {} and not KeyFile(path, own=False).begin()
    file = KeyFile(path, own=True)
    assert file.begin()
    first = file.read()
    assert path.stat().st_mode & 0o777 == 0o600 and set(first) == {INDEX, "k1"}
    assert KeyFile(path, own=True).begin() and file.read() == first
    file.add("k2")
    assert list(file.read()) == [INDEX, "k1", "k2"] and file.read()["k1"] == first["k1"]
    assert path.stat().st_mode & 0o777 == 0o600 and [each.name for each in path.parent.iterdir()] == ["keyring"]
    with pytest.raises(KeyringError, match="already"):
        file.add("k2")


@pytest.mark.parametrize("line", ["k1", "k1:12", "k 1:" + "0" * 64, "k1:" + "g" * 64, f"k1:{'0' * 64}\nk1:{'1' * 64}"])
def test_a_wrong_line_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "keyring"
    path.write_text(f"# keys\n\n{line}\n", "utf-8")
    with pytest.raises(KeyringError, match=r"line [34]") as refused:
        Keyring(KeyFile(path, own=False))
    assert "0000" not in str(refused.value)
