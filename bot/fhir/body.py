"""Bodies, bounded before they are read."""

from aiohttp import web


async def read_body(request: web.Request, most: int) -> bytes:
    """The body, at most one byte more than `most` of it. Raises web.RequestPayloadError for one that breaks off."""
    if (request.content_length or 0) > most:
        return b" " * (most + 1)
    body = bytearray()
    while len(body) <= most and not request.content.at_eof():
        body += await request.content.read(most + 1 - len(body))
    return bytes(body)
