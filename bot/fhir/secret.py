"""Secrets and tokens: made by us, kept as hashes, compared in constant time."""

import hashlib
import secrets

# OWASP's password storage cheat sheet: Argon2id with 19 MiB, two rounds, one lane.
MEMORY_KIB, ROUNDS, LANES = 19 * 1024, 2, 1
LENGTH, SALT = 32, 16
# A secret of ours has 43 characters; one of this length or more is nobody's, and costs as much to hash as it is long.
LONGEST = 200


def new_secret() -> str:
    """A secret or token: 256 bits, in letters that survive a form."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """Argon2id of `secret` as a PHC string. Takes some 50 ms of processor."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    hasher = Argon2id(salt=secrets.token_bytes(SALT), length=LENGTH, iterations=ROUNDS, lanes=LANES, memory_cost=MEMORY_KIB)
    return hasher.derive_phc_encoded(secret.encode())


def is_secret(secret: str, hashed: str | None) -> bool:
    """Whether `hashed` was made of `secret`; for a program that does not exist (None) it takes as long, and is False."""
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    if hashed is None:
        hash_secret(secret[:LONGEST])
        return False
    try:
        Argon2id.verify_phc_encoded(secret[:LONGEST].encode(), hashed)
    except (InvalidKey, ValueError):
        return False
    return len(secret) <= LONGEST


def hash_token(token: str) -> str:
    """The SHA-256 under which a token is looked up: it holds 256 bits of chance, so that no salt is needed."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
