"""What `careloop content …` does."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy.orm import undefer

from bot.content_desk import Desk, at_desk, line_of, team_named, visible_to
from bot.drafts import export_drafts, waiting_drafts
from bot.links import find_patient
from plans.clock import local_day
from plans.content import lifecycle
from plans.content.authoring import read_contents, write_contents
from plans.content.catalogue import moves_of, newest_of, versions_of
from plans.content.check import check_content
from plans.content.kept import content_of
from plans.content.lifecycle import Draft, find_item
from plans.content.match import match
from plans.content.push import push_content, push_counts
from plans.content.review_due import reviews_due
from plans.content.store import keep_media, kept_media
from plans.content.words import ContentRefused, say
from records.content import ContentMedia
from records.content_read import reads
from records.patient import access_patient
from tagging.cohort.scope import scope_of_staff


def list_command(by: str, *, state: str | None, team: str | None) -> None:
    """`careloop content list`."""

    async def work(desk: Desk) -> str:
        rows = await visible_to(desk, team)
        lines = []
        for item, versions in rows.items():
            shown = [version for version in versions if version.state == (state or version.state)]
            if state is None:
                shown = [version for version in shown if version.state in ("published", "draft", "reviewed")] or shown[-1:]
            lines += [line_of(item, version) for version in shown]
        return "\n".join(lines) or "Nothing."

    print(at_desk(work, by))


def show_command(code: str, by: str, *, version: int | None) -> None:
    """`careloop content show`."""

    async def work(desk: Desk) -> str:
        item = await find_item(desk.tx, desk.staff, code)
        versions = await versions_of(desk.tx, item)
        chosen = next((each for each in versions if each.version == version), None) if version else newest_of(versions)
        if chosen is None:
            raise ContentRefused("no_version", code=code)
        lines = [line_of(item, each) for each in versions]
        numbers = {each.id: each.version for each in versions}
        for each in await moves_of(desk.tx, versions):
            moved = f"v{numbers[each.entity_id]}  {each.old or '-'} → {each.new}  {each.by}  {each.reason or ''}"
            lines.append(f"  {each.at.astimezone(desk.zone):%Y-%m-%d %H:%M}  {moved}".rstrip())
        content = content_of(chosen)
        lines += ["", f"v{chosen.version} {chosen.title}", *(f"[{field}] {text}" for field, text in content.words() if field != "title")]
        checked = check_content(content)
        lines += [f"! {each}" for each in (*checked.banned, *checked.hints)]
        return "\n".join(lines)

    print(at_desk(work, by))


def import_command(file: Path, by: str, *, team: str | None) -> None:
    """`careloop content import`: all drafts of a file, or none and every mistake."""

    async def work(desk: Desk) -> str:
        scope = await scope_of_staff(desk.tx, desk.staff, now=desk.now, zone=desk.zone)
        found = read_contents(file, scope, await kept_media(desk.tx))
        team_id = await team_named(desk.tx, team)
        await keep_media(desk.tx, found.media.values(), by=desk.staff.userid, now=desk.now)
        lines = []
        for content in found.contents:
            draft = Draft(content, check_content(content))
            version = await lifecycle.save_draft(desk.tx, draft, team_id=team_id, by=desk.staff, now=desk.now, zone=desk.zone)
            lines.append(f"{content.code}  v{version.version}  {version.state}  reading level {version.reading_level}")
            lines += [f"  ! {each}" for each in (*draft.checked.banned, *draft.checked.hints)]
        return "\n".join(lines)

    print(at_desk(work, by))


def export_command(file: Path, by: str, *, codes: list[str]) -> None:
    """`careloop content export`: contents with the files in them, ready to be changed and imported."""

    async def work(desk: Desk) -> str:
        rows = await visible_to(desk)
        if codes:
            for code in codes:
                await find_item(desk.tx, desk.staff, code)
            rows = {item: versions for item, versions in rows.items() if item.code in codes}
        chosen = [version for versions in rows.values() if (version := newest_of(versions)) is not None]
        write_contents(file, [version.definition for version in chosen])
        written = 0
        for version in chosen:
            for block in getattr(content_of(version), "blocks", ()):
                media = block.media
                if media is None or (path := file.parent / media.file).exists():
                    continue
                kept = await desk.tx.get(ContentMedia, media.sha256, options=[undefer(ContentMedia.data)])
                if kept is not None:
                    path.write_bytes(kept.data)
                    written += 1
        return f"{len(chosen)} contents in {file}, {written} files beside it"

    print(at_desk(work, by))


def review_command(code: str, by: str, *, back: str | None, note: str) -> None:
    """`careloop content review`."""

    async def work(desk: Desk) -> str:
        item = await find_item(desk.tx, desk.staff, code)
        versions = await versions_of(desk.tx, item)
        open_one = next((each for each in versions if each.state == "draft"), None) or newest_of(versions)
        if open_one is None:
            raise ContentRefused("no_version", code=code)
        checked = check_content(content_of(open_one))
        version = await lifecycle.review(
            desk.tx, code, by=desk.staff, now=desk.now, checked=checked, approve=back is None, note=back if back is not None else note
        )
        return "\n".join([line_of(item, version), *(f"  ! {each}" for each in checked.hints)])

    print(at_desk(work, by))


def publish_command(code: str, by: str) -> None:
    """`careloop content publish`."""

    async def work(desk: Desk) -> str:
        version = await lifecycle.publish(desk.tx, code, by=desk.staff, now=desk.now, zone=desk.zone)
        return f"{code}  v{version.version} is published; the bot finds it within seconds"

    print(at_desk(work, by))


def expire_command(code: str, by: str, *, reason: str, wrong: bool) -> None:
    """`careloop content expire`."""

    async def work(desk: Desk) -> str:
        version = await lifecycle.take_back(desk.tx, code, by=desk.staff, now=desk.now, reason=reason, wrong=wrong)
        return f"{code}  v{version.version} is {version.state}: not found and not sent any more"

    print(at_desk(work, by))


def drop_command(code: str, by: str, *, reason: str) -> None:
    """`careloop content drop`."""

    async def work(desk: Desk) -> str:
        version = await lifecycle.drop(desk.tx, code, by=desk.staff, now=desk.now, reason=reason)
        return f"{code}  v{version.version} is dropped"

    print(at_desk(work, by))


def push_command(code: str, record_number: str, by: str, *, because: str, again: bool) -> None:
    """`careloop content push`."""

    async def work(desk: Desk) -> str:
        patient = await find_patient(desk.tx, record_number)
        await access_patient(desk.tx, desk.staff, patient.id, now=desk.now, why="content push")
        key = f"staff:{desk.staff.userid}:{patient.id}:{code}:{local_day(desk.now, desk.zone):%Y%m%d}"
        push = await push_content(desk.tx, patient, code, because=because, key=key, now=desk.now, by=desk.staff.userid, again=again)
        told = say(f"push.{push.reason}") if push.reason else ""
        return f"{code} for {record_number}: {push.state}{'，' + told if told else ''}"

    print(at_desk(work, by))


def match_command(record_number: str, by: str, *, limit: int) -> None:
    """`careloop content match`."""

    async def work(desk: Desk) -> str:
        patient = await find_patient(desk.tx, record_number)
        await access_patient(desk.tx, desk.staff, patient.id, now=desk.now, why="content match")
        found = await match(desk.tx, patient, desk.now, desk.zone, limit=limit)
        return (
            "\n".join(f"{each.score:5.2f}  {each.code}  v{each.version}  {each.title}  —  {'；'.join(each.why)}" for each in found)
            or "Nothing."
        )

    print(at_desk(work, by))


def stats_command(by: str, *, code: str | None, as_csv: bool) -> None:
    """`careloop content stats`."""

    async def work(desk: Desk) -> str:
        visible = {item.code for item in await visible_to(desk)}
        pushes = await push_counts(desk.tx, code)
        rows = [each for each in await reads(desk.tx, article=code) if each.article in visible]
        header = ("content", "version", "answered", "pushed", "opened", "finished", "useful", "useless")
        table = [(r.article, r.version, r.answered, r.pushed, r.opened, r.finished, r.useful, r.useless) for r in rows]
        if as_csv:
            return "\n".join(",".join(map(str, row)) for row in (header, *table))
        lines = [f"{header[0]:<28}" + "".join(f"{name:>10}" for name in header[1:])]
        lines += [f"{row[0]:<28}" + "".join(f"{value:>10}" for value in row[1:]) for row in table]
        for name, counts in sorted(pushes.items()):
            if name in visible:
                lines.append(f"pushes of {name}: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
        return "\n".join(lines)

    print(at_desk(work, by))


def due_command(by: str, *, days: int) -> None:
    """`careloop content due`."""

    async def work(desk: Desk) -> str:
        visible = {item.id for item in await visible_to(desk)}
        due = await reviews_due(desk.tx, local_day(desk.now, desk.zone), timedelta(days=days))
        return "\n".join(f"{version.review_by}  {line_of(item, version)}" for version, item in due if item.id in visible) or "Nothing."

    print(at_desk(work, by))


def answers_command(file: Path | None, by: str) -> None:
    """`careloop content draft`."""

    async def work(desk: Desk) -> str:
        if file is None:
            lines = [
                f"{each.id}  {each.at:%Y-%m-%d}  {each.by}\n  问：{each.question}\n  答：{each.answer}"
                for each in await waiting_drafts(desk.tx)
            ]
            return "\n".join(lines) or "Nothing."
        count = await export_drafts(desk.tx, file, by=desk.staff.userid, now=desk.now)
        return f"{count} drafts" + (f" in {file}" if count else ", nothing written")

    print(at_desk(work, by))
