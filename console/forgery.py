"""Nothing is done that another site began: every change carries the session's own proof."""

import hmac

from aiohttp import web

from console.form import reading_body

HEADER, FIELD = "X-CSRF-Token", "csrf"


async def check_same_site(request: web.Request, csrf: str | None) -> None:
    """Raises HTTPForbidden for a request that our own page did not make.

    Browsers tell where a request began (Fetch Metadata, and Origin before it); who is signed in proves it by `csrf` too, in a header or
    a form's field. None: nobody is.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise web.HTTPForbidden
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.host:
        raise web.HTTPForbidden
    if csrf is None:
        return
    proof = request.headers.get(HEADER)
    if proof is None and request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        with reading_body():
            field = (await request.post()).get(FIELD)
        proof = field if isinstance(field, str) else None
    if proof is None or not hmac.compare_digest(proof.encode(), csrf.encode()):
        raise web.HTTPForbidden
