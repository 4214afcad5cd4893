"""`careloop family …`: who speaks for a child. Help is instant: every command imports what it needs when it runs."""

from typing import Annotated

import typer

family = typer.Typer(rich_markup_mode=None, no_args_is_help=True, help="Families: links for discharge sheets, who is bound to a child.")

Number = Annotated[str, typer.Argument(help="The child's record number.")]
Userid = Annotated[str, typer.Argument(help="The carer's external_userid, as `careloop family show` prints it.")]


@family.command()
def link(record_number: Number) -> None:
    """A signed link (make it a QR code) for the child's discharge sheet. It binds one account, within 14 days."""
    from bot.families import print_sheet

    print_sheet(record_number)


@family.command()
def show(record_number: Number) -> None:
    """Who is bound to the child, as what, with which consent, and who gets the follow-ups."""
    from bot.families import print_family

    print_family(record_number)


@family.command()
def unbind(record_number: Number, external_userid: Userid, why: Annotated[str, typer.Option(help="Kept with the change.")]) -> None:
    """Take an account off a child, such as one that was bound by mistake. What it reported stays, with the messages it came from."""
    from bot.families import unbind_command

    unbind_command(record_number, external_userid, why)


@family.command()
def primary(record_number: Number, external_userid: Userid) -> None:
    """Send the child's follow-ups to this carer from now on."""
    from bot.families import primary_command

    primary_command(record_number, external_userid)


@family.command()
def channels(record_number: Number) -> None:
    """Where the child's carers are reached outside the chat: official account, mini program, text messages, and what they agreed to."""
    from bot.family_channels import print_channels

    print_channels(record_number)


@family.command()
def push(
    record_number: Number,
    external_userid: Userid,
    channel: Annotated[str, typer.Argument(help="official_account, mini_program or sms.")],
    why: Annotated[str, typer.Option(help="Kept with the change.")],
    on: Annotated[bool, typer.Option("--on/--off", help="Allow pushes again, or send none.")] = False,
) -> None:
    """Switch pushes to this carer on one channel off (or on again), as the family says. The chat is not touched."""
    from bot.family_channels import push_command

    push_command(record_number, external_userid, channel, on=on, why=why)
