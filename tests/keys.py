"""The keys of all tests: made up, and the same in every run."""

import os
from hashlib import sha256
from pathlib import Path

from records.keyring import INDEX, KeyFile, Keyring, KeyringError

PATH = Path(__file__).parent.parent / ".careloop" / "test" / "keyring"


class Keys:
    """A KeyStore of names that are keys by themselves."""

    where = "the tests' keys"

    def __init__(self, *names: str, salt: str = "") -> None:
        self._keys = {name: sha256(f"{salt}{name}".encode()).digest() for name in names}

    def read(self) -> dict[str, bytes]:
        return dict(self._keys)

    def add(self, *names: str) -> None:
        for name in names:
            if name in self._keys:
                raise KeyringError("key_taken", name)
            self._keys[name] = sha256(name.encode()).digest()

    def begin(self) -> bool:
        return False


def key_file() -> KeyFile:
    """The same keys in a file, where processes that tests start find them."""
    PATH.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{name}:{key.hex()}\n" for name, key in Keys(INDEX, "k1").read().items())
    if not PATH.exists() or PATH.read_text("utf-8") != lines:
        PATH.write_text(lines, "utf-8")
        PATH.chmod(0o600)
    os.environ["CARELOOP_KEYRING"] = str(PATH)
    return KeyFile(PATH, own=False)


KEYRING = Keyring(key_file(), active="k1")
