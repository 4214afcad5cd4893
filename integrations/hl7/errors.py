"""Why a message cannot be read."""


class HL7Error(Exception):
    """These bytes are no HL7 v2 message that can be read, or one that says nothing that can be used.

    Of bytes: not_hl7 (no MSH segment), too_large (more than LARGEST bytes), charset_unknown (an override that names no charset), depth
    (more segments, fields, repetitions or patients than any message has). Of what it says: no_patient (no PID where there must be one),
    no_identifier (a PID without a number), no_second (a merge or link with only one side), no_start and no_number (an appointment without
    time or number). Of an answer: see `ack`. None passes by itself: `permanent` is True unless said otherwise.
    """

    def __init__(self, code: str, *, permanent: bool = True) -> None:
        super().__init__(code)
        self.code, self.permanent = code, permanent
