"""Error numbers and texts of WeChat's API."""

from typing import Any

TEXTS = {
    -1: "system error",
    10003: "redirect_uri domain does not match",
    10005: "scope not allowed",
    10010: "scope missing",
    10011: "redirect_uri missing",
    10012: "appid missing",
    10016: "appid of a mini program",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40013: "invalid appid",
    40014: "invalid access_token",
    40029: "invalid code",
    40037: "invalid template_id",
    40038: "the number of messages to one user exceeds the limit of the template",
    40066: "invalid url",
    40097: "invalid args",
    40125: "invalid appsecret",
    40163: "code been used",
    40164: "invalid ip, not in whitelist",
    40165: "invalid weapp pagepath",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41008: "missing code",
    41030: "invalid page",
    42001: "access_token expired",
    42003: "code expired",
    43001: "require GET method",
    43002: "require POST method",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    45009: "reach max api daily quota limit",
    45065: "clientmsgid exist",
    47001: "data format error",
    47003: "argument invalid!",
    48001: "api unauthorized",
}


class ApiError(Exception):
    """A call that ends with a non-zero errcode. `detail` is added to the usual text of that code."""

    permanent = True

    def __init__(self, code: int, detail: str = "") -> None:
        self.code, self.text = code, f"{TEXTS.get(code, 'error')} {detail}".strip()
        super().__init__(f"{code} {self.text}")


def error_body(error: ApiError, *, rid: str) -> dict[str, Any]:
    """The JSON body of a failed call, with the number under which the platform's support would find it."""
    return {"errcode": error.code, "errmsg": f"{error.text} rid: {rid}"}
