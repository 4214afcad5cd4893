"""Frames on a stream, in whatever pieces they arrive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.hl7.mllp import Deframer, Frame, Noise, frame

A, B = b"MSH|^~\\&|HIS|A|||1||ADT^A01|1|P|2.4\rPID|1\r", "MSH|^~\\&|检验|B|||2||ORU^R01|2|P|2.4\r".encode("gb18030")


def read(stream: bytes, piece: int = 1_000) -> list[Frame | Noise]:
    deframer = Deframer()
    return [found for at in range(0, len(stream), piece) for found in deframer.feed(stream[at : at + piece])] + deframer.flush()


@pytest.mark.parametrize("piece", [1, 2, 7, 1_000])
@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (frame(A) + frame(B), [Frame(A), Frame(B)]),
        (b"\r\n\0" + frame(A) + b"\r\n" + frame(B), [Frame(A), Frame(B)]),
        (b"GET / HTTP/1.1\r\n\r\n" + frame(A), [Noise(18, "outside"), Frame(A)]),
        (b"\x0b" + A + b"\x1c" + frame(B), [Frame(A), Frame(B)]),
        (b"\x0b" + A + b"\x1c\n" + frame(B), [Frame(A), Frame(B)]),
        (b"\x0b" + A + b"\x1c", [Frame(A)]),
        (A + b"\x1c\r" + frame(B), [Noise(len(A), "no_start"), Frame(B)]),
        (b"\x0b" + A + frame(B), [Noise(len(A), "unterminated"), Frame(B)]),
        (b"\x0b" + A, [Noise(len(A), "unterminated")]),
        (b"\x0b" + frame(A), [Frame(A)]),
        (frame(A) + b"\x1c\r" + frame(B), [Frame(A), Frame(B)]),
        (frame(b"OBX|1|TX|||one\x0btwo\x1cthree\r"), [Frame(b"OBX|1|TX|||one\x0btwo\x1cthree\r")]),
        (frame(b""), [Frame(b"")]),
        (b"", []),
    ],
)
def test_frames(stream: bytes, found: list[Frame | Noise], piece: int) -> None:
    assert read(stream, piece) == found


def test_only_what_a_sender_waits_for_is_answered() -> None:
    outside, *awaited = (Noise(1, code) for code in ("outside", "no_start", "unterminated", "too_large"))
    assert not outside.awaited
    assert all(noise.awaited for noise in awaited)


def test_a_frame_beyond_bounds_is_dropped_and_the_connection_lives() -> None:
    deframer = Deframer(largest=100)
    found = [each for piece in (b"\x0b", b"x" * 400, b"y" * 400, b"\x1c\r", frame(A)) for each in deframer.feed(piece)]
    assert found == [Noise(800, "too_large"), Frame(A)]


def test_endless_noise_is_not_kept() -> None:
    deframer = Deframer()
    for _ in range(100):
        deframer.feed(b"noise" * 1_000)
    assert len(deframer._buffer) < 100
    assert deframer.feed(frame(A)) == [Noise(500_000, "outside"), Frame(A)]


@given(st.lists(st.sampled_from([A, B, b"\x0b", b"\x1c", b"\r", b"\n", b"\x1c\r", b"MSH|", b"x"]), max_size=12), st.integers(1, 60))
def test_pieces_do_not_matter(parts: list[bytes], piece: int) -> None:
    stream = b"".join(parts)
    assert read(stream, piece) == read(stream, max(1, len(stream)))
