"""How the documents of a FHIR feed are read, whether they were posted or polled."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.intake.feeds import Feed
from integrations.event import Message
from integrations.fhir.bundle import messages
from integrations.fhir.document import parse
from integrations.fhir.person import Source

# As large as the largest body that the settings allow.
MAX_STORED = 64 << 20


def source_of(name: str, settings: Mapping[str, Any], received_at: datetime, zone: ZoneInfo) -> Source:
    """How a feed's documents are to be read: `identifiers` names its numberings, `releases` says that what is final may be shown."""
    systems = settings.get("identifiers")
    return Source(name, zone, received_at, systems if isinstance(systems, dict) else {}, releases=settings.get("releases") is True)


def read_fhir(feed: Feed, body: bytes, received_at: datetime, zone: ZoneInfo) -> Iterable[Message]:
    """What a stored document says: for the dead letters of programs, and for what was polled. Raises FhirError."""
    settings = {"identifiers": feed.settings.identifiers, **(feed.settings.model_extra or {})}
    parts = messages(parse(body, max_bytes=MAX_STORED), source_of(feed.name, settings, received_at, zone))
    for part in parts:
        if part.error is not None:
            raise part.error
    return [part.message for part in parts if part.message is not None]
