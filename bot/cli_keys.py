"""`careloop keys …`: with what patients' names and numbers are encrypted. Help is instant: every command imports what it needs."""

from typing import Annotated

import typer

keys = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Keys of patients' names and numbers: made, changed, retired; docs/encryption.md."
)

Name = Annotated[str, typer.Argument(help="The key's name, as `careloop keys list` shows it.")]


@keys.command("list")
def list_keys() -> None:
    """Each key, since when it is what it is, and how many values are sealed with it."""
    from bot.keys_command import list_command

    list_command()


@keys.command("new")
def new(name: Annotated[str | None, typer.Argument(help="Its name; left out: the next of k1, k2 …")] = None) -> None:
    """Make a key and add it to the key file. Nothing is sealed with it yet: bring the file to all machines first."""
    from bot.keys_command import new_command

    new_command(name)


@keys.command("rotate")
def rotate(name: Name) -> None:
    """Seal with this key from now on, and have workers seal anew what is on file, in the background."""
    from bot.keys_command import rotate_command

    rotate_command(name)


@keys.command("reseal")
def reseal() -> None:
    """Seal anew what is on file, now and from the beginning; Ctrl-C stops it, and the workers go on there."""
    from bot.keys_command import reseal_command

    reseal_command()


@keys.command("retire")
def retire(name: Name) -> None:
    """Let go of a key that nothing is sealed with any more; then it may be taken from the key file, but not from its copies."""
    from bot.keys_command import retire_command

    retire_command(name)
