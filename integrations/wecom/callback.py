"""WeCom's callback: verify, decrypt, read; and seal an answer (doc:90930, doc:90968).

Pure and light: no client, no clock, no network.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from wechatpy.enterprise.crypto import PrpCrypto

from integrations.callback_error import CallbackError
from integrations.wecom.signed import WINDOW, check_sealed, check_signature, need, read_fields, signature

BLOCK = 32  # PKCS#7 over 32 bytes, not AES's 16: pads of 17..32 are normal
RANDOM = 16


class Callback:
    """One callback address as set in WeCom's console.

    ``receive_id`` is the corp id for a self-built app. ``window`` is how far a callback's timestamp may lie from now, either way;
    ``max_bytes`` caps a body; ``entropy`` gives the random head of what we seal.
    Raises CallbackError ``bad_encoding_aes_key`` or ``bad_token`` when the settings cannot be right.
    """

    def __init__(
        self,
        token: str,
        encoding_aes_key: str,
        receive_id: str,
        *,
        window: timedelta = WINDOW,
        max_bytes: int = 1 << 20,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        if not re.fullmatch(r"[0-9A-Za-z+/]{43}", encoding_aes_key):
            raise CallbackError("bad_encoding_aes_key", 500, "EncodingAESKey must be the 43 letters and digits shown in WeCom's console")
        if not token:
            raise CallbackError("bad_token", 500, "Token must not be empty")
        self._token, self._receive_id, self._entropy = token, receive_id.encode(), entropy
        self._window, self._max_bytes = window, max_bytes
        self._cipher = PrpCrypto(base64.b64decode(encoding_aes_key + "=")).cipher

    def verify_url(self, query: Mapping[str, str]) -> str:
        """The plain ``echostr`` to answer WeCom's GET check with, exactly as it is; ``query`` is URL-decoded once."""
        encrypted = need(query, "echostr")
        check_signature(self._token, query, encrypted)
        return self.decrypt(encrypted)

    def open(self, query: Mapping[str, str], body: bytes, now: datetime) -> dict[str, Any]:
        """The inner XML of a POST as ``{tag: text or dict or list}``; ``SelectedItem`` and ``OptionId`` are always lists.

        Raises CallbackError: too_large, missing_field, bad_xml, bad_signature, stale, bad_ciphertext, wrong_receive_id.
        """
        if now.tzinfo is None:
            raise ValueError("now must be aware")
        if len(body) > self._max_bytes:
            raise CallbackError("too_large", 413, f"{len(body)} bytes")
        encrypted = check_sealed(self._token, query, body, now, window=self._window)
        fields = read_fields(self.decrypt(encrypted))
        # The form for service providers carries InfoType and TimeStamp in place of MsgType and CreateTime.
        for names in (("MsgType", "InfoType"), ("CreateTime", "TimeStamp")):
            need(fields, next((name for name in names if name in fields), names[0]))
        if fields.get("MsgType") == "event":
            need(fields, "Event")
        if fields.get("Event") == "kf_msg_or_event":
            need(fields, "OpenKfId")
        return fields

    def decrypt(self, encrypted: str) -> str:
        """The message in ``encrypted`` (base64). Does not look at a signature. Raises CallbackError bad_ciphertext, wrong_receive_id."""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
            if not sealed or len(sealed) % BLOCK:
                raise ValueError("not whole blocks")
            plain: bytes = self._cipher.decrypt(sealed)
            pad = plain[-1]
            if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
                raise ValueError("padding")
            content = plain[RANDOM:-pad]
            size = int.from_bytes(content[:4], "big")
            if len(content) < 4 + size:
                raise ValueError("length")
            message, receive_id = content[4 : 4 + size].decode(), content[4 + size :]
        except (ValueError, binascii.Error) as err:
            raise CallbackError("bad_ciphertext", 400) from err
        if not hmac.compare_digest(receive_id, self._receive_id):
            raise CallbackError("wrong_receive_id", 403)
        return message

    def encrypt(self, message: str) -> str:
        """``message`` framed, padded and encrypted, in base64."""
        raw = message.encode()
        plain = self._entropy(RANDOM) + len(raw).to_bytes(4, "big") + raw + self._receive_id
        pad = BLOCK - len(plain) % BLOCK
        return base64.b64encode(self._cipher.encrypt(plain + bytes([pad]) * pad)).decode()

    def seal(self, plaintext: str, nonce: str, timestamp: int) -> str:
        """The XML envelope of a passive reply (application messages only; kf has none). ``timestamp`` in seconds."""
        if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", nonce):
            raise ValueError("nonce must be letters and digits")
        encrypted = self.encrypt(plaintext)
        signed = signature(self._token, str(timestamp), nonce, encrypted)
        return (
            f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{signed}]]></MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
        )


def event_key(fields: Mapping[str, Any]) -> str:
    """The key by which a repeated callback is recognised; at most 80 characters.

    A message has its MsgId, a card's click its ResponseCode (a fresh one each click). For anything else the documented key
    (FromUserName + CreateTime) collides, so the whole content is the key. A kf callback only says "there is news": pulling once more
    is harmless, dropping one is not, so do not drop by it.
    """
    if fields.get("MsgType") != "event" and fields.get("MsgId"):
        return "message:" + _digest(fields["MsgId"])
    if str(fields.get("Event", "")).startswith("template_card") and fields.get("ResponseCode"):
        return "card:" + _digest(fields["ResponseCode"])
    return "event:" + _digest(dict(fields))


def selected_options(fields: Mapping[str, Any]) -> dict[str, list[str]]:
    """``{question_key: [option_id…]}`` of a template card's submit; empty for a plain button."""
    items = fields.get("SelectedItems")
    found = items.get("SelectedItem", []) if isinstance(items, dict) else []
    chosen: dict[str, list[str]] = {}
    for item in found:
        if isinstance(item, dict) and isinstance(item.get("QuestionKey"), str):
            options = item.get("OptionIds")
            chosen[item["QuestionKey"]] = [str(each) for each in options.get("OptionId", [])] if isinstance(options, dict) else []
    return chosen


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
