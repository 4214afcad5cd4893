"""WeCom's error codes as the simulator gives them, and the shape of its errmsg."""

from typing import Any

# Short texts in the manner of the platform. Clients must judge by the code: these are not stable in the real service either.
TEXTS: dict[int, str] = {
    -1: "system busy",
    0: "ok",
    40001: "invalid credential",
    40003: "invalid userid",
    40004: "invalid media file type",
    40005: "invalid type",
    40006: "invalid media size",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40013: "invalid corpid",
    40016: "invalid button count",
    40014: "invalid access_token",
    40029: "invalid code",
    40031: "invalid userid list",
    40032: "invalid userid list size",
    40033: "invalid character in request",
    40056: "invalid agentid",
    40058: "invalid Request Parameter",
    40063: "parameter is empty",
    40066: "invalid partylist",
    40068: "invalid tagid",
    40071: "tag name already exists",
    40072: "invalid tag name length",
    40073: "invalid openid",
    40096: "invalid external userid",
    40123: "invalid image file",
    40126: "corp tag count exceeds the limit",
    40206: "request body too large",
    41001: "access_token missing",
    41002: "corpid missing",
    41004: "corpsecret missing",
    41006: "media_id missing",
    41008: "code missing",
    41009: "userid missing",
    41011: "agentid missing",
    41016: "missing title",
    41033: "missing description",
    41035: "external_userid missing",
    41037: "contact way type missing",
    41038: "contact way scene missing",
    41039: "invalid contact way type",
    41040: "invalid contact way scene",
    41043: "contact way config_id missing",
    41044: "invalid contact way config_id",
    41046: "group message id missing",
    41047: "invalid group message id",
    41048: "no customer to send to",
    41050: "invalid welcome code",
    41051: "customer and member have already begun to talk",
    41064: "too many attachments",
    41065: "invalid attachment type",
    41093: "group message task cancelled",
    41094: "group message reminded too often",
    42001: "access_token expired",
    42003: "code expired",
    42014: "invalid task_id",
    42015: "agent of the update does not match the agent of the message",
    42016: "task_id not found",
    42017: "button key not found",
    42020: "button name missing",
    42022: "code already used",
    42027: "template_card horizontal_content_list.keyname missing",
    42028: "template_card url missing",
    42029: "template_card media_id missing",
    42030: "template_card appid missing",
    42031: "invalid template_card card_type",
    42033: "template_card title missing",
    42035: "invalid template_card horizontal_content_list size",
    42036: "invalid template_card vertical_content_list size",
    42037: "invalid template_card option_list size",
    42038: "invalid template_card button_list.text",
    42039: "invalid template_card button_list.key",
    42040: "invalid template_card option_list.id",
    42041: "invalid template_card option_list.text",
    42042: "invalid template_card jump_list size",
    42043: "invalid template_card question_key",
    42044: "invalid template_card card_image.url",
    42045: "invalid template_card card_action",
    42046: "invalid template_card submit_button.key",
    42047: "invalid template_card select_list size",
    42049: "invalid template_card submit_button.text",
    42050: "invalid template_card horizontal_content_list.userid",
    42051: "template_card action_menu key conflict",
    42052: "msgid expired",
    44001: "empty media data",
    44004: "empty text content",
    45001: "media size out of limit",
    45002: "message content size out of limit",
    45008: "article count out of limit",
    45009: "api freq out of limit",
    45033: "api concurrent out of limit",
    45034: "url must carry a scheme",
    46004: "user not found",
    48001: "api unauthorized",
    48002: "api forbidden for this app",
    48006: "api right withdrawn: app unused for long",
    48007: "kf account not granted to this app",
    50001: "redirect domain is not trusted",
    50002: "member not in the app's range",
    50003: "app disabled",
    60003: "department not found",
    60011: "no privilege to access or modify contact, party, agent",
    60020: "not allow to access from your ip",
    60111: "userid not found",
    81013: "all recipients invalid",
    82001: "no recipient given",
    84061: "no external contact relation",
    95000: "invalid open_kfid",
    95001: "send msg count limit",
    95002: "send msg time limit",
    95004: "open_kfid not exist",
    95006: "invalid kf account name",
    95007: "invalid msg token",
    95008: "menu item count out of limit",
    95009: "invalid menu item type",
    95013: "session already ended",
    95014: "user is not a servicer",
    95016: "session state transition not allowed",
    95017: "kf api switch is off",
    95018: "send msg session status invalid",
    95019: "servicer has stopped receiving",
    95021: "upgrade service target not configured",
    301002: "not allow operate another agent with this accesstoken",
    830002: "media too large, range required",
}
RETRYABLE = frozenset({-1, 45009, 45033})


class ApiError(Exception):
    """A WeCom call that ends with a non-zero errcode. `detail` replaces the usual text of that code."""

    def __init__(self, code: int, detail: str | None = None) -> None:
        self.code = code
        self.text = detail if detail is not None else TEXTS.get(code, "error")
        self.permanent = code not in RETRYABLE
        super().__init__(f"{code} {self.text}")


class ControlError(Exception):
    """A control call (`/sim/…`) that cannot be done: an HTTP status and one sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text, self.permanent = status, text, True


def error_body(error: ApiError, *, hint: str, ip: str) -> dict[str, Any]:
    """The JSON body of a failed call: text, hint number, caller's IP and help link, as the platform writes them."""
    link = f"https://open.work.weixin.qq.com/devtool/query?e={error.code}"
    return {"errcode": error.code, "errmsg": f"{error.text}, hint: [{hint}], from ip: {ip}, more info at {link}"}
