"""The keys of what is kept encrypted (docs/encryption.md): where they come from, and what they do. No database, nothing at import.

A sealed text is `~KEY~…`: the key's name, and nonce, ciphertext and tag of AES-256-GCM in base64. Its place (table and column) is
authenticated with it, so that it can be read nowhere else. What must be found again has a blind index beside it: an HMAC of the text.
"""

import hmac
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# The key of blind indexes and searches; all others seal.
INDEX = "index"
# AES-256; NIST SP 800-38D: a nonce of 96 bits.
KEY_BYTES, NONCE_BYTES = 32, 12
# 128 bits: among a billion texts two have one index with a probability of 10^-21.
BLIND_BYTES = 16
_NAME = r"[0-9A-Za-z][0-9A-Za-z.-]{0,31}"
_LINE = re.compile(rf"({_NAME}):([0-9a-fA-F]{{{2 * KEY_BYTES}}})")
_SEALED = re.compile(rf"~({_NAME})~([0-9A-Za-z_-]{{38,}}={{0,2}})", re.ASCII)


class KeyringError(Exception):
    """A key is missing or wrong, or a sealed text is not what was sealed here; the text is one sentence. Nothing of it was shown."""

    permanent = True

    def __init__(self, code: str, text: str):
        super().__init__(text)
        self.code = code


class KeyStore(Protocol):
    """Where keys come from: a file, or a hospital's key management (KMS, HSM) that hands out data keys."""

    @property
    def where(self) -> str:
        """What a person knows it by."""

    def read(self) -> dict[str, bytes]:
        """The keys by name, the oldest first, each of KEY_BYTES; empty where there is nothing yet. Raises KeyringError."""

    def add(self, *names: str) -> None:
        """Make new keys of these names. Raises KeyringError: there is one of that name, or none can be made here."""

    def begin(self) -> bool:
        """Make the first keys, `index` and one that seals, where this store may do so by itself; else False."""


