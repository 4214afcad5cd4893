"""How requests to and from the provider are signed: HMAC-SHA256 over method, path, time, nonce and body (docs/push.md)."""

import hashlib
import hmac

TIME, NONCE, SIGNATURE = "X-Sms-Timestamp", "X-Sms-Nonce", "X-Sms-Signature"


def sign(secret: str, *, method: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    """The signature in hex. ``path`` is the address's path without host and query, ``timestamp`` seconds since 1970 in digits."""
    said = "\n".join((method.upper(), path, timestamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(secret.encode(), said.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def matches(given: str, secret: str, *, method: str, path: str, timestamp: str, nonce: str, body: bytes) -> bool:
    """Whether ``given`` is that signature; compared in constant time."""
    right = sign(secret, method=method, path=path, timestamp=timestamp, nonce=nonce, body=body)
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode())
