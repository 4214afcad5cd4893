"""What travels between edge and inside: nothing forged, repeated, late, swollen or from elsewhere is opened."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.edge.envelope import EnvelopeError, Hellos, Key, Opener, Sealer, check_welcome, hello, read_keys, welcome
from bot.edge.received import OLDEST, received, received_at

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
OLD, NEW = read_keys(f"2026a:{'a' * 32} 2026b:{'b' * 32}")
LINE = ("1" * 32, "2" * 32)


def pair(*, key: Key = OLD, side: str = "edge", line: tuple[str, str] = LINE, late: timedelta = timedelta()) -> tuple[Sealer, Opener]:
    return Sealer(key, side, line, lambda: NOW), Opener(OLD, "edge", LINE, lambda: NOW + late, max_bytes=1000)


def refused(opener: Opener, envelope: bytes) -> str:
    with pytest.raises(EnvelopeError) as caught:
        opener.open(envelope)
    return caught.value.code


def test_an_envelope_arrives_as_it_was_sent() -> None:
    sealer, opener = pair()
    for body in (b"", b"\x00\xff", b"x" * 500):
        assert opener.open(sealer.seal({"path": "/h5/趋势"}, body)) == ({"path": "/h5/趋势"}, body)


def test_every_changed_byte_is_noticed() -> None:
    sealer, opener = pair()
    envelope = sealer.seal({"ask": 1}, b"body")
    for place in range(len(envelope)):
        forged = bytearray(envelope)
        forged[place] ^= 1
        assert refused(opener, bytes(forged)) == "bad_signature"
    assert opener.open(envelope) == ({"ask": 1}, b"body")


def test_an_envelope_opens_once_and_in_its_turn() -> None:
    sealer, opener = pair()
    first, second, third = (sealer.seal({"ask": number}) for number in (1, 2, 3))
    opener.open(first)
    assert refused(opener, first) == "replayed"
    assert refused(opener, third) == "bad_form"
    opener.open(second)
    assert refused(opener, first) == "replayed"


@pytest.mark.parametrize("other", [{"key": NEW}, {"side": "inner"}, {"line": ("1" * 32, "3" * 32)}, {"line": LINE[::-1]}])
def test_an_envelope_of_another_key_direction_or_line_does_not_open(other: dict[str, object]) -> None:
    sealer, opener = pair(**other)  # type: ignore[arg-type]
    assert refused(opener, sealer.seal({"ask": 1})) == "bad_signature"


@pytest.mark.parametrize("late", [timedelta(minutes=3), -timedelta(minutes=3)])
def test_an_envelope_is_of_now(late: timedelta) -> None:
    sealer, opener = pair(late=late)
    assert refused(opener, sealer.seal({"ask": 1})) == "stale"


def test_what_is_too_large_or_no_envelope_is_refused() -> None:
    sealer, opener = pair()
    assert refused(opener, sealer.seal({}, b"x" * 1000)) == "too_large"
    assert refused(opener, b"") == refused(opener, b"x" * 40) == "bad_form"


def test_a_hello_is_believed_once() -> None:
    hellos = Hellos([OLD, NEW], lambda: NOW)
    said = hello(OLD, "1" * 32, NOW)
    assert hellos.check(said) == (OLD, "1" * 32)
    assert hellos.check(hello(NEW, "2" * 32, NOW)) == (NEW, "2" * 32)
    for wrong, code in (
        (said, "replayed"),
        (hello(OLD, "3" * 32, NOW - timedelta(minutes=3)), "stale"),
        (hello(Key("2026a", b"c" * 32), "4" * 32, NOW), "bad_signature"),
        (hello(Key("2025", b"a" * 32), "5" * 32, NOW), "unknown_key"),
        (said.replace("1" * 32, "6" * 32), "bad_signature"),
        ("", "bad_form"),
        ("2026a;1;1;\udc80", "bad_form"),
    ):
        with pytest.raises(EnvelopeError) as caught:
            hellos.check(wrong)
        assert caught.value.code == code


def test_the_inner_side_knows_its_edge() -> None:
    assert check_welcome(OLD, welcome(OLD, *LINE), LINE[0]) == LINE[1]
    for said, code in ((welcome(NEW, *LINE), "bad_signature"), (welcome(OLD, "9" * 32, LINE[1]), "bad_signature"), ("x", "bad_form")):
        with pytest.raises(EnvelopeError) as caught:
            check_welcome(OLD, said, LINE[0])
        assert caught.value.code == code


@pytest.mark.parametrize("keys", ["short:abc", "nothing", f"a:{'a' * 32} a:{'b' * 32}", f"名:{'a' * 32}"])
def test_keys_that_cannot_be_right_are_named(keys: str) -> None:
    with pytest.raises(ValueError, match="keys"):
        read_keys(keys)


def test_only_the_link_says_when_a_callback_came() -> None:
    then, path = NOW - timedelta(hours=3), "/wecom/callback?nonce=1"
    at = then.isoformat()

    def said(header: str, key: Key | None = OLD, where: str = path) -> datetime:
        return received_at({"X-CareLoop-Received": header}, where, key, NOW)

    assert said(received(OLD, path, at)) == then
    for header in ("", at, f"{at};0", received(NEW, path, at), received(OLD, path, (NOW - OLDEST - timedelta(1)).isoformat())):
        assert said(header) == NOW
    assert said(received(OLD, path, at), where=path + "1") == said(received(OLD, path, at), key=None) == NOW
