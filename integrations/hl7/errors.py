"""Why a message cannot be read."""


class HL7Error(Exception):
    """These bytes are no HL7 v2 message that can be read.

    `code`: not_hl7 (no MSH segment), too_large (more than LARGEST bytes), charset_unknown (an override that names no charset),
    depth (more fields than any message has). None of these passes by itself: `permanent` is True unless said otherwise.
    """

    def __init__(self, code: str, *, permanent: bool = True) -> None:
        super().__init__(code)
        self.code, self.permanent = code, permanent
