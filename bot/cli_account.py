"""`careloop account …`: who may sign in to the console. Help is instant: every command imports what it needs when it runs."""

from typing import Annotated

import typer

account = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Who may sign in to the console: passwords with a second factor, and roles."
)

Userid = Annotated[str, typer.Argument(help="The staff member's userid.")]
Team = Annotated[str | None, typer.Option(help="In this team only. Left out: everywhere.")]
RoleCode = Annotated[str, typer.Argument(help="clinician, lead, editor, trainer, administrator, or one of your own.")]


@account.command()
def password(
    userid: Userid,
    login: Annotated[str | None, typer.Option(help="Name to sign in with. Left out: the userid.")] = None,
    chosen: Annotated[
        str, typer.Option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="At least 12 characters.")
    ] = "",
) -> None:
    """Give a staff member a password and a second factor, shown once as a QR code for an authenticator app. His sessions end."""
    from bot.account import password_command

    password_command(userid, login or userid, chosen)


@account.command()
def unlock(userid: Userid) -> None:
    """Let somebody try again who has typed a wrong password too often."""
    from bot.account import unlock_command

    unlock_command(userid)


@account.command()
def grant(userid: Userid, role: RoleCode, team: Team = None) -> None:
    """Give a role."""
    from bot.account import role_command

    role_command(userid, role, team, given=True)


@account.command()
def revoke(userid: Userid, role: RoleCode, team: Team = None) -> None:
    """Take a role back."""
    from bot.account import role_command

    role_command(userid, role, team, given=False)


@account.command()
def sync() -> None:
    """Take staff and departments over from WeCom's directory; from then on workers do so every six hours. Nobody gets a right by it."""
    from bot.account import sync_command

    sync_command()
