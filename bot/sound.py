"""Requests that are text: what a header says in bytes that are none can be neither hashed nor compared nor kept."""

from aiohttp import web
from aiohttp.typedefs import Handler


@web.middleware
async def sound_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request whose headers are not UTF-8, or whose Host is none, before anybody looks into them. For the outermost application
    and all below it."""
    try:
        for name, value in request.headers.items():
            # aiohttp decodes by "surrogateescape": what is not UTF-8 cannot be encoded again.
            f"{name}{value}".encode()
        request.url.origin()
    except ValueError:
        return web.json_response({"code": "bad_header"}, status=400)
    return await handler(request)
