"""One HTTP request to WeCom and its answer, read with care. No token, no retry: client.py decides those."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from integrations.wecom.errors import WecomError

MAX_REPLY = 32 << 20  # media end at 20 MB, a full page of sync_msg is far smaller


@dataclass(frozen=True)
class Media:
    """A downloaded file: its bytes, type and name (None when the server gave none)."""

    data: bytes
    content_type: str
    filename: str | None


@dataclass(frozen=True)
class File:
    """A file to upload in the multipart field ``media``."""

    data: bytes
    filename: str
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class Call:
    """One request below ``/cgi-bin/``, and what a repeat of it would do."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    file: File | None = None
    binary: bool = False
    repeatable: bool = True
    has_id: bool = False  # carries an identity by which WeCom refuses a second copy


class NoAnswerError(Exception):
    """No usable answer; ``reached`` is False when the request surely never left."""

    def __init__(self, code: str, detail: str, *, reached: bool = True) -> None:
        super().__init__(code, detail)
        self.code, self.detail, self.reached = code, detail, reached


class Transport:
    """Calls one server. ``base_url`` ends before ``/cgi-bin``; ``timeout`` (s) is for a request, six times that for a file, of which
    no more than twice that passes in silence."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, timeout: float) -> None:
        self._session, self._base = session, base_url.rstrip("/") + "/cgi-bin/"
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=timeout)
        # 20 MB over a hospital's line; but a line that has died says nothing at all.
        self._file_timeout = aiohttp.ClientTimeout(total=6 * timeout, sock_connect=timeout, sock_read=2 * timeout)

    async def send(self, call: Call, secrets: Mapping[str, str]) -> dict[str, Any] | Media:
        """WeCom's answer (a dict with an integer ``errcode``, or a file); ``secrets`` join the query. Raises NoAnswerError, too_large."""
        headers, data = {}, call.body
        form: aiohttp.MultipartWriter | None = _multipart(call.file) if call.file else None
        if data is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        try:
            async with self._session.request(
                call.method,
                self._base + call.path,
                params={**call.params, **secrets},
                data=form if form is not None else data,
                headers=headers,
                timeout=self._file_timeout if call.binary or call.file else self._timeout,
                allow_redirects=False,
            ) as response:
                raw = await _read(response)
        # `from None` all along: aiohttp writes the whole URL, with the token, into some of its errors.
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as err:
            raise NoAnswerError("unreachable", type(err).__name__, reached=False) from None
        except (aiohttp.ClientError, TimeoutError) as err:
            raise NoAnswerError("unreachable", type(err).__name__) from None
        if response.status != 200:
            raise NoAnswerError("unreachable" if response.status >= 500 else "garbage_reply", f"HTTP {response.status}")
        return _media(response, raw) if call.binary else _reply(raw)


def _multipart(file: File) -> aiohttp.MultipartWriter:
    form = aiohttp.MultipartWriter("form-data")
    part = form.append(file.data, {"Content-Type": file.content_type})
    # Raw UTF-8: WeCom refuses (44001) the percent-encoded form that aiohttp writes by itself.
    part.set_content_disposition("form-data", quote_fields=False, name="media", filename=file.filename, filelength=str(len(file.data)))
    return form


async def _read(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        raw += chunk
        if len(raw) > MAX_REPLY:
            raise WecomError("too_large", permanent=True, detail=f"a reply of more than {MAX_REPLY} bytes")
    return bytes(raw)


def _reply(raw: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise NoAnswerError("garbage_reply", "not JSON") from None
    if not isinstance(reply, dict) or type(reply.get("errcode")) is not int:
        raise NoAnswerError("garbage_reply", "no errcode")
    return reply


def _media(response: aiohttp.ClientResponse, raw: bytes) -> dict[str, Any] | Media:
    """A file, or the error that comes in its place as JSON with HTTP 200. A sent JSON or text file has a Content-Disposition."""
    disposition = response.content_disposition
    if disposition is None and (response.content_type == "application/json" or response.content_type.startswith("text/")):
        reply = _reply(raw)
        if reply["errcode"] == 0:
            raise NoAnswerError("garbage_reply", "no media")
        return reply
    return Media(raw, response.content_type, disposition.filename if disposition else None)
