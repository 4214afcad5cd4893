"""What stands around our applications: the headers that every answer carries, and how a route is named in logs."""

from aiohttp import web
from aiohttp.typedefs import Handler

# What a stranger wrote can run nothing and load nothing from elsewhere, even if it became markup.
CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}


def policy_with_script(origin: str) -> str:
    """The policy for a page that needs a script of one other host, `https://HOST`."""
    return CSP.replace("script-src 'self'", f"script-src 'self' {origin}")


def policy_without_forms(*, images: str, media: str) -> str:
    """The same for a page that has no forms; `images` and `media` are where it has them from."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src {images}",
            f"media-src {media}",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


@web.middleware
async def guard_answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let no answer go without the headers. One that has begun, a stream, has sent its own."""
    response = await handler(request)
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response


def route_name(request: web.Request, base: str) -> str:
    """The address below `base` with its variable parts unnamed: fit for logs."""
    resource = request.match_info.route.resource
    return resource.canonical.removeprefix(base) if resource is not None else "?"
