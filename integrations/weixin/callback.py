"""Callbacks of the official account and the mini program: plain or encrypted XML, believed only when signed.

The encrypted form (安全模式) is WeCom's own, with the appid in place of the corp id. In the plain form (明文模式) the signature covers the
time and the nonce but not the content, so whoever sees one such address may use it for anything until its time runs out: the plain
form is taken only where no EncodingAESKey is set.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from integrations.callback_error import CallbackError
from integrations.wecom.callback import Callback
from integrations.wecom.xml import XmlError, read_xml

_ECHO = re.compile(r"[0-9A-Za-z_-]{1,64}")


class WeixinCallback:
    """One callback address as set at mp.weixin.qq.com. Without ``encoding_aes_key`` it is in plain mode.

    ``window`` is how far a callback's timestamp may lie from now, either way. Raises CallbackError ``bad_encoding_aes_key``,
    ``bad_token`` when the settings cannot be right.
    """

    def __init__(
        self, token: str, encoding_aes_key: str, appid: str, *, window: timedelta = timedelta(minutes=10), max_bytes: int = 1 << 20
    ) -> None:
        if not token:
            raise CallbackError("bad_token", 500, "Token must not be empty")
        self._token, self._window, self._max_bytes = token, window, max_bytes
        self._sealed = Callback(token, encoding_aes_key, appid, window=window, max_bytes=max_bytes) if encoding_aes_key else None

    def verify_url(self, query: Mapping[str, str]) -> str:
        """The ``echostr`` to answer the GET check with; it comes plain in either mode. Raises CallbackError."""
        self._check_signature(query)
        echo = query.get("echostr", "")
        # It is written into our answer, so it may be nothing but letters and digits.
        if not _ECHO.fullmatch(echo):
            raise CallbackError("missing_field", 400, "echostr")
        return echo

    def open(self, query: Mapping[str, str], body: bytes, now: datetime) -> dict[str, Any]:
        """The message as ``{tag: text or dict or list}``.

        Raises CallbackError: too_large, missing_field, bad_xml, bad_signature, stale, bad_ciphertext, wrong_receive_id.
        """
        if len(body) > self._max_bytes:
            raise CallbackError("too_large", 413, f"{len(body)} bytes")
        if body.lstrip()[:1] == b"{":
            raise CallbackError("bad_xml", 400, "JSON; choose XML as 数据格式 at mp.weixin.qq.com")
        if self._sealed is None:
            self._check_signature(query)
            timestamp = query.get("timestamp", "")
            if not re.fullmatch(r"[0-9]{1,10}", timestamp) or abs(now.timestamp() - int(timestamp)) > self._window.total_seconds():
                raise CallbackError("stale", 403, "timestamp outside the window; is this machine's clock right?")
            fields = _read(body)
        else:
            fields = self._sealed.open(query, body, now)
        for name in ("MsgType", "CreateTime", "FromUserName"):
            if not isinstance(fields.get(name), str) or not fields[name]:
                raise CallbackError("missing_field", 400, name)
        return fields

    def _check_signature(self, query: Mapping[str, str]) -> None:
        given, timestamp, nonce = (query.get(name, "") for name in ("signature", "timestamp", "nonce"))
        joined = "".join(sorted((self._token, timestamp, nonce))).encode("utf-8", "surrogatepass")
        right = hashlib.sha1(joined, usedforsecurity=False).hexdigest()  # the platform's choice of hash
        if not timestamp or not nonce or not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode()):
            raise CallbackError("bad_signature", 403)


def _read(body: bytes) -> dict[str, Any]:
    try:
        return read_xml(body)
    except XmlError as err:
        raise CallbackError("bad_xml", 400, str(err)) from err
