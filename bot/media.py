"""What families send as files is fetched at once: WeCom forgets it after 3 days."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs import Job, defer
from integrations.wecom.client import WecomClient
from integrations.wecom.errors import WecomError
from records.database import Database
from records.message import Inbound

log = structlog.get_logger(__name__)

# In a voice message's outcome: what was heard and what became of it, as bot/voices.py says; WAITING until it is tried.
VOICE, WAITING = "voice", "waiting"
FORGET = "forget_media"
MEDIA_TYPES = ("image", "voice", "video", "file")


class MediaStore:
    """Keeps files in `folder`, named by the message that brought them. `hears` says that voice messages are recognised."""

    def __init__(self, db: Database, client: WecomClient, clock: Callable[[], datetime], folder: Path, *, hears: bool = False) -> None:
        self._db, self._client, self._clock, self._folder = db, client, clock, folder
        self._hears = hears

    async def fetch(self, key: str) -> None:
        """Fetch the file of message `key`. A repeat writes the same file; a file that WeCom no longer has is noted as gone."""
        async with self._db.transaction() as tx:
            message = await tx.get(Inbound, int(key))
        if message is None or "media" in message.outcome:
            return
        body = message.body.get(message.msgtype)
        media_id = body.get("media_id") if isinstance(body, dict) else None
        if not isinstance(media_id, str):
            await self._note(message.id, {"error": "no_media_id"})
            return
        try:
            media = await self._client.download(media_id)
            path = self._folder / f"{message.sent_at:%Y%m}" / f"{message.id}"
            await asyncio.to_thread(_write, path, media.data)
            note: dict[str, Any] = {"file": str(path.relative_to(self._folder)), "type": media.content_type, "bytes": len(media.data)}
        except WecomError as err:
            if not err.permanent:
                raise
            log.warning("media cannot be fetched", message=message.id, code=err.code)
            note = {"error": err.code}
        await self._note(message.id, note)

    async def forget(self, key: str) -> None:
        """Remove the kept file `key` of a message that was erased; one that is gone already is as good."""
        path = (self._folder / key).resolve()
        if path.is_relative_to(self._folder.resolve()):
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _note(self, message_id: int, note: dict[str, Any]) -> None:
        async with self._db.transaction() as tx:
            row = await tx.scalar(select(Inbound).where(Inbound.id == message_id).with_for_update())
            if row is None and "file" in note:
                # Erased while it was fetched.
                await forget_files(tx, [note["file"]])
            if row is not None:
                row.outcome = {**row.outcome, "media": note}
                if row.msgtype == "image":
                    await defer(tx, [picture_job(message_id)])
                if row.msgtype == "voice" and self._hears:
                    # Kept with it: a voice message that nobody was to hear when it came is never offered again.
                    row.outcome = {**row.outcome, VOICE: {"state": WAITING}}
                    await defer(tx, [voice_job(message_id, row.chat_id)])


async def forget_files(tx: AsyncSession, files: Iterable[str]) -> None:
    """Have a worker remove these kept files once the caller's transaction is there."""
    await defer(tx, [Job(FORGET, file) for file in files])


def picture_job(message_id: int) -> Job:
    """The job that reads an image. Two at a time: those that wait for the one engine of a worker must not hold up everything else."""
    return Job("picture", str(message_id), lock=f"picture:{message_id % 2}")


def voice_job(message_id: int, chat_id: int) -> Job:
    """The job that hears a voice message: those of a chat in order, and four at a time, so that a slow recogniser holds up nothing else."""
    return Job("voice", str(message_id), lock=f"voice:{chat_id % 4}")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.rename(path)
