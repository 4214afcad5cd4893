"""`careloop content`: what clinicians answered and want in the library, and how often articles were read and helped."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

content = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Articles for families: drafts from clinicians' answers, and reads."
)

_Result = TypeVar("_Result")


@content.command("drafts")
def list_drafts() -> None:
    """Answers that clinicians put aside for the library and that nobody has exported yet."""
    from bot.drafts import waiting_drafts

    for draft in _with_database(lambda tx, now: waiting_drafts(tx)):
        print(f"{draft.id}  {draft.at:%Y-%m-%d}  {draft.by}\n  问：{draft.question}\n  答：{draft.answer}")


@content.command("export")
def export_drafts_to(
    file: Annotated[Path, typer.Argument(help="New YAML file, such as drafts.yml after review.", dir_okay=False)],
    by: Annotated[str, typer.Option(help="Who exports, as it is to be kept.")],
) -> None:
    """Write the drafts as articles for a reviewer to complete. Nothing is shown to families before that."""
    from bot.drafts import export_drafts

    if file.exists():
        raise typer.BadParameter(f"{file} is there already")
    count = _with_database(lambda tx, now: export_drafts(tx, file, by=by, now=now))
    print(f"{count} drafts" + (f" in {file}" if count else ", nothing written"))


@content.command("reads")
def list_reads() -> None:
    """How often each article was shown, and how many families said that it helped or did not, the most read first."""
    from records.content_read import reads

    for each in _with_database(lambda tx, now: reads(tx)):
        shown = each.answered + each.pushed
        print(f"{each.article}  v{each.version}  {shown}  有用 {each.useful}  没帮上 {each.useless}")


def _with_database(work: "Callable[..., Awaitable[_Result]]") -> _Result:
    """Run `work(tx, now)` in one transaction on the installation's database."""
    import asyncio

    from bot.app import core
    from bot.settings import load_settings

    async def run() -> _Result:
        async with core(load_settings(), role="content", pool_size=1) as parts, parts.db.transaction() as tx:
            return await work(tx, parts.clock())

    return asyncio.run(run())
