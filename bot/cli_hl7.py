"""`careloop hl7`: what HL7 messages say, for people who connect a hospital's systems."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from integrations.hl7.errors import HL7Error
from integrations.hl7.fields import fields_of
from integrations.hl7.recording import messages_of

REASONS = {
    "not_hl7": "there is no MSH segment, so it is no HL7 v2 message",
    "too_large": "it is larger than 32 MB",
    "depth": "it has more segments, fields or repetitions than any message has",
    "charset_unknown": "the charset asked for is none that HL7 knows",
    "no_start": "the frame has no start block (0x0B)",
    "unterminated": "the frame never ends (0x1C 0x0D)",
    "no_control_id": "MSH-10 is empty, so it could be neither acknowledged nor told from a repeat",
    "no_type": "MSH-9 is empty",
    "unknown_type": "its type (MSH-9) is none that is taken",
    "unknown_version": "its version (MSH-12) is no 2.x",
    "unknown_processing_id": "its processing id (MSH-11) is none of P, T, D",
}


def run_hl7(files: Sequence[Path], charset: str | None) -> None:
    """A line of JSON for every message; the reason, on standard error, for every one that cannot be read, and then exit code 1."""
    failed = False
    for file in files:
        try:
            data = file.read_bytes()
        except OSError as err:
            failed = True
            sys.stderr.write(f"careloop: {file}: {err.strerror}\n")
            continue
        for number, found in enumerate(messages_of(data, charset), 1):
            if isinstance(found, HL7Error):
                failed = True
                sys.stderr.write(f"careloop: {file}, message {number}: {found.code}, {REASONS.get(found.code, 'it cannot be read')}\n")
            else:
                # Bytes, as a hospital's Windows console may have a charset that lacks the name of a child.
                sys.stdout.buffer.write(json.dumps(fields_of(found), ensure_ascii=False).encode() + b"\n")
                sys.stdout.buffer.flush()
    if failed:
        raise SystemExit(1)