class KeyFile:
    """A file of lines `NAME:HEX`, the oldest first, readable by its owner alone. `own`: it may be made at the first start."""

    def __init__(self, path: Path, *, own: bool) -> None:
        self._path, self._own = path, own

    @property
    def where(self) -> str:
        """The file."""
        return str(self._path)

    def read(self) -> dict[str, bytes]:
        """The keys in the file; none without a file. Raises KeyringError."""
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as err:
            raise KeyringError("key_file", f"The key file {self._path} cannot be read: {type(err).__name__}.") from err
        found: dict[str, bytes] = {}
        for number, line in enumerate(lines, 1):
            if not (line := line.strip()) or line.startswith("#"):
                continue
            told = _LINE.fullmatch(line)
            if told is None or told[1] in found:
                raise KeyringError("key_file", f"The key file {self._path} is wrong in line {number}: NAME:HEX, each name once.")
            found[told[1]] = bytes.fromhex(told[2])
        return found

    def add(self, *names: str) -> None:
        """Write the file anew with more keys, whole or not at all. Raises KeyringError."""
        if taken := set(names) & set(self.read()):
            raise KeyringError("key_taken", f"There is a key {sorted(taken)[0]} in {self._path} already.")
        old = self._path.read_text("utf-8") if self._path.exists() else _HEAD
        self._write("".join([old, *(_line(name) for name in names)]), instead=True)

    def begin(self) -> bool:
        """Make the file if nobody else does at this moment."""
        if self._own and not self._path.exists():
            self._write("".join([_HEAD, _line(INDEX), _line("k1")]), instead=False)
        return self._path.exists()

    def _write(self, text: str, *, instead: bool) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        making = self._path.with_name(f"{self._path.name}.{token_hex(4)}")
        try:
            with open(os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if instead:
                making.replace(self._path)
            else:
                # Unlike a rename it fails where another process was faster: then its keys are the ones.
                os.link(making, self._path)
        except FileExistsError:
            pass
        except OSError as err:
            raise KeyringError("key_file", f"The key file {self._path} cannot be written: {err.strerror}.") from err
        finally:
            making.unlink(missing_ok=True)


_HEAD = "# Keys of the names and numbers in CareLoop's database (docs/encryption.md). Without them nobody can read these again:\n" \
    "# keep copies, apart from the database and its backups.\n"  # fmt: skip


def _line(name: str) -> str:
    if not re.fullmatch(_NAME, name):
        raise KeyringError("key_name", f"{name!r} is no name for a key: letters, digits, dots and dashes, 32 at most.")
    return f"{name}:{token_hex(KEY_BYTES)}\n"


class Keyring:
    """The keys of one process. `active` is the one that seals; None: what is written stays readable, as older versions expect it.

    Who tells which key is active is records/data_key.py.
    """

    def __init__(self, store: KeyStore, *, active: str | None = None) -> None:
        self.store, self.active = store, active
        self._sealing: dict[str, AESGCM] = {}
        self._prints: dict[str, str] = {}
        self._index = self._search = b""
        self.read()

    def read(self) -> None:
        """Read the keys again. Raises KeyringError."""
        keys = self.store.read()
        self._sealing = {name: AESGCM(key) for name, key in keys.items() if name != INDEX}
        self._prints = {name: fingerprint(name, key) for name, key in keys.items()}
        self._index = keys.get(INDEX, b"")
        self._search = hmac.digest(self._index, b"careloop search", "sha256") if self._index else b""

    @property
    def prints(self) -> Mapping[str, str]:
        """The fingerprint of each key, the oldest first."""
        return self._prints

    def seal(self, place: str, text: str) -> str:
        """The text as it is stored in `place`. Raises KeyringError where the active key is missing."""
        if not text or self.active is None:
            return text
        nonce = token_bytes(NONCE_BYTES)
        sealed = self._key(self.active).encrypt(nonce, text.encode(), place.encode())
        return f"~{self.active}~{urlsafe_b64encode(nonce + sealed).decode()}"

    def unseal(self, place: str, stored: str) -> str:
        """What was sealed for `place`; what was never sealed as it is. Raises KeyringError: no such key, or sealed for another place."""
        told = _SEALED.fullmatch(stored)
        if told is None:
            return stored
        raw = urlsafe_b64decode(told[2])
        try:
            return self._key(told[1]).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place.encode()).decode()
        except InvalidTag as err:
            raise KeyringError("not_sealed_here", f"What stands in {place} was not sealed for it, or not with the key {told[1]}.") from err

    def blind(self, place: str, text: str) -> bytes:
        """The blind index of a text in `place`: the same for the same text, and nothing to whoever has no key. Raises KeyringError."""
        if not self._index:
            raise KeyringError("key_missing", f"{self.store.where} lacks the key {INDEX!r}, by which patients are looked up.")
        return hmac.digest(self._index, f"{place}\0{text}".encode("utf-8", "surrogatepass"), "sha256")[:BLIND_BYTES]

    def piece(self, text: str) -> int:
        """The same for a piece of a name, as PostgreSQL's bigint: keyed BLAKE2b (RFC 7693), which takes a third of an HMAC's time, and a
        patient has thirty pieces. Raises KeyringError."""
        if not self._search:
            raise KeyringError("key_missing", f"{self.store.where} lacks the key {INDEX!r}, by which patients are searched.")
        return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), key=self._search, digest_size=8).digest(), signed=True)

    def _key(self, name: str) -> AESGCM:
        if name not in self._sealing:
            # It may have been added since.
            self.read()
        try:
            return self._sealing[name]
        except KeyError as err:
            raise KeyringError("key_missing", f"{self.store.where} lacks the key {name}, with which this was sealed.") from err


def fingerprint(name: str, key: bytes) -> str:
    """What may be told of a key: enough to see that it is the same, of no use to whoever has it."""
    return hmac.digest(key, f"careloop fingerprint {name}".encode(), "sha256")[:8].hex()


def key_name(stored: str) -> str | None:
    """With which key a stored text is sealed; None where it is not."""
    told = _SEALED.fullmatch(stored)
    return told[1] if told is not None else None
