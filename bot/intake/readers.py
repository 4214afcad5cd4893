"""Which program reads which kind of feed: from a stored message's bytes to what it says."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.fhir.source import read_fhir
from bot.intake.applying import Reader
from bot.intake.feeds import Feed
from bot.intake.view_rows import read_stored as read_view_row
from integrations.event import Message
from integrations.hl7.events import to_message
from integrations.hl7.identifiers import Source
from integrations.hl7.read import read

# Stands beside every message that was applied; counted up when reading or applying changes what messages come to mean, so that those
# that an older program took can be found and replayed.
VERSION = "1"


class UnreadableKind(Exception):
    """This program cannot read feeds of this kind."""

    code, permanent = "no_reader", True


def read_hl7(feed: Feed, body: bytes, received_at: datetime, zone: ZoneInfo) -> Iterable[Message]:
    """What an HL7 v2 message says. Raises HL7Error."""
    source = Source(feed.name, zone, feed.settings.identifiers)
    return [to_message(read(body, feed.settings.charset), source)]


READERS: Mapping[str, Reader] = {"fhir": read_fhir, "hl7": read_hl7, "sqlview": read_view_row}


def read_message(feed: Feed, body: bytes, received_at: datetime, zone: ZoneInfo) -> Iterable[Message]:
    """What a message of any kind of feed says. Raises UnreadableKind and what the kind's reader raises."""
    if feed.kind not in READERS:
        raise UnreadableKind(feed.kind)
    return READERS[feed.kind](feed, body, received_at, zone)
