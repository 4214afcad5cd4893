"""What travels between the edge and the inner side: signed, numbered, of now, and no larger than agreed.

A line begins with a hello of the inner side and a welcome of the edge, each signed with a key both have and each holding a nonce. Both
nonces make the keys of this one line, one for each direction, so an envelope of another line, direction or moment opens nowhere.
"""

import hashlib
import hmac
import json
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

HELLO = "X-CareLoop-Hello"
# How far the clocks of the two machines may lie apart, and how old an envelope may be.
WINDOW = timedelta(minutes=2)
# MAC, number, milliseconds since 1970, length of the head.
_FRAME = struct.Struct(">32sQQI")
_NONCE = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"[0-9A-Za-z._-]{1,32}:\S{32,}")
# Nonces of hellos that are remembered: far more than honest lines are dialled within the window.
MOST_SEEN = 10_000


class EnvelopeError(Exception):
    """An envelope, hello or welcome that is not believed: bad_form, unknown_key, bad_signature, stale, replayed, too_large."""

    permanent = True

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Key:
    """A secret that both sides know, and its name, by which an old one is told from its successor."""

    name: str
    secret: bytes


def read_keys(text: str) -> list[Key]:
    """The keys in `name:secret name:secret …`; secrets have 32 characters or more. Raises ValueError."""
    words = text.split()
    if any(_KEY.fullmatch(word) is None for word in words):
        raise ValueError("keys look like 2026a:SECRET, with 32 characters of secret or more (openssl rand -hex 32)")
    keys = [Key(name, secret.encode()) for name, _, secret in (word.partition(":") for word in words)]
    if len({key.name for key in keys}) < len(keys):
        raise ValueError("two keys have the same name")
    return keys


class Hellos:
    """The edge's look at who dials: one of our keys, of now, and never the same hello twice."""

    def __init__(self, keys: list[Key], clock: Callable[[], datetime]) -> None:
        self._keys = {key.name: key for key in keys}
        self._clock = clock
        self._seen: OrderedDict[str, float] = OrderedDict()

    def check(self, hello: str) -> tuple[Key, str]:
        """The key and the nonce of a hello. Raises EnvelopeError."""
        name, nonce, at, given = [*hello.split(";"), "", "", "", ""][:4]
        if _NONCE.fullmatch(nonce) is None or re.fullmatch(r"[0-9]{1,13}", at) is None:
            raise EnvelopeError("bad_form")
        key = self._keys.get(name)
        if key is None:
            raise EnvelopeError("unknown_key")
        if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), _mac(key.secret, "hello", name, nonce, at).hex().encode()):
            raise EnvelopeError("bad_signature")
        now = self._clock().timestamp()
        _check_time(int(at), now)
        while self._seen and (len(self._seen) >= MOST_SEEN or next(iter(self._seen.values())) < now):
            self._seen.popitem(last=False)
        if nonce in self._seen:
            raise EnvelopeError("replayed")
        self._seen[nonce] = now + 2 * WINDOW.total_seconds()
        return key, nonce


def hello(key: Key, nonce: str, now: datetime) -> str:
    """What the inner side says first. `nonce` is 32 hexadecimal digits, fresh each time."""
    at = str(_ms(now))
    return ";".join((key.name, nonce, at, _mac(key.secret, "hello", key.name, nonce, at).hex()))


def welcome(key: Key, theirs: str, ours: str) -> str:
    """What the edge answers to a hello with the nonce `theirs`."""
    return f"{ours};{_mac(key.secret, 'welcome', theirs, ours).hex()}"


def check_welcome(key: Key, said: str, nonce: str) -> str:
    """The edge's nonce. Raises EnvelopeError when this is not our edge, or not its answer to us."""
    ours, _, given = said.partition(";")
    if _NONCE.fullmatch(ours) is None:
        raise EnvelopeError("bad_form")
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), _mac(key.secret, "welcome", nonce, ours).hex().encode()):
        raise EnvelopeError("bad_signature")
    return ours


class Sealer:
    """Writes the envelopes of one direction of one line."""

    def __init__(self, key: Key, side: str, nonces: tuple[str, str], clock: Callable[[], datetime]) -> None:
        self._secret, self._clock, self._number = _mac(key.secret, side, *nonces), clock, 0

    def seal(self, head: Mapping[str, Any], body: bytes = b"") -> bytes:
        """An envelope around `head` (JSON) and `body`."""
        self._number += 1
        packed = json.dumps(head, ensure_ascii=False).encode()
        rest = struct.pack(">QQI", self._number, _ms(self._clock()), len(packed)) + packed + body
        return hmac.digest(self._secret, rest, hashlib.sha256) + rest


class Opener:
    """Opens the envelopes of one direction of one line, in their order."""

    def __init__(self, key: Key, side: str, nonces: tuple[str, str], clock: Callable[[], datetime], *, max_bytes: int) -> None:
        self._secret, self._clock, self._max, self._last = _mac(key.secret, side, *nonces), clock, max_bytes, 0

    def open(self, envelope: bytes) -> tuple[dict[str, Any], bytes]:
        """Head and body. Raises EnvelopeError."""
        if len(envelope) > self._max:
            raise EnvelopeError("too_large")
        if len(envelope) < _FRAME.size:
            raise EnvelopeError("bad_form")
        mac, number, at, size = _FRAME.unpack_from(envelope)
        if not hmac.compare_digest(mac, hmac.digest(self._secret, envelope[32:], hashlib.sha256)):
            raise EnvelopeError("bad_signature")
        if number != self._last + 1:
            raise EnvelopeError("replayed" if number <= self._last else "bad_form")
        _check_time(at, self._clock().timestamp())
        self._last = number
        try:
            head = json.loads(envelope[_FRAME.size : _FRAME.size + size])
        except ValueError as err:
            raise EnvelopeError("bad_form") from err
        if not isinstance(head, dict):
            raise EnvelopeError("bad_form")
        return head, envelope[_FRAME.size + size :]


def _mac(secret: bytes, *parts: str) -> bytes:
    return hmac.digest(secret, "\n".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256)


def _ms(now: datetime) -> int:
    return int(1000 * now.timestamp())


def _check_time(at: int, now: float) -> None:
    if abs(now - at / 1000) > WINDOW.total_seconds():
        raise EnvelopeError("stale")
